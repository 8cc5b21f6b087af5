"""Notices when something holds the event loop, and logs what: until it lets go, no click is answered."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Self

import structlog

from bot.graph.call_stacks import stack_of

BEAT_S = 0.25
"""How often the loop shows that it lives."""
LATE_S = 1.0
"""A loop that has not shown it for so long is held."""

log = structlog.get_logger(__name__)


class LoopWatchdog:
    """Watches the loop that it is started in, from a thread of its own, between `async with` and its end.

    `where` says in a log event's fields where a stack stands.
    """

    def __init__(
        self,
        where: Callable[[FrameType | None], Mapping[str, str]],
        *,
        late_s: float = LATE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._where = where
        self._late_s = late_s
        self._clock = clock
        self._beaten = clock()
        self._stop = threading.Event()

    async def __aenter__(self) -> Self:
        self._loop_thread = threading.get_ident()
        self._beaten = self._clock()
        self._beating = asyncio.create_task(self._beat(), name="loop watch")
        threading.Thread(target=self._watch, name="loop watch", daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._beating.cancel()

    async def _beat(self) -> None:
        while True:
            self._beaten = self._clock()
            await asyncio.sleep(BEAT_S)

    def _watch(self) -> None:
        while not self._stop.wait(BEAT_S):
            beaten = self._beaten
            if self._clock() - beaten < self._late_s:
                continue
            where = self._where(stack_of(self._loop_thread))
            log.error(
                "something holds the event loop, so nothing else goes on; move the blocking call into a "
                "synchronous tool or asyncio.to_thread",
                **where,
            )
            while self._beaten == beaten and not self._stop.wait(BEAT_S):
                pass
            log.warning("the event loop goes on", held_s=round(self._clock() - beaten, 1), **where)
