"""Who is woken when a commit made work. A missed bell costs an interval only: rows say what is owed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOK_AGAIN_S = 5.0
"""How often a long poll looks by itself, as a net under the bell."""


class Wakeups:
    """`messages`: the courier has something to show. `threads`: the graph host has something to run."""

    def __init__(self) -> None:
        self.messages = asyncio.Event()
        self.threads = asyncio.Event()
        self._changed: dict[str, set[asyncio.Event]] = {}

    def ring(self, action_id: str | None = None) -> None:
        """Wake everybody, and whoever waits for this action, or this thread."""
        self.threads.set()
        self.moved(action_id)

    def moved(self, action_id: str | None = None) -> None:
        """Wake the courier, and whoever waits for this action: no thread has come due by this."""
        self.messages.set()
        for event in self._changed.get(action_id or "", ()):
            event.set()

    def watched(self, subject: str) -> bool:
        """Whether somebody waits for this action, or this thread."""
        return subject in self._changed

    @contextmanager
    def watch(self, action_id: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever the action changes."""
        event = asyncio.Event()
        watching = self._changed.setdefault(action_id, set())
        watching.add(event)
        try:
            yield event
        finally:
            watching.discard(event)
            if not watching:
                self._changed.pop(action_id, None)


async def wait_for(bell: asyncio.Event, interval_s: float) -> None:
    """Wait for a bell or for `interval_s` seconds, whichever is first, and silence the bell."""
    with suppress(TimeoutError):
        async with asyncio.timeout(interval_s):
            await bell.wait()
    bell.clear()
