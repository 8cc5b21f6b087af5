"""Finds tool classes that override how LangChain starts a tool, and so bypass its callbacks."""

from __future__ import annotations

import inspect
from types import FunctionType

from langchain_core.tools import BaseTool

STARTS = ("invoke", "ainvoke", "run", "arun", "__call__")
"""The methods that start a tool. LangChain's versions call `_run` or `_arun`."""
_LANGCHAIN = "langchain_core."


def own_start(tool: type[BaseTool]) -> str | None:
    """Return the method with which a class starts its tool past LangChain's own; None if there is none.

    A method that calls `super()` is assumed to reach LangChain's in the end.
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
