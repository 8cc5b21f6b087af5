"""Makes one attempt in Slack for one message, and returns what came of it. It decides nothing.

`bot.domain.message.next_step` says what to attempt, and what follows from the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from bot.domain.escalation import Instant
from bot.domain.message_answers import (
    Answer,
    Busy,
    Call,
    Deleted,
    Failed,
    FailureKind,
    Posted,
    Redrawn,
    Unwelcome,
)
from bot.domain.message_order import UPDATES, Priority, QueueHead
from bot.domain.message_record import TO_A_PERSON, Message, MessageKind
from bot.domain.message_steps import Look, Post, Redraw, Request
from bot.domain.people import USER_ID
from bot.membrane import Facts, NoticeFacts, Outbox
from bot.slack.cards.reviews import Drawn
from bot.slack.failures import CallFailed
from bot.slack.outbound import channel_history, rendering
from bot.slack.outbound.duplicates import Duplicates
from bot.slack.outbound.fallback import asks
from bot.slack.outbound.pace import Pace
from bot.slack.outbound.places import NoSuchChannel, Places, is_people, permalink
from bot.slack.outbound.shared_channels import Sharing
from bot.slack.outbound.unknown_mentions import REFUSED, Mentions
from bot.slack.web_api import DELETE, POST, UPDATE, Calls

STOPPED_S = 30.0
"""How long nothing is sent after Slack refused the token."""
CALLS = {POST: Call.POST, UPDATE: Call.REDRAW, DELETE: Call.DELETE}
"""The methods that change a message; all others only look something up."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ways:
    """What a sender finds its way with: channels, Slack's pace, earlier posts, and sharing."""

    places: Places
    pace: Pace
    duplicates: Duplicates
    sharing: Sharing


