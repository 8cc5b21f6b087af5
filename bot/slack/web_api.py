"""Rate-limited Web API client for background work: it obeys `Retry-After`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.escalation import Instant
from bot.domain.message_answers import FailureKind
from bot.slack.failures import CallFailed, Failure, call_slack

T = TypeVar("T")

POST = "chat.postMessage"
UPDATE = "chat.update"
DELETE = "chat.delete"
MOST_KEPT = 1000


class Calls:
    """Rate-limited Web API client for background work. Answers to clicks do not wait for it.

    Slack counts the calls of a method in the whole workspace, and posts by channel:
    https://docs.slack.dev/apis/web-api/rate-limits
    """

    def __init__(self, client: AsyncWebClient, clock: Callable[[], float] = time.time) -> None:
        self.client = client
        self._clock = clock
        self._held: dict[tuple[str, str], Instant] = {}
        self._stopped_until = 0.0

    async def call(
        self, method: str, call: Callable[..., Awaitable[T]], *, changes: bool = False, **arguments: Any
    ) -> T:
        """Make one call of `method`. Raises CallFailed, without a call if the method is held back.

        A call that `changes` nothing is never in doubt: if it broke, it is made again.
        """
        channel_id = str(arguments.get("channel", "")) if method == POST else ""
        wait = self.held_until(method, channel_id) - self._clock()
        if wait > 0:
            raise CallFailed(method, Failure(FailureKind.LIMITED, "ratelimited", wait))
        try:
            return await call_slack(method, call(**arguments), changes=changes)
        except CallFailed as failed:
            if failed.failure.kind is FailureKind.LIMITED:
                self._hold(method, channel_id, failed.failure.retry_after)
            raise

    def held_until(self, method: str, channel_id: str = "") -> Instant:
        """Return until when a method is held back, by channel if Slack counts so; else the past."""
        return max(self._stopped_until, self._held.get((method, channel_id), 0.0))

    def stop(self, seconds: float) -> None:
        """Hold every call back for a while: Slack refuses the token."""
        self._stopped_until = max(self._stopped_until, self._clock() + seconds)

    @property
    def stopped_until(self) -> Instant:
        """Until when every call is held back; the past, if none is."""
        return self._stopped_until

    def _hold(self, method: str, channel_id: str, seconds: float) -> None:
        now = self._clock()
        if len(self._held) >= MOST_KEPT:
            self._held = {key: until for key, until in self._held.items() if until > now}
        until = now + seconds
        self._held[method, channel_id] = max(until, self._held.get((method, channel_id), 0.0))
