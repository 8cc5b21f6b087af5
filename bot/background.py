"""Long-running work that starts and stops with the bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


class Background:
    """Runs work beside everything else. If one piece ends before it is stopped, the whole bot stops."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None

    @asynccontextmanager
    async def running(self, name: str, work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
        """Run `work` inside the `async with` block, and cancel it at the end."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._failure = task.exception()
            self._stopping.set()

    def stop(self) -> None:
        """Ask the bot to stop."""
        self._stopping.set()

    async def stopped(self) -> None:
        """Wait until the bot is asked to stop. Raises the error of the work that ended it, if any."""
        await self._stopping.wait()
        if self._failure is not None:
            raise self._failure
