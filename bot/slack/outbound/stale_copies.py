"""Clears up in places that were closed to the bot and are open again, as a channel that was archived."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from bot.domain.attempts import TRANSIENT, FailureKind
from bot.domain.escalation import Instant
from bot.membrane import Outbox
from bot.slack.failures import CallFailed
from bot.slack.web_api import DELETE, Calls

EVERY_S = 30.0
"""How often it is looked which of them are due."""

_log = structlog.get_logger(__name__)


class StaleCopies:
    """Deletes copies whose message went elsewhere. What is to be drawn again the outbox owes by itself."""

    def __init__(self, outbox: Outbox, calls: Calls, clock: Callable[[], float] = time.time) -> None:
        self._outbox = outbox
        self._calls = calls
        self._clock = clock
        self._look_at: Instant = 0.0

    async def clear_up(self) -> None:
        """Look once, if it is time to."""
        if self._clock() < self._look_at:
            return
        self._look_at = self._clock() + EVERY_S
        delete = self._calls.client.chat_delete
        for leftover in await self._outbox.leftovers():
            try:
                await self._calls.ask(DELETE, delete, channel=leftover.channel_id, ts=leftover.ts)
            except CallFailed as failed:
                if failed.failure.kind in TRANSIENT | {FailureKind.CLOSED}:
                    continue
                _log.info("leftover_not_deleted", message=leftover.message_id, error=failed.failure.error)
            await self._outbox.cleared(leftover)
