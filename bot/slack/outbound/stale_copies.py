"""Deletes stale copies in channels that were closed to the bot, such as archived ones, and are open again."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from bot.domain.escalation import Instant
from bot.domain.message_answers import TRANSIENT, FailureKind
from bot.membrane import Outbox
from bot.slack.failures import CallFailed
from bot.slack.web_api import DELETE, Calls

EVERY_S = 30.0
"""How often stale copies are looked for."""

_log = structlog.get_logger(__name__)


class StaleCopies:
    """Deletes copies whose message went elsewhere. Messages that stayed are drawn again like all others."""

    def __init__(self, outbox: Outbox, calls: Calls, clock: Callable[[], float] = time.time) -> None:
        self._outbox = outbox
        self._calls = calls
        self._clock = clock
        self._look_at: Instant = 0.0

    async def clear_up(self) -> None:
        """Delete the copies that are due, at most every 30 seconds."""
        if self._clock() < self._look_at:
            return
        self._look_at = self._clock() + EVERY_S
        delete = self._calls.client.chat_delete
        for leftover in await self._outbox.leftovers():
            try:
                await self._calls.call(DELETE, delete, channel=leftover.channel_id, ts=leftover.ts)
            except CallFailed as failed:
                if failed.failure.kind in TRANSIENT | {FailureKind.CLOSED}:
                    continue
                _log.info("leftover_not_deleted", message=leftover.message_id, error=failed.failure.error)
            await self._outbox.cleared(leftover)
