"""Brings one message to what it should show. Every way through ends in one note to the outbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog

from bot.domain.escalation import Instant
from bot.domain.people import USER_ID
from bot.domain.record import Message
from bot.membrane import CLICKED, UPDATES, Facts, Head, NoticeFacts, Outbox
from bot.slack.cards.reviews import Drawn
from bot.slack.failures import KIND_OF, SHARED, CallFailed, Failure, Kind
from bot.slack.outbound import duplicates, rendering
from bot.slack.outbound.doubts import PASSING, Doubts
from bot.slack.outbound.fallback import ASKING, Detours, asks
from bot.slack.outbound.pace import Pace
from bot.slack.outbound.places import NoSuchChannel, Places, is_people, permalink
from bot.slack.outbound.shared_channels import Sharing
from bot.slack.outbound.unknown_mentions import REFUSED, Mentions
from bot.slack.web_api import DELETE, POST, UPDATE, Calls

LONGEST_BACKOFF_S = 300.0
STOPPED_S = 30.0
"""How long nothing is sent after Slack refused the token."""
TRIES_BEFORE_TELLING = 3
WHOLE_S = 45.0
"""At most so many seconds for one message: less than its lease."""
COPIES = ("page", "post")
"""Messages with a card's buttons beside the card itself."""
ANEW = (*ASKING, "told")
"""Messages that are posted again where they cannot be drawn again."""
HARMLESS = ("notice",)
"""Messages without arguments: they go to channels that are shared with another company, too."""
MOOT = "the review was closed"

_log = structlog.get_logger(__name__)


