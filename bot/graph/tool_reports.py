"""What the tools of a run did, from where they end to the store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from bot.errors import MembraneError

log = structlog.get_logger(__name__)


class ToolReports:
    """The reports of one run: written one after another, in the order in which the tools ended.

    LangChain tells of a tool's end in a plain call, on whichever thread the tool was called from. So a report
    is noted there and written on the membrane's loop. Before the thread saves a step, and before its run is
    settled, what was noted is written: no saved state knows more of a tool than the store.
    """

    def __init__(self) -> None:
        self._noted: deque[Callable[[], Coroutine[Any, Any, Any]]] = deque()
        self._lock = asyncio.Lock()
        self._waiting: set[asyncio.Task[Any]] = set()

    def note(self, report: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Note a report. Safe to use from any thread."""
        self._noted.append(report)

    async def write(self) -> None:
        """Write what was noted, on the membrane's loop. Who is cancelled leaves the rest to another."""
        async with self._lock:
            while self._noted:
                report = self._noted.popleft()
                try:
                    await report()
                except MembraneError:
                    log.exception("what became of a call could not be reported; it is unknown in time")
                except asyncio.CancelledError:
                    self._noted.appendleft(report)  # made twice, it changes nothing
                    raise

    async def written(self) -> None:
        """Write what was noted before going on, as part of the run."""
        if not self._noted and not self._lock.locked():
            return
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            await self.write()
        finally:
            self._waiting.discard(task)

    def abandon(self) -> None:
        """Cancel what waits in a run that is broken off: saves that may not come before the reports."""
        for task in self._waiting:
            task.cancel()
