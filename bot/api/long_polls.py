"""Long polls: requests that wait for people, as long as the client listens."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Receive

from bot.api.routes import caller
from bot.errors import TooMany

T = TypeVar("T")

MOST_POLLS = 100
"""Long polls that one token may have open at once."""
RETRY_POLL_S = 5.0
"""Seconds after which a token with too many long polls should try again."""


class Polls:
    """The open long polls. Each token may have MOST_POLLS; all end when the bot stops."""

    def __init__(self, closing: asyncio.Event) -> None:
        self._closing = closing
        self._open: Counter[str] = Counter()

    async def poll(self, request: Request, work: Awaitable[T]) -> T | None:
        """Wait for `work`. Returns None if the client disconnects or the bot stops first."""
        token = caller(request).id
        if self._open[token] >= MOST_POLLS:
            asyncio.ensure_future(work).cancel()
            raise TooMany(f"this token has {MOST_POLLS} requests waiting already", retry_after=RETRY_POLL_S)
        self._open[token] += 1
        request.scope["state"]["visit"].end()  # a request that waits for people needs no turn
        try:
            return await self._first(asyncio.ensure_future(work), request.receive)
        finally:
            self._open[token] -= 1
            if not self._open[token]:
                del self._open[token]

    async def _first(self, working: asyncio.Future[T], receive: Receive) -> T | None:
        others: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(_gone(receive)),
            asyncio.ensure_future(self._closing.wait()),
        }
        try:
            await asyncio.wait([working, *others], return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            tasks: set[asyncio.Future[Any]] = {working, *others}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
