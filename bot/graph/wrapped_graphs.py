"""Finds graphs behind wrappers and containers: a dict, a partial, a method, LangChain's own wrappers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from types import MethodType
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.pregel import Pregel

from bot.graph.loader import AnyGraph

_DEEP = 3
"""Levels of wrappers and containers that are searched."""
_MANY = 200
"""Values of a container that are searched."""
_WRAPPED = ("bound", "steps", "steps__", "runnable", "fallbacks", "func", "afunc", "coroutine")
"""Attributes in which LangChain's runnables keep the runnables that they wrap."""


def graphs_held_by(value: Any, depth: int = _DEEP) -> Iterator[AnyGraph]:
    """Yield the graphs that a value is, wraps or holds, down to `depth` levels."""
    if isinstance(value, Pregel):
        yield value
        return
    if depth:
        for each in islice(_inner(value), _MANY):
            yield from graphs_held_by(each, depth - 1)


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if isinstance(value, partial):
        return (value.func, *value.args, *value.keywords.values())
    if isinstance(value, MethodType):
        owner = value.__self__
        return (owner, *getattr(owner, "__dict__", {}).values())
    if isinstance(value, Runnable):
        return [getattr(value, name, None) for name in _WRAPPED]
    return ()
