"""Whose code runs: a hosted thread's, or the bot's own. Tasks that hosted code starts inherit it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_HOSTED: ContextVar[str | None] = ContextVar("membrane_hosted", default=None)


def hosted() -> str | None:
    """Return the thread whose code this is (while it loads, the graph); None: the bot's own."""
    return _HOSTED.get()


@contextmanager
def hosting(name: str | None) -> Iterator[None]:
    """Say whose code runs inside. None: the bot's own, which hosted code called."""
    token = _HOSTED.set(name)
    try:
        yield
    finally:
        _HOSTED.reset(token)
