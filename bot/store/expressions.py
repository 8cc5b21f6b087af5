"""Expressions that database products spell differently.

A backend compiles those of `SUPPLIED` for its dialect. SQLAlchemy spells everything else for every product.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Integer, String, case
from sqlalchemy.sql.functions import FunctionElement


class DecodedText(FunctionElement[str]):
    """The text that bytes in UTF-8 hold."""

    name = "decoded_text"
    type = String()
    inherit_cache = True


class WholePart(FunctionElement[int]):
    """A number without its fraction. Casting rounds on some products and cuts on others."""

    name = "whole_part"
    type = Integer()
    inherit_cache = True


SUPPLIED: tuple[type[FunctionElement[Any]], ...] = (DecodedText, WholePart)
"""The expressions that a backend compiles for its dialect."""


def earlier(instant: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the earlier of two instants; NULL where the first is NULL."""
    return case((instant > other, other), else_=instant)