class Sender:
    """Looks for, posts, redraws and deletes messages; several at once, each of them once."""

    def __init__(
        self,
        outbox: Outbox,
        calls: Calls,
        workspace_url: str,
        ways: Ways,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._calls = calls
        self._workspace_url = workspace_url
        self._places = ways.places
        self._pace = ways.pace
        self._duplicates = ways.duplicates
        self._sharing = ways.sharing
        self._clock = clock
        self._mentions = Mentions(calls, clock)

    async def attempt(self, request: Request, message: Message, *, terse: bool = False) -> Answer | None:
        """Ask Slack once. None: the outbox says that the message must not be posted any more."""
        try:
            match request:
                case Look():
                    return await self._look(message, request)
                case Post():
                    return await self._post(message, terse=terse)
                case Redraw():
                    return await self._redraw(message, terse=terse)
            return await self._delete(message)
        except CallFailed as failed:
            return self._failed(message, failed)
        except NoSuchChannel:
            return Failed(Call.LOOK_UP, FailureKind.CLOSED, "channel_not_found")

    def may(self, head: QueueHead) -> bool:
        """Whether the first message of a queue is worth an attempt now, by Slack's pace."""
        now = self._clock()
        if head.place != UPDATES:
            return self._pace.is_open(head.place, now)
        urgent = head.priority == Priority.CLICKED
        return self._calls.held_until(UPDATE) <= now and self._pace.may_update(now, urgent=urgent)

    def next_turn(self, now: Instant) -> Instant | None:
        """Return when the next call may go that Slack's pace holds back now."""
        return self._pace.next_turn(now)

    async def _look(self, message: Message, look: Look) -> Answer:
        channel_id = await self._places.find(message.recipient)
        return await self._duplicates.look(message.id, channel_id, look.since, good_from=look.good_from)

    async def _post(self, message: Message, *, terse: bool) -> Answer | None:
        if message.kind in TO_A_PERSON and not USER_ID.fullmatch(message.recipient):
            # An agent names on whose behalf it acts: that name must not lead to a channel.
            raise NoSuchChannel("the recipient is not a person")
        if message.kind == MessageKind.TOLD and not await self._outbox.may_be_told(message):
            return Unwelcome("its recipient is nobody whom this agent may write to")
        channel_id = await self._places.find(message.recipient)
        if message.kind != MessageKind.NOTICE and not is_people(message.recipient):
            await self._sharing.check(message.recipient, channel_id)
        now, held_until = self._clock(), self._calls.held_until(POST, channel_id)
        ready = self._pace.take(POST, channel_id, now, held_until=held_until)
        self._pace.hold(message.recipient, ready if ready > now else self._pace.next_in(channel_id))
        if ready > now:
            return Busy()
        facts = await self._outbox.attempting(message.id)
        return await self._post_now(facts, channel_id, terse=terse) if facts is not None else None

    async def _post_now(self, facts: Facts, channel_id: str, *, terse: bool) -> Posted:
        drawn = await self._draw(facts, terse=terse)
        told, drawn = await self._show(
            drawn,
            POST,
            channel=channel_id,
            metadata=channel_history.metadata(facts.message.id),
            unfurl_links=False,
            unfurl_media=False,
        )
        return Posted(channel_id, str(told["ts"]), facts.message.wanted, rendering.fingerprint(drawn))

    async def _redraw(self, message: Message, *, terse: bool) -> Answer:
        channel_id, ts = str(message.channel_id), str(message.ts)
        now, held_until = self._clock(), self._calls.held_until(UPDATE)
        urgent = message.priority == Priority.CLICKED
        if self._pace.take(UPDATE, channel_id, now, held_until=held_until, urgent=urgent) > now:
            return Busy()
        facts = await self._outbox.facts(message)
        if asks(facts) and not is_people(message.recipient):
            await self._sharing.check(message.recipient, channel_id)
        drawn = await self._draw(facts, terse=terse)
        _, drawn = await self._show(drawn, UPDATE, channel=channel_id, ts=ts)
        return Redrawn(ts, facts.message.wanted, rendering.fingerprint(drawn))

    async def _delete(self, message: Message) -> Answer:
        where = {"channel": str(message.channel_id), "ts": str(message.ts)}
        await self._calls.call(DELETE, self._calls.client.chat_delete, changes=True, **where)
        return Deleted()

    async def _draw(self, facts: Facts, *, terse: bool) -> Drawn:
        """Draw a message in a thread: the largest arguments take tens of milliseconds."""
        drawn = await asyncio.to_thread(rendering.draw, facts, self._known(facts), terse=terse)
        return self._mentions.settled(drawn)

    async def _show(self, drawn: Drawn, method: str, **arguments: Any) -> tuple[Any, Drawn]:
        """Post or update. If Slack refuses mentions of people it does not know, draw those as text.

        Returns Slack's answer, and the message as Slack took it.
        """
        client = self._calls.client
        call = client.chat_postMessage if method == POST else client.chat_update

        async def send(shown: Drawn) -> tuple[Any, Drawn]:
            more = {**arguments, "text": shown.text, "blocks": shown.blocks}
            return await self._calls.call(method, call, changes=True, **more), shown

        try:
            return await send(drawn)
        except CallFailed as failed:
            if failed.failure.error not in REFUSED:
                raise
            known = await self._mentions.without_unknown(drawn)
            if known == drawn:
                raise
            return await send(known)

    def _known(self, facts: Facts) -> dict[str, str]:
        """Return the links to the cards that this message may point to, by review id."""
        if isinstance(facts, NoticeFacts):
            return {}
        url = self._workspace_url
        found = {of: permalink(url, card.channel_id, card.ts) for of, card in facts.cards.items()}
        return {of: link for of, link in found.items() if link is not None}

    def _failed(self, message: Message, failed: CallFailed) -> Failed:
        failure = failed.failure
        retry_after_s = failure.retry_after
        if failure.kind is FailureKind.CLOSED:  # another channel may have its name by now
            self._places.forget(message.recipient)
        if failure.kind is FailureKind.TOKEN:
            _log.error("slack_refused_the_token", error=failure.error)
            self._calls.stop(STOPPED_S)
            retry_after_s = STOPPED_S
        return Failed(CALLS.get(failed.method, Call.LOOK_UP), failure.kind, failure.error, retry_after_s)
