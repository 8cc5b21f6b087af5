"""The hosted threads that run now, each in one task, and those to look at again later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from bot.domain.durations import in_sentence
from bot.graph.reconciler import STALLED_S, TryLater

CANCEL_S = 5.0
"""Seconds that a stop waits for the runs that it cancelled."""

log = structlog.get_logger(__name__)


class RunningThreads:
    """Runs at most `places` hosted threads at once, each in one task.

    `ended` is called with a thread's id whenever its task has ended. Times are seconds of `clock`.
    """

    def __init__(self, places: int, clock: Callable[[], float], ended: Callable[[str], None]) -> None:
        self._places = places
        self._clock = clock
        self._ended = ended
        self._closed = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, float] = {}
        """When each task began, in seconds of the monotonic clock."""
        self._later: dict[str, float] = {}
        """Threads to look at, and from when on. Every start rebuilds it from the store."""

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, thread_id: str) -> bool:
        return thread_id in self._tasks

    @property
    def free(self) -> int:
        """How many threads may start now."""
        return 0 if self._closed else max(0, self._places - len(self._tasks))

    def start(self, thread_id: str, run: Coroutine[Any, Any, None]) -> None:
        """Run a thread in a task of its own. The caller makes sure that it does not run already."""
        self._begun[thread_id] = time.monotonic()
        self._tasks[thread_id] = asyncio.create_task(self._watch(thread_id, run), name=f"thread {thread_id}")

    async def _watch(self, thread_id: str, run: Coroutine[Any, Any, None]) -> None:
        try:
            await run
        except TryLater as later:
            log.info("a thread cannot go on now, and is looked at later", thread=thread_id, why=str(later))
            self._later[thread_id] = self._clock() + later.after_s
        except Exception:
            log.exception("a thread could not be handled; it is looked at again", thread=thread_id)
            self._later[thread_id] = self._clock() + STALLED_S
        finally:
            del self._tasks[thread_id], self._begun[thread_id]
            self._ended(thread_id)

    def look_at(self, thread_id: str) -> None:
        """Note that a thread's saved state has to be looked at now, unless a later time is noted already."""
        self._later.setdefault(thread_id, self._clock())

    def waits(self, thread_id: str) -> bool:
        """Whether a thread is to be left alone for now."""
        return self._later.get(thread_id, 0.0) > self._clock()

    def forget(self, thread_id: str) -> bool:
        """Drop the note to look at a thread. Returns whether there was one."""
        return self._later.pop(thread_id, None) is not None

    def to_look_at(self) -> list[str]:
        """Return the threads that do not run and whose time to be looked at has come."""
        now = self._clock()
        return [each for each, at in self._later.items() if at <= now and each not in self._tasks]

    async def cancel(self, thread_id: str) -> None:
        """Cancel a thread's task, if it runs, and wait for its end."""
        if task := self._tasks.get(thread_id):
            task.cancel()
            await asyncio.wait([task])

    def trouble(self, long_s: float) -> str | None:
        """Return a sentence if all places have been taken for `long_s` seconds; else None."""
        if len(self._begun) < self._places:
            return None
        for_s = time.monotonic() - max(self._begun.values())
        if for_s < long_s:
            return None
        oldest = min(self._begun, key=self._begun.__getitem__)
        return f"all {self._places} places have been taken for {in_sentence(for_s)}; the longest by {oldest}"

    async def drain(self, timeout_s: float) -> bool:
        """Wait until no thread runs. Returns False if some still run after `timeout_s` seconds."""
        ends = asyncio.get_running_loop().time() + timeout_s
        while self._tasks and (left := ends - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks.values(), timeout=left)
        return not self._tasks

    def close(self) -> None:
        """Start no more threads."""
        self._closed = True

    async def cancel_all(self) -> set[str]:
        """Cancel every task. Returns the threads whose tasks have ended."""
        left = dict(self._tasks)
        for task in left.values():
            task.cancel()
        await asyncio.wait(left.values(), timeout=CANCEL_S)
        if deaf := [thread_id for thread_id, task in left.items() if not task.done()]:
            log.error("threads do not stop, and are left behind", threads=deaf)
        return left.keys() - set(deaf)
