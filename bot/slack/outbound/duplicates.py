"""Finds earlier posts of a message, and deletes all copies but the first.

A post can land although its call broke, and it can land late. So a message whose post is in doubt is looked
for before it is posted again, and for a while afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from bot.domain.escalation import Instant
from bot.domain.message import USUAL, Timing, keep_first
from bot.domain.message_answers import TRANSIENT, FailureKind, Found, NotFound
from bot.membrane import Outbox
from bot.slack.failures import CallFailed
from bot.slack.outbound.channel_history import Histories
from bot.slack.outbound.places import NoSuchChannel, Places
from bot.slack.web_api import DELETE, Calls

LOOK_AGAIN_S = 30.0
"""How soon a look for late copies is repeated that Slack did not answer."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Watch:
    """Where late copies are looked for: a channel, or the recipient of a message that is nowhere."""

    place: str
    since: Instant
    expected: int
    looks: list[Instant]


class Duplicates:
    """Looks for copies of messages.

    The store says which posts are in doubt (`attempt_at`, `doubted_since`), so a new process watches on where
    an earlier one stopped.
    """

    def __init__(
        self,
        outbox: Outbox,
        calls: Calls,
        bot_id: str,
        *,
        places: Places,
        timing: Timing = USUAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._calls = calls
        self._histories = Histories(calls, bot_id, clock)
        self._places = places
        self._timing = timing
        self._clock = clock
        self._watched: dict[str, _Watch] = {}
        self._taken_up = False

    async def look(
        self, message_id: str, channel_id: str, since: Instant, *, good_from: Instant
    ) -> Found | NotFound:
        """Return the copies of a message in a channel.

        Raises CallFailed if the channel's history cannot be read now.
        """
        try:
            look = await self._histories.look(channel_id, message_id, since, good_from=good_from)
        except CallFailed as failed:
            if failed.failure.kind in (FailureKind.CLOSED, FailureKind.REFUSED):
                return NotFound(self._clock(), blind=True)
            raise
        return Found(channel_id, tuple(look.found)) if look.found else NotFound(look.at)

    async def delete(self, message_id: str, channel_id: str, copies: Iterable[str]) -> bool:
        """Delete copies. False: at least one is still there, because Slack did not answer."""
        gone = True
        for ts in copies:
            _log.info("copy_deleted", message=message_id, channel=channel_id, ts=ts)
            try:
                await self._calls.call(DELETE, self._calls.client.chat_delete, channel=channel_id, ts=ts)
            except CallFailed as failed:
                _log.warning("copy_not_deleted", message=message_id, ts=ts, error=str(failed))
                gone = gone and failed.failure.kind not in TRANSIENT
        return gone

    def watch(self, message_id: str, place: str, since: Instant, *, expected: int) -> None:
        """Look for late copies of a message for a while, beyond the `expected` number."""
        now = self._clock()
        looks = [now + after for after in self._timing.recheck_s]
        self._watched[message_id] = _Watch(place, since, expected, looks)

    async def look_again(self) -> None:
        """Look for the late copies whose look is due."""
        if not self._taken_up:
            await self._take_up()
        now = self._clock()
        for message_id, watch in list(self._watched.items()):
            if watch.looks and watch.looks[0] <= now:
                again_s = await self._tidy(message_id, watch)
                if again_s is None:
                    watch.looks.pop(0)
                else:
                    watch.looks[0] = now + again_s
            if not watch.looks and self._watched.get(message_id) is watch:
                del self._watched[message_id]
                await self._outbox.certain(message_id)

    async def _take_up(self) -> None:
        """Watch the messages that an earlier process watched. Unposted ones are watched from their post."""
        for message in await self._outbox.in_doubt():
            placed, dropped = message.ts is not None, message.ts is None and message.due_at is None
            since = message.doubted_since
            if since is not None and (placed or dropped) and message.id not in self._watched:
                place = message.channel_id or message.recipient
                self.watch(message.id, place, since, expected=int(placed))
        self._taken_up = True

    async def _tidy(self, message_id: str, watch: _Watch) -> float | None:
        """Keep the first copy and delete the others. Returns the seconds to wait if Slack is busy."""
        try:
            channel_id = await self._places.find(watch.place)
            look = await self.look(message_id, channel_id, watch.since, good_from=watch.looks[0])
            if isinstance(look, Found) and len(look.copies) > watch.expected:
                # Kept before the others go: also after a kill the row leads to a copy that stays.
                step = keep_first(look)
                await self._outbox.apply(message_id, step, leased=False)
                watch.expected = 1
                if not await self.delete(message_id, channel_id, step.extra):
                    return LOOK_AGAIN_S
        except NoSuchChannel as gone:
            _log.warning("copies_not_found", message=message_id, error=str(gone))
        except CallFailed as failed:
            _log.warning("copies_not_found", message=message_id, error=str(failed))
            if failed.failure.kind in TRANSIENT:
                return max(LOOK_AGAIN_S, failed.failure.retry_after)
        return None
