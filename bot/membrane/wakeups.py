"""Events that wake the courier, the graph host and long polls after a commit.

A missed event delays work by an interval and loses nothing: the rows say what is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOK_AGAIN_S = 5.0
"""Seconds between the looks that a long poll makes without an event, in case it missed one."""


class Wakeups:
    """`messages` wakes the courier, `threads` wakes the graph host. Long polls watch a subject.

    A subject is the id of an action or a thread.
    """

    def __init__(self) -> None:
        self.messages = asyncio.Event()
        self.threads = asyncio.Event()
        self._watchers: dict[str, set[asyncio.Event]] = {}

    def wake(self, subject: str | None = None) -> None:
        """Wake the courier, the graph host, and everybody who watches this subject."""
        self.threads.set()
        self.changed(subject)

    def changed(self, subject: str | None = None) -> None:
        """Wake the courier and everybody who watches this subject. The graph host has nothing new to do."""
        self.messages.set()
        for event in self._watchers.get(subject or "", ()):
            event.set()

    def is_watched(self, subject: str) -> bool:
        """Whether somebody watches this subject."""
        return subject in self._watchers

    @contextmanager
    def watch(self, subject: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever the subject changes."""
        event = asyncio.Event()
        watching = self._watchers.setdefault(subject, set())
        watching.add(event)
        try:
            yield event
        finally:
            watching.discard(event)
            if not watching:
                self._watchers.pop(subject, None)


async def wait_for(event: asyncio.Event, interval_s: float) -> None:
    """Wait for an event, at most `interval_s` seconds, and clear it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(interval_s):
            await event.wait()
    event.clear()
