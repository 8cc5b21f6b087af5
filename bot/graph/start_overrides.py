"""How a tool's class starts it: through LangChain's own code, which tells callbacks, or past it."""

from __future__ import annotations

import inspect
from types import FunctionType

from langchain_core.tools import BaseTool

STARTS = ("invoke", "ainvoke", "run", "arun", "__call__")
"""The methods that start a tool. `_run` and `_arun` are what LangChain starts."""
_LANGCHAIN = "langchain_core."


def own_start(tool: type[BaseTool]) -> str | None:
    """Return the method by which a class starts its tool without LangChain's own; None where it does not.

    One that calls `super()` comes to LangChain's in the end, as far as can be seen.
    """
    for name in STARTS:
        for owner in tool.__mro__:
            if owner.__module__.startswith(_LANGCHAIN):
                break
            method = inspect.unwrap(owner.__dict__[name]) if name in owner.__dict__ else None
            if method is not None and not _calls_super(method):
                return name
    return None


def _calls_super(method: object) -> bool:
    return isinstance(method, FunctionType) and "super" in method.__code__.co_names
