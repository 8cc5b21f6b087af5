"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel

from bot.domain.spelling import nearest

MOST_NAMED = 12
"""Names that are listed if none is close."""


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """Return a sentence that calls a name unknown and suggests the nearest known one, or lists them."""
    names = sorted(known)
    if (near := nearest(name, names)) is not None:
        return f"it is not {what}; did you mean {near}?"
    if not names:
        return f"it is not {what}; there are none"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"it is not {what}; there are {', '.join(names[:MOST_NAMED])}{more}"


def fields_at(model: type[BaseModel], path: Iterable[str | int]) -> list[str] | None:
    """Return the names of the fields of the object at a path in a model; None if there is no model."""
    found: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, int):
            continue
        field = found.model_fields.get(step) if found is not None else None
        found = _model_in(field.annotation) if field is not None else None
    return list(found.model_fields) if found is not None else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)
