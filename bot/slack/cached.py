"""Caches Slack's answers for a moment; concurrent questions share one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from bot.slack.failures import CallFailed

FRESH_S = 30.0
"""How long an answer is believed."""
FAILED_S = 3.0
"""How long a failure is kept: a burst of clicks asks once."""
MOST_KEPT = 10_000

T = TypeVar("T")


class Kept(Generic[T]):
    """Answers by key. A question that is already on its way is not asked again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, T | CallFailed]] = {}
        self._asked: dict[str, asyncio.Task[T]] = {}

    async def get(self, key: str, fetch: Callable[[], Awaitable[T]], *, fresh: bool = False) -> T:
        until, kept = self._kept.get(key, (0.0, None))
        if kept is not None and self._clock() < until:
            if isinstance(kept, CallFailed):
                raise CallFailed(kept.method, kept.failure)
            if not fresh:
                return kept
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(self._fetch(key, fetch))
            task.add_done_callback(lambda done: self._answered(key, done))
        # Shielded: a click that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    def _answered(self, key: str, done: asyncio.Task[T]) -> None:
        self._asked.pop(key, None)
        if not done.cancelled():
            done.exception()  # retrieved, as nobody may be waiting for it any more

    async def _fetch(self, key: str, fetch: Callable[[], Awaitable[T]]) -> T:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        try:
            answer = await fetch()
        except CallFailed as failed:
            wait = max(FAILED_S, failed.failure.retry_after)
            self._kept[key] = (self._clock() + wait, failed)
            raise
        self._kept[key] = (self._clock() + FRESH_S, answer)
        return answer
