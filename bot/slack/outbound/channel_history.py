"""Reads channel histories, to find messages by the id in their metadata.

A post can be lost half-way: the connection breaks, or Slack says `internal_error`, and the message may be
there. A second post without a look makes two. The id in the metadata of each post identifies it.

Slack lets an app that a vendor hosts read one page of 15 messages a minute. So reading continues later where
Slack cut it short, and one reading serves all messages in doubt of its channel.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.domain.escalation import Instant
from bot.domain.message_answers import FailureKind
from bot.slack.failures import CallFailed
from bot.slack.pagination import PAGE, Walk, pages
from bot.slack.web_api import Calls

EVENT_TYPE = "membrane_message"
METHOD = "conversations.history"
SKEW_S = 300.0
"""How far Slack's clock and ours may be apart, once the newest page is not enough."""
MOST_READ = 2000
"""How many messages are read at most, newest first."""
NEWEST = PAGE
"""How many of the newest messages are read whatever their time: so no clock has to be right."""
SLOW_PAGE = 15
"""The page size that Slack gives to an app that a vendor hosts, whatever size was requested."""
AS_NEW_S = 90.0
"""How long after its end a reading serves others: for a minute Slack lets a slow app read nothing else."""
STALE_S = 600.0
"""How long without progress until a reading that was cut short starts again."""
MOST_KEPT = 500
"""Channels whose readings are kept."""


def metadata(message_id: str) -> dict[str, Any]:
    """Return the metadata of a post: an id and no arguments, as everybody in the workspace can read it."""
    return {"event_type": EVENT_TYPE, "event_payload": {"message_id": message_id}}


@dataclass(frozen=True, slots=True)
class Look:
    """The ts of the copies that a channel had, oldest first, and when its newest page was read."""

    found: list[str]
    at: Instant


@dataclass(slots=True)
class _Reading:
    """How far back a channel's history was read, and our messages in it by their id."""

    started: Instant
    walk: Walk = field(default_factory=Walk)
    found: dict[str, list[str]] = field(default_factory=dict)
    count: int = 0
    reached: Instant = float("inf")
    slow: bool = False
    read_at: Instant = 0.0
    """When its last page was read."""
    cut_short: bool = True
    """Whether it still has to go further back."""

    def serves(self, good_from: Instant, now: Instant) -> bool:
        """Whether this reading, once it is complete, serves as well as a new one.

        A complete reading serves only while Slack allows no new one: a new one also has the late posts.
        """
        if self.cut_short:
            return now - self.read_at <= STALE_S
        return self.slow and self.started >= good_from and now - self.read_at <= AS_NEW_S

    def covers(self, since: Instant) -> bool:
        """Whether it goes back to before an instant, or as far as it may go."""
        newest = self.slow or self.count >= NEWEST
        far_enough = newest and self.reached < since - SKEW_S
        return self.walk.ended or self.count >= MOST_READ or far_enough

    def take(self, page: Any, bot_id: str) -> None:
        """Add a page. Only the bot's own messages count, as any app can write metadata."""
        said = page["messages"]
        self.slow = self.slow or (len(said) == SLOW_PAGE and not self.walk.ended)
        for message in said:
            self.count += 1
            self.reached = min(self.reached, float(message["ts"]))
            carried = message.get("metadata") or {}
            message_id = (carried.get("event_payload") or {}).get("message_id")
            if message.get("bot_id") == bot_id and carried.get("event_type") == EVENT_TYPE and message_id:
                self.found.setdefault(str(message_id), []).append(str(message["ts"]))


class Histories:
    """Reads the histories of channels, newest first."""

    def __init__(self, calls: Calls, bot_id: str, clock: Callable[[], float] = time.time) -> None:
        self._calls = calls
        self._bot_id = bot_id
        self._clock = clock
        self._readings: dict[str, _Reading] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def look(self, channel_id: str, message_id: str, since: Instant, *, good_from: Instant) -> Look:
        """Return the copies of a message that was posted `since`.

        A reading that began at `good_from` or later will do, and one that was cut short continues, however
        old it is. Raises CallFailed, also if it is cut short again.
        """
        async with self._locks[channel_id]:
            reading = self._readings.get(channel_id)
            if reading is None or not reading.serves(good_from, self._clock()):
                reading = self._begin(channel_id)
            await self._read(channel_id, reading, since)
            return Look(sorted(reading.found.get(message_id, ()), key=float), reading.started)

    def _begin(self, channel_id: str) -> _Reading:
        if len(self._readings) >= MOST_KEPT:
            self._readings = {key: each for key, each in self._readings.items() if each.cut_short}
        now = self._clock()
        reading = self._readings[channel_id] = _Reading(now, read_at=now)
        return reading

    async def _read(self, channel_id: str, reading: _Reading, since: Instant) -> None:
        """Continue a reading back to before an instant."""
        reading.cut_short = True
        history = self._calls.client.conversations_history
        more: dict[str, Any] = {"channel": channel_id, "include_all_metadata": True}
        try:
            if not reading.covers(since):
                async for page in pages(self._calls, METHOD, history, reading.walk, **more):
                    reading.take(page, self._bot_id)
                    reading.read_at = self._clock()
                    if reading.covers(since):
                        break
        except CallFailed as failed:
            if failed.failure.kind is not FailureKind.LIMITED:
                self._readings.pop(channel_id, None)
            raise
        reading.cut_short = False
