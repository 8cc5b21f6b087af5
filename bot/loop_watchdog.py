"""Logs what blocks the event loop. While it is blocked, no click is answered."""

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
"""Interval of the loop's sign of life."""
LATE_S = 1.0
"""A loop without a sign of life for this long is blocked."""

log = structlog.get_logger(__name__)


class LoopWatchdog:
    """Watches the running event loop from a thread of its own, inside the `async with` block.

    `where` describes a stack as fields of a log event.
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
                "something blocks the event loop, so nothing else runs; move the blocking call into a "
                "synchronous tool or asyncio.to_thread",
                **where,
            )
            while self._beaten == beaten and not self._stop.wait(BEAT_S):
                pass
            log.warning("the event loop runs again", held_s=round(self._clock() - beaten, 1), **where)
