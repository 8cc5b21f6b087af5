"""What the tools of a run did, from where they end to the store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from bot.errors import MembraneError

log = structlog.get_logger(__name__)


class Reports:
    """The reports of one run: written one after another, in the order in which the tools ended.

    LangChain tells of a tool's end in a plain call, on whichever thread the tool was called from. So a report
    is noted there and written on the membrane's loop. Before the thread saves a step, and before its run is
    settled, what was noted is written: no saved state knows more of a tool than the store.
    """

    def __init__(self) -> None:
        self._noted: deque[Callable[[], Coroutine[Any, Any, Any]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    def note(self, report: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Note a report, to be written by the next `written`. Safe to use from any thread."""
        self._noted.append(report)

    async def written(self) -> None:
        """Write what was noted. Await it on the membrane's loop; a caller that is cancelled stops nothing."""
        while self._noted or self._writing is not None:
            if self._writing is None:
                self._writing = asyncio.create_task(self._write())
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        try:
            while self._noted:
                try:
                    await self._noted.popleft()()
                except MembraneError:
                    log.exception("what became of a call could not be reported; it is unknown in time")
        finally:
            self._writing = None
