"""Finds a message that may have been posted, by the id in its metadata.

A post is the one call that can be lost half-way: the connection breaks, or Slack says `internal_error`, and
the message is there or is not. Posting again unseen makes two. The id in the message's metadata tells.

Slack lets an app that a vendor hosts read one page of 15 messages a minute. So a history that Slack cuts
short is read on later where it was, and one reading serves all messages of its channel that are in doubt.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.domain.attempts import FailureKind
from bot.domain.escalation import Instant
from bot.slack.failures import CallFailed
from bot.slack.pagination import PAGE, Walk, pages
from bot.slack.web_api import Calls

EVENT_TYPE = "membrane_message"
METHOD = "conversations.history"
SKEW_S = 300.0
"""How far Slack's clock and ours may be apart, where the newest page is not enough."""
MOST_READ = 2000
"""The newest so many messages are looked at, at most."""
NEWEST = PAGE
"""The newest so many messages are looked at whatever their time is: no clock has to be right for that."""
SLOW_PAGE = 15
"""What Slack gives to an app that a vendor hosts, in place of the page that was asked for."""
AS_NEW_S = 90.0
"""How long after its end a reading serves others: for a minute Slack lets a slow app read nothing else."""
STALE_S = 600.0
"""One that was cut short, and that nobody went on with for so long, is begun again."""
MOST_KEPT = 500
"""Channels whose readings are kept."""


def metadata(message_id: str) -> dict[str, Any]:
    """What a post carries. Everybody in the workspace can read it, so it holds an id and no arguments."""
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
    """Whether somebody still wants it to go further back."""

    def serves(self, good_from: Instant, now: Instant) -> bool:
        """Whether it, or what it becomes once it is read on, is as good as a new one.

        One that has ended is only where Slack gives no new one at once: what lands late is in that.
        """
        if self.cut_short:
            return now - self.read_at <= STALE_S
        return self.slow and self.started >= good_from and now - self.read_at <= AS_NEW_S

    def covers(self, since: Instant) -> bool:
        """Whether it goes back to before an instant, as far as it may go back at all."""
        newest = self.slow or self.count >= NEWEST
        far_enough = newest and self.reached < since - SKEW_S
        return self.walk.ended or self.count >= MOST_READ or far_enough

    def take(self, page: Any, bot_id: str) -> None:
        """Note what is on a page. Only this bot's own messages count: metadata can be written by any app."""
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
        """Return the copies of a message of ours that was posted `since`.

        A reading that began at `good_from` or later is as good as a new one, and one that was cut short is
        read on, whenever it began. Raises CallFailed, also where it is cut short (again).
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
        """Read back to before an instant, from where the reading is."""
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
