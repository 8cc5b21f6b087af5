"""Where the time of a part goes: a few lines of cProfile, of the loop's thread and of the store's writer."""

from __future__ import annotations

import asyncio
import cProfile
import io
import pstats
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from bot.store.groups import Groups
from bot.store.writer import Writer

LINES = 25
OURS = r"(bot/|tests/bench|langgraph|aiosqlite|sqlalchemy|pydantic|method 'execute')"
"""What is worth a line; the rest is the interpreter's own."""


@contextmanager
def _writer_profiled(profile: cProfile.Profile) -> Iterator[None]:
    serve = Groups._serve

    def profiled(groups: Groups[Any]) -> None:
        if not isinstance(groups, Writer):
            return serve(groups)
        profile.enable()
        try:
            serve(groups)
        finally:
            profile.disable()

    with patch.object(Groups, "_serve", profiled):
        yield


def profiled(measure: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Run a part once for each thread, and print where that thread's CPU time went.

    Waiting, for a disk, another thread or the interpreter's lock, is not in it.
    """
    for name in ("the loop's thread", "the store's writer"):
        profile = cProfile.Profile(time.thread_time)
        if name == "the store's writer":
            with _writer_profiled(profile):
                asyncio.run(measure())
        else:
            profile.runcall(asyncio.run, measure())
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("cumulative").print_stats(OURS, LINES)
        print(f"where the CPU time of {name} went", *_lines(text.getvalue()), sep="\n", file=sys.stderr)


def _lines(text: str) -> list[str]:
    found = [line.rstrip() for line in text.splitlines() if line.strip()]
    start = next(place for place, line in enumerate(found) if line.lstrip().startswith("ncalls"))
    return [line.replace("/.venv/lib/", "/…/")[:150] for line in found[start:]]
