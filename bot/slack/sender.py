"""Brings one message to what it should show. Every way through ends in one note to the outbox."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.escalation import Instant
from bot.domain.people import USER_ID
from bot.domain.record import Message
from bot.membrane import Facts, NoticeFacts, Outbox
from bot.slack import copies, rendering
from bot.slack.detours import ASKING, Detours, asks
from bot.slack.doubts import Doubts
from bot.slack.failures import CallFailed, Failure, Kind, ask
from bot.slack.pace import POST, UPDATE, Pace
from bot.slack.places import NoSuchChannel, Places, permalink

LONGEST_BACKOFF_S = 300.0
STOPPED_S = 30.0
"""How long nothing is sent after Slack refused the token."""
TRIES_BEFORE_TELLING = 3
WHOLE_S = 45.0
"""At most so many seconds for one message: less than its lease."""
CLICKED = 0
"""The priority of a card that somebody just clicked."""

_log = structlog.get_logger(__name__)


class Sender:
    """Posts and updates messages; several may be under way at once, each only once."""

    def __init__(
        self,
        outbox: Outbox,
        client: AsyncWebClient,
        workspace_url: str,
        *,
        places: Places,
        pace: Pace,
        doubts: Doubts,
        detours: Detours,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._workspace_url = workspace_url
        self._pace = pace
        self._doubts = doubts
        self._detours = detours
        self._clock = clock
        self._places = places
        self._tries: dict[str, int] = {}
        self._queued: set[str] = set()
        self._terse: set[str] = set()
        self._turns: list[float] = []

    async def show(self, message: Message) -> bool:
        """Bring a leased message to its wanted version, or note when to try again and why.

        Returns whether it is settled: shown, dropped or given up.
        """
        settled = await self._shown(message)
        if settled:
            self._tries.pop(message.id, None)
            self._queued.discard(message.id)
        return settled

    async def _shown(self, message: Message) -> bool:
        try:
            async with asyncio.timeout(WHOLE_S):
                return await (self._post(message) if message.ts is None else self._update(message))
        except CallFailed as failed:
            return await self._failed(message, failed)
        except NoSuchChannel:
            return await self._detours.elsewhere(message, Failure(Kind.PLACE, "channel_not_found"))
        except TimeoutError:
            return await self._back_off(message, "Slack was too slow")

    async def _post(self, message: Message) -> bool:
        if message.kind in ("page", "told") and not USER_ID.fullmatch(message.recipient):
            # An agent names on whose behalf it acts: that name must not lead to a channel.
            raise NoSuchChannel("the recipient is no person")
        channel_id = await ask("users.conversations", self._places.find(message.recipient))
        if not await self._doubts.may_post(message, channel_id):
            return False
        ready = self._pace.take(POST, channel_id, self._clock())
        if ready > self._clock():
            await self._queue(message, POST, channel_id, ready)
            return False
        since = self._doubts.since(message)
        wanted = await self._outbox.attempting(message.id, doubted_since=since)
        if wanted:
            await self._post_now(message, channel_id)
        if since is not None:
            self._doubts.watch(message.id, channel_id, since, expected=int(wanted))
        return True

    async def _post_now(self, message: Message, channel_id: str) -> None:
        facts = await self._outbox.facts(message)
        drawn = rendering.draw(facts, self._known(facts), terse=message.id in self._terse)
        post = self._client.chat_postMessage(
            channel=channel_id,
            text=drawn.text,
            blocks=drawn.blocks,
            metadata=copies.metadata(message.id),
            unfurl_links=False,
            unfurl_media=False,
        )
        self._doubts.trying(message.id)
        told = await ask(POST, post, channel_id=channel_id, changes=True)
        ts = str(told["ts"])
        shows = rendering.fingerprint(drawn)
        version = facts.message.wanted
        await self._outbox.posted(message.id, version=version, channel_id=channel_id, ts=ts, shows=shows)

    async def _queue(
        self, message: Message, method: str, channel_id: str, ready: float, *, urgent: bool = False
    ) -> None:
        """Leave a message until its turn. One that was overtaken when it came is next, not last again."""
        had_its_turn = message.id in self._queued
        at = ready if urgent or had_its_turn else self._pace.slot(method, channel_id, ready)
        self._queued.add(message.id)
        await self._outbox.later(message.id, at=at, error="")
        heapq.heappush(self._turns, at)

    def next_turn(self, now: Instant) -> Instant | None:
        """Return when the next of the messages that wait for Slack's pace has its turn, if any waits."""
        while self._turns and self._turns[0] <= now:
            heapq.heappop(self._turns)
        return self._turns[0] if self._turns else None

    async def _update(self, message: Message) -> bool:
        channel_id, ts = str(message.channel_id), str(message.ts)
        urgent = message.priority == CLICKED
        ready = self._pace.take(UPDATE, channel_id, self._clock(), urgent=urgent)
        if ready > self._clock():
            await self._queue(message, UPDATE, channel_id, ready, urgent=urgent)
            return False
        facts = await self._outbox.facts(message)
        drawn = rendering.draw(facts, self._known(facts), terse=message.id in self._terse)
        update = self._client.chat_update(channel=channel_id, ts=ts, text=drawn.text, blocks=drawn.blocks)
        await ask(UPDATE, update, channel_id=channel_id)
        shows = rendering.fingerprint(drawn)
        version = facts.message.wanted
        await self._outbox.updated(message.id, version=version, shows=shows)
        return True

    def _known(self, facts: Facts) -> dict[str, str]:
        """Where the cards are that this message may point to."""
        if isinstance(facts, NoticeFacts):
            return {}
        url = self._workspace_url
        found = {of: permalink(url, card.channel_id, card.ts) for of, card in facts.cards.items()}
        return {of: link for of, link in found.items() if link is not None}

    async def _failed(self, message: Message, failed: CallFailed) -> bool:
        failure = failed.failure
        if failed.method == POST and failure.kind is not Kind.UNSURE:
            self._doubts.never_landed(message.id)
        match failure.kind:
            case Kind.LIMITED:
                settled = await self._pause(message, failed, failure.retry_after)
            case Kind.TOKEN:
                _log.error("slack_refused_the_token", error=failure.error)
                settled = await self._pause(message, CallFailed("", failure), STOPPED_S)
            case Kind.PLACE:
                self._places.forget(message.recipient)  # another may have its name by now
                settled = await self._detours.elsewhere(message, failure)
            case Kind.GONE | Kind.FIXED:
                settled = await self._replace(message, failure)
            case Kind.TOO_LONG:
                settled = await self._shorten(message, failure)
            case Kind.REFUSED:
                settled = await self._refused(message, failed)
            case _:
                settled = await self._back_off(message, failure.error)
        return settled

    async def _pause(self, message: Message, failed: CallFailed, seconds: float) -> bool:
        until = self._clock() + seconds
        self._pace.pause(failed.method, failed.channel_id, until)
        await self._outbox.later(message.id, at=until, error=failed.failure.error)
        return False

    async def _back_off(self, message: Message, error: str) -> bool:
        tries = self._tries[message.id] = self._tries.get(message.id, 0) + 1
        wait = min(LONGEST_BACKOFF_S, 0.25 * 2.0 ** min(tries, 16))
        await self._outbox.later(message.id, at=self._clock() + wait, error=error)
        return False

    async def _refused(self, message: Message, failed: CallFailed) -> bool:
        """Something that only an admin can mend, such as a missing scope: slower and slower, and told."""
        await self._back_off(message, failed.failure.error)
        if self._tries[message.id] == TRIES_BEFORE_TELLING and message.kind != "notice":
            await self._detours.tell(message, failed.failure.error)
        return False

    async def _replace(self, message: Message, failure: Failure) -> bool:
        """Post a card again that is gone, or that Slack lets nobody change; let other messages be."""
        facts = await self._outbox.facts(message)
        gone = failure.kind is Kind.GONE
        if message.kind not in ASKING or (gone and not asks(facts)):
            await self._outbox.gave_up(message.id, failure.error)
            return True
        if not gone:
            with suppress(CallFailed):
                old = self._client.chat_delete(channel=str(message.channel_id), ts=str(message.ts))
                await ask("chat.delete", old)
        await self._outbox.lost(message.id, str(message.ts))
        await self._outbox.later(message.id, at=self._clock(), error=failure.error)
        return False

    async def _shorten(self, message: Message, failure: Failure) -> bool:
        if message.id in self._terse:
            await self._detours.too_long(message, failure.error)
            return True
        self._terse.add(message.id)
        await self._outbox.later(message.id, at=self._clock(), error=failure.error)
        return False