class Sender:
    """Posts and updates messages; several may be under way at once, each only once."""

    def __init__(
        self,
        outbox: Outbox,
        calls: Calls,
        workspace_url: str,
        *,
        places: Places,
        pace: Pace,
        doubts: Doubts,
        detours: Detours,
        sharing: Sharing,
        recheck_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._calls = calls
        self._workspace_url = workspace_url
        self._pace = pace
        self._doubts = doubts
        self._detours = detours
        self._recheck_s = recheck_s
        self._clock = clock
        self._places = places
        self._sharing = sharing
        self._tries: dict[str, int] = {}
        self._terse: set[str] = set()
        self._mentions = Mentions(calls, clock)

    async def show(self, message: Message) -> None:
        """Bring a leased message to its wanted version, or note when to try again and why."""
        if await self._settled(message):
            self._tries.pop(message.id, None)
            self._terse.discard(message.id)

    async def _settled(self, message: Message) -> bool:
        """Whether nothing is to be done about it now: it is shown, dropped, given up, or has no place."""
        try:
            async with asyncio.timeout(WHOLE_S):
                return await (self._post(message) if message.ts is None else self._update(message))
        except CallFailed as failed:
            return await self._failed(message, failed)
        except NoSuchChannel:
            return await self._detours.elsewhere(message, Failure(Kind.PLACE, "channel_not_found"))
        except TimeoutError:
            slow = Failure(Kind.UNSURE, "Slack was too slow")
            wait = self._patience(message, slow)
            return await self._wait(message, slow.error, wait, unsure=message.ts is not None)

    async def _post(self, message: Message) -> bool:
        if message.kind in ("page", "told") and not USER_ID.fullmatch(message.recipient):
            # An agent names on whose behalf it acts: that name must not lead to a channel.
            raise NoSuchChannel("the recipient is no person")
        if message.kind == "told" and not await self._outbox.may_be_told(message):
            await self._outbox.gave_up(message.id, "its recipient is nobody whom this agent may write to")
            return True
        channel_id = await self._places.find(message.recipient)
        if not await self._doubts.may_post(message, channel_id):
            return False
        if message.kind not in HARMLESS and not is_people(message.recipient):
            await self._sharing.check(message.recipient, channel_id)
        now, held_until = self._clock(), self._calls.held_until(POST, channel_id)
        ready = self._pace.take(POST, channel_id, now, held_until=held_until)
        if ready > now:
            return await self._not_yet(message, ready)
        self._pace.hold(message.recipient, self._pace.next_in(channel_id))
        since = self._doubts.since(message)
        facts = await self._outbox.attempting(message.id, doubted_since=since)
        if facts is not None:
            await self._post_now(facts, channel_id)
        if since is not None:
            self._doubts.watch(message.id, channel_id, since, expected=int(facts is not None))
        return True

    async def _draw(self, facts: Facts) -> Drawn:
        """Draw a message beside the loop: the largest arguments take tens of milliseconds."""
        terse = facts.message.id in self._terse
        drawn = await asyncio.to_thread(rendering.draw, facts, self._known(facts), terse=terse)
        return self._mentions.settled(drawn)

    async def _ask_with(self, drawn: Drawn, method: str, **arguments: Any) -> tuple[Any, Drawn]:
        """Post or update; where Slack refuses mentions of people it does not know, with those as text.

        Returns Slack's answer, and what it shows now.
        """
        client = self._calls.client
        call = client.chat_postMessage if method == POST else client.chat_update

        async def ask(shown: Drawn) -> tuple[Any, Drawn]:
            more = {**arguments, "text": shown.text, "blocks": shown.blocks}
            return await self._calls.ask(method, call, changes=True, **more), shown

        try:
            return await ask(drawn)
        except CallFailed as failed:
            if failed.failure.error not in REFUSED:
                raise
            known = await self._mentions.without_unknown(drawn)
            if known == drawn:
                raise
            return await ask(known)

    async def _post_now(self, facts: Facts, channel_id: str) -> None:
        message_id = facts.message.id
        drawn = await self._draw(facts)
        told, drawn = await self._ask_with(
            drawn,
            POST,
            channel=channel_id,
            metadata=duplicates.metadata(message_id),
            unfurl_links=False,
            unfurl_media=False,
        )
        ts = str(told["ts"])
        shows = rendering.fingerprint(drawn)
        version = facts.message.wanted
        await self._outbox.posted(message_id, version=version, channel_id=channel_id, ts=ts, shows=shows)

    async def _not_yet(self, message: Message, ready: Instant) -> bool:
        """Leave a message until its channel is free. It keeps its place among those that wait."""
        if message.ts is None:
            self._pace.hold(message.recipient, ready)
        await self._outbox.release(message.id)
        return False

    def may(self, head: Head) -> bool:
        """Whether the first message of a queue is worth trying now."""
        now = self._clock()
        if head.place != UPDATES:
            return self._pace.is_open(head.place, now)
        urgent = head.priority == CLICKED
        return self._calls.held_until(UPDATE) <= now and self._pace.may_update(now, urgent=urgent)

    def next_turn(self, now: Instant) -> Instant | None:
        """Return when something may go that may not now, by Slack's pace."""
        return self._pace.next_turn(now)

    async def _update(self, message: Message) -> bool:
        if KIND_OF.get(message.error or "") is Kind.FIXED:
            return await self._replace(message, Failure(Kind.FIXED, str(message.error)))
        channel_id, ts = str(message.channel_id), str(message.ts)
        urgent = message.priority == CLICKED
        now, held_until = self._clock(), self._calls.held_until(UPDATE)
        ready = self._pace.take(UPDATE, channel_id, now, held_until=held_until, urgent=urgent)
        if ready > now:
            return await self._not_yet(message, ready)
        facts = await self._outbox.facts(message)
        if asks(facts) and not is_people(message.recipient):
            await self._sharing.check(message.recipient, channel_id)
        drawn = await self._draw(facts)
        _, drawn = await self._ask_with(drawn, UPDATE, channel=channel_id, ts=ts)
        shows = rendering.fingerprint(drawn)
        version = facts.message.wanted
        await self._outbox.updated(message.id, version=version, shows=shows, recheck_s=self._recheck_s)
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
            await self._outbox.not_landed(message.id)
        match failure.kind:
            case Kind.PLACE:
                if failure.error != SHARED:  # else another may have its name by now
                    self._places.forget(message.recipient)
                settled = await self._detours.elsewhere(message, failure)
            case Kind.GONE:
                settled = await self._gone(message, failure)
            case Kind.FIXED:
                settled = await self._replace(message, failure)
            case Kind.TOO_LONG:
                settled = await self._shorten(message, failure)
            case Kind.REFUSED:
                settled = await self._refused(message, failed)
            case _:
                unsure = failed.method == UPDATE and failure.kind is Kind.UNSURE
                wait = self._patience(message, failure)
                settled = await self._wait(message, failure.error, wait, unsure=unsure)
        return settled

    def _patience(self, message: Message, failure: Failure) -> float:
        """Return in how many seconds to try again what failed for the time being."""
        match failure.kind:
            case Kind.LIMITED:
                return failure.retry_after
            case Kind.TOKEN:
                _log.error("slack_refused_the_token", error=failure.error)
                self._calls.stop(STOPPED_S)
                return STOPPED_S
        tries = self._tries[message.id] = self._tries.get(message.id, 0) + 1
        return min(LONGEST_BACKOFF_S, 0.25 * 2.0 ** min(tries, 16))

    async def _wait(self, message: Message, error: str, seconds: float, *, unsure: bool = False) -> bool:
        await self._outbox.later(message.id, at=self._clock() + seconds, error=error, unsure=unsure)
        return False

    async def _refused(self, message: Message, failed: CallFailed) -> bool:
        """Something that only an admin can mend, such as a missing scope: slower and slower, and told."""
        await self._wait(message, failed.failure.error, self._patience(message, failed.failure))
        if self._tries[message.id] == TRIES_BEFORE_TELLING and message.kind != "notice":
            await self._detours.tell(message, failed.failure.error)
        return False

    async def _gone(self, message: Message, failure: Failure) -> bool:
        """Post a card again that somebody deleted while it asks; let other messages be."""
        facts = await self._outbox.facts(message)
        if message.kind in ASKING and asks(facts):
            return await self._post_again(message, failure)
        await self._let_go(message, facts, failure)
        return True

    async def _replace(self, message: Message, failure: Failure) -> bool:
        """Delete a message that Slack lets nobody change, so that nothing stays that is not true any more.

        A card is posted again, and so is what its requester is told. Its copies stay as they are while they
        ask the same as the card, and are not needed afterwards. A notice never changes, so it stays.
        """
        facts = await self._outbox.facts(message)
        if isinstance(facts, NoticeFacts) or (message.kind in COPIES and asks(facts)):
            await self._outbox.left(message.id, version=facts.message.wanted, error=failure.error)
            return True
        if message.kind in (*ANEW, *COPIES):
            # Noted first: whoever goes on with it after a kill knows who deleted it.
            await self._wait(message, failure.error, WHOLE_S)
            try:
                delete = self._calls.client.chat_delete
                await self._calls.ask(DELETE, delete, channel=str(message.channel_id), ts=str(message.ts))
            except CallFailed as failed:
                if failed.failure.kind in PASSING:
                    return await self._wait(message, failure.error, self._patience(message, failed.failure))
                _log.warning("message_not_deleted", message=message.id, error=failed.failure.error)
        if message.kind in ANEW:
            return await self._post_again(message, failure)
        await self._let_go(message, facts, failure)
        return True

    async def _post_again(self, message: Message, failure: Failure) -> bool:
        await self._outbox.lost(message.id, str(message.ts))
        return await self._wait(message, failure.error, 0.0)

    async def _let_go(self, message: Message, facts: Facts, failure: Failure) -> None:
        moot = message.kind in COPIES and not asks(facts)
        await self._outbox.gave_up(message.id, f"{MOOT}: {failure.error}" if moot else failure.error)

    async def _shorten(self, message: Message, failure: Failure) -> bool:
        if message.id in self._terse:
            await self._detours.too_long(message, failure)
            return True
        self._terse.add(message.id)
        return await self._wait(message, failure.error, 0.0)
