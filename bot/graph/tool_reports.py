"""Reports of what a run's tools did, on their way to the store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from bot.errors import MembraneError

log = structlog.get_logger(__name__)


class ToolReports:
    """The reports of one run, written one after another in the order in which the tools ended.

    LangChain announces the end of a tool in a plain call, on the OS thread that called the tool. So a report
    is noted there and written on the membrane's loop. Noted reports are written before the thread saves a
    step and before its run is settled: saved state never knows more about a tool than the store.
    """

    def __init__(self) -> None:
        self._noted: deque[Callable[[], Coroutine[Any, Any, Any]]] = deque()
        self._lock = asyncio.Lock()
        self._waiting: set[asyncio.Task[Any]] = set()

    def note(self, report: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Note a report. Safe to call from any OS thread."""
        self._noted.append(report)

    async def write(self) -> None:
        """Write the noted reports, on the membrane's loop. After a cancel, another call writes the rest."""
        async with self._lock:
            while self._noted:
                report = self._noted.popleft()
                try:
                    await report()
                except MembraneError:
                    log.exception(
                        "the result of a call could not be reported; its receipt will become unknown"
                    )
                except asyncio.CancelledError:
                    self._noted.appendleft(report)  # to report twice changes nothing
                    raise

    async def written(self) -> None:
        """Write the noted reports as part of the run, before it goes on."""
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
        """Cancel the waiting saves of a run that is broken off: they may not come before the reports."""
        for task in self._waiting:
            task.cancel()
