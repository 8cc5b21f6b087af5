"""Posts that may or may not have landed: looked for before they are made again, and once more afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.domain.escalation import Instant
from bot.domain.record import Message
from bot.membrane import Outbox
from bot.slack.failures import CallFailed, Kind
from bot.slack.outbound.duplicates import Histories, Look
from bot.slack.outbound.places import NoSuchChannel, Places
from bot.slack.web_api import DELETE, Calls

LOOKS = (0.1, 0.3, 0.6, 1.0)
"""When to look within the settle time, as shares of it."""
LOOK_AGAIN_S = 30.0
"""When a look for late copies is made again that Slack did not answer."""
PASSING = {Kind.UNSURE, Kind.DOWN, Kind.LIMITED, Kind.TOKEN}
"""Failures that say nothing of the message, so that the next try may well succeed."""
BLIND_SHARE = 6.0
"""A channel that cannot be looked into holds a post up for so many settle times, then it is made again."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in seconds.

    After a post that may have landed, its channel is looked at several times within `settle_s` before it is
    made again, and `recheck_s` afterwards, because a post can also land late.
    """

    settle_s: float = 10.0
    recheck_s: tuple[float, ...] = (30.0, 180.0)


USUAL = Timing()


@dataclass(slots=True)
class _Watch:
    """Where late copies are looked for: in a channel, or where the recipient of an unplaced message is."""

    place: str
    since: Instant
    expected: int
    looks: list[Instant]


class Doubts:
    """What is known of posts in doubt, for as long as this process runs.

    The store says which are (`attempt_at`, `doubted_since`), so what an earlier one watched is watched on.
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

    def since(self, message: Message) -> Instant | None:
        """Return when the first post of a message was made that may still land; None if there is none."""
        return message.doubted_since if message.doubted_since is not None else message.attempt_at

    async def may_post(self, message: Message, channel_id: str) -> bool:
        """Whether a message may be posted now. If an earlier post is found, that is noted instead.

        Raises CallFailed where the channel cannot be looked into now.
        """
        refused = message.attempt_at is None
        since = message.doubted_since if refused else message.attempt_at
        if since is None:
            return True
        now = self._clock()
        settle = self._timing.settle_s
        good_from = now if refused else min(now, since + settle)
        look = await self._look(message.id, channel_id, since, good_from=good_from)
        if look is not None and look.found:
            if message.doubted_since is not None:
                self.watch(message.id, channel_id, message.doubted_since, expected=1)
            await self._keep_first(message.id, channel_id, look.found)
            return False
        blind = look is None
        until = since + settle * (BLIND_SHARE if blind else 1.0)
        if (now if look is None else look.at) < until:
            looks = [since + share * settle for share in LOOKS]
            at = until if blind else next((at for at in looks if at > now), max(now, until))
            await self._outbox.later(message.id, at=at, error="it may have been posted; looking for it")
            return False
        return True

    async def _look(
        self, message_id: str, channel_id: str, since: Instant, *, good_from: Instant
    ) -> Look | None:
        """Return the copies there are; None where the bot may not look."""
        try:
            return await self._histories.look(channel_id, message_id, since, good_from=good_from)
        except CallFailed as failed:
            if failed.failure.kind in (Kind.PLACE, Kind.REFUSED):
                return None
            raise

    async def _keep_first(self, message_id: str, channel_id: str, found: list[str]) -> None:
        """Of several copies the first is the message. It shows an earlier version, so it stays due."""
        first, *others = found
        # Noted before the others go: whatever ends this in between, the row leads to one that stays.
        await self._outbox.posted(message_id, version=0, channel_id=channel_id, ts=first)
        for ts in others:
            _log.info("copy_deleted", message=message_id, channel=channel_id, ts=ts)
            try:
                await self._calls.ask(DELETE, self._calls.client.chat_delete, channel=channel_id, ts=ts)
            except CallFailed as failed:
                if failed.failure.kind is not Kind.GONE:  # somebody was first
                    raise

    def watch(self, message_id: str, place: str, since: Instant, *, expected: int) -> None:
        """Look for late copies of a message for a while, besides those that are `expected` to be there."""
        now = self._clock()
        looks = [now + after for after in self._timing.recheck_s]
        self._watched[message_id] = _Watch(place, since, expected, looks)

    async def look_again(self) -> None:
        """Look for late copies of what was posted in doubt, where it is time to."""
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
        """Go on with what an earlier process watched. What is still to be posted is watched from then on."""
        for message in await self._outbox.in_doubt():
            placed, dropped = message.ts is not None, message.ts is None and message.due_at is None
            since = message.doubted_since
            if since is not None and (placed or dropped) and message.id not in self._watched:
                place = message.channel_id or message.recipient
                self.watch(message.id, place, since, expected=int(placed))
        self._taken_up = True

    async def _tidy(self, message_id: str, watch: _Watch) -> float | None:
        """Delete the copies that are there. Returns in how many seconds to try again, if Slack is busy."""
        try:
            channel_id = await self._places.find(watch.place)
            due = watch.looks[0]
            look = await self._look(message_id, channel_id, watch.since, good_from=due)
            if look is not None and len(look.found) > watch.expected:
                await self._keep_first(message_id, channel_id, look.found)
                watch.expected = 1
        except NoSuchChannel as gone:
            _log.warning("copies_not_found", message=message_id, error=str(gone))
        except CallFailed as failed:
            _log.warning("copies_not_found", message=message_id, error=str(failed))
            if failed.failure.kind in PASSING:
                return max(LOOK_AGAIN_S, failed.failure.retry_after)
        return None
