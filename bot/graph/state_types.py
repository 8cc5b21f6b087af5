"""The types that a graph declares in its state: saved state may be read back as these types.

Saved state is read strictly: a type that is not on the reader's list comes back as plain data. LangGraph
makes the list when it compiles a graph, and loses it when the compiled graph is copied (`with_config`, which
create_agent and deepagents use). So the host makes the list itself, from the declarations of a graph and its
sub-graphs.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from langgraph.func import _TaskFunction
from pydantic import BaseModel
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import is_typeddict

from bot.graph.inspection import functions_of, levels, names_in
from bot.graph.loader import AnyGraph

Named = tuple[str, ...]
"""A type by its module and name, as LangGraph's serializer writes it."""


def declared_types(graph: AnyGraph) -> frozenset[Named]:
    """Return the dataclasses, models, enums and named tuples that a graph and its sub-graphs declare."""
    walk = _Walk()
    for _, level in levels(graph):
        walk.found.update(level._serde_allowlist or ())  # noqa: SLF001 - LangGraph's own list, if it is still there
        for declared in _declared(level):
            walk.into(declared)
    return frozenset(walk.found)


def _declared(level: AnyGraph) -> Iterator[Any]:
    """Yield the types of a graph's schemas and channels, and the return types of its tasks."""
    builder = getattr(level, "builder", None)
    yield from getattr(builder, "schemas", ())
    yield getattr(builder, "context_schema", None)
    for channel in level.channels.values():
        yield getattr(channel, "ValueType", None)
        yield getattr(channel, "UpdateType", None)
    for node in level.nodes.values():
        for function in functions_of(node.bound):
            yield from (
                _returned(task.func) for task in names_in(function) if isinstance(task, _TaskFunction)
            )


def _returned(function: Any) -> Any:
    return _hints(function).get("return")


def _hints(typ: Any) -> dict[str, Any]:
    """Return the annotations of a class or a function, as far as they can be resolved."""
    module = vars(sys.modules.get(getattr(typ, "__module__", ""), object))
    try:
        return get_type_hints(typ, dict(module), dict(vars(typ)), include_extras=True)
    except Exception:  # noqa: BLE001 - annotations of hosted code may name what only type checkers know
        return dict(getattr(typ, "__annotations__", {}))


class _Walk:
    """Follows annotations and visits each once."""

    def __init__(self) -> None:
        self.found: set[Named] = set()
        self._seen: list[Any] = []
        self._known: set[Any] = set()

    def into(self, typ: Any) -> None:
        """Note a type, and follow its parts."""
        if typ is None or typ is Any or isinstance(typ, str) or self._again(typ):
            return
        if isinstance(typ, type) and get_origin(typ) is None:
            self._into_class(typ)
        for part in _parts(typ):
            self.into(part)

    def _into_class(self, typ: type[Any]) -> None:
        if _is_revived(typ):
            self.found.add((typ.__module__, typ.__name__))
        elif not is_typeddict(typ):
            return
        for part in _fields(typ):
            self.into(part)

    def _again(self, typ: Any) -> bool:
        try:
            known = typ in self._known
            self._known.add(typ)
        except TypeError:  # an annotation that cannot be hashed
            known = any(each is typ for each in self._seen)
            self._seen.append(typ)
        return known


def _parts(typ: Any) -> Iterable[Any]:
    """Return the parts of a generic, a union, an alias, a new type or a type variable."""
    if isinstance(typ, TypeVar):
        return (typ.__bound__, *typ.__constraints__)
    origin = get_origin(typ)
    if origin is Literal:
        return ()
    if origin is not None:
        return (origin, *get_args(typ))
    return (getattr(typ, "__supertype__", None), getattr(typ, "__value__", None))


def _fields(typ: type[Any]) -> Iterable[Any]:
    hints = _hints(typ)
    models = getattr(typ, "model_fields", None) or {}
    return (*hints.values(), *(getattr(each, "annotation", None) for each in models.values()))


def _is_revived(typ: type[Any]) -> bool:
    """Whether LangGraph's serializer writes a type by its name and calls it when it reads."""
    return (
        dataclasses.is_dataclass(typ)
        or issubclass(typ, BaseModel | BaseModelV1 | Enum)
        or (issubclass(typ, tuple) and hasattr(typ, "_asdict"))
    )
