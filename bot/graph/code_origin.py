"""Whose code runs: a hosted thread's, or the bot's own. Tasks that hosted code starts inherit it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Cut = Callable[[str], str]
"""Returns words without what the policy redacts."""

_HOSTED: ContextVar[str | None] = ContextVar("membrane_hosted", default=None)
_CUT: ContextVar[Cut | None] = ContextVar("membrane_cut", default=None)


def code_origin() -> str | None:
    """Return the thread whose code this is (while it loads, the graph); None: the bot's own."""
    return _HOSTED.get()


def printable(line: str) -> str:
    """Return a line that the code here prints, as it may be logged: without what its thread has redacted."""
    cut = _CUT.get()
    return line if cut is None else cut(line)


@contextmanager
def code_from(name: str | None, cut: Cut | None = None) -> Iterator[None]:
    """Say whose code runs inside, and what cuts its prints. None: the bot's own, which hosted code called."""
    tokens = _HOSTED.set(name), _CUT.set(cut)
    try:
        yield
    finally:
        _HOSTED.reset(tokens[0])
        _CUT.reset(tokens[1])
