"""The origin of the running code: a hosted thread, or the bot itself. Tasks that it starts inherit it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Cut = Callable[[str], str]
"""Returns a text without the values that the policy redacts."""

_HOSTED: ContextVar[str | None] = ContextVar("membrane_hosted", default=None)
_CUT: ContextVar[Cut | None] = ContextVar("membrane_cut", default=None)


def code_origin() -> str | None:
    """Return the hosted thread whose code runs, or the graph while it loads; None for the bot's own code."""
    return _HOSTED.get()


def printable(line: str) -> str:
    """Return a printed line as it may be logged: without the values that the running thread redacts."""
    cut = _CUT.get()
    return line if cut is None else cut(line)


@contextmanager
def code_from(name: str | None, cut: Cut | None = None) -> Iterator[None]:
    """Set the origin of the code that runs inside, and what cuts its prints. None is the bot's own code."""
    tokens = _HOSTED.set(name), _CUT.set(cut)
    try:
        yield
    finally:
        _HOSTED.reset(tokens[0])
        _CUT.reset(tokens[1])
