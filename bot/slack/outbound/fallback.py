"""Where a message goes if its channel is archived, or closed to the bot in another way, and who is told.

A message goes to the admin channel. If that is closed too, a card or receipt goes to the people who may
answer it, and any other message to the admins, as a group message. A message to people has no other place.
`bot.domain.message_failures` decides; this module finds the place, and tells the admins what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.domain.message_answers import Circumstances, Failed, FailureKind
from bot.domain.message_record import ABOUT_A_QUESTION, ASKING, TO_A_PERSON, Message
from bot.domain.message_steps import GiveUp, Leave, Outcome, Readdress, Tell, Wait
from bot.domain.notices import Notice, Subject
from bot.domain.policy import Policy
from bot.membrane import Admins, CardFacts, Directory, Facts, Outbox, ReceiptFacts
from bot.slack.failures import RESTRICTED
from bot.slack.outbound import shared_channels
from bot.slack.outbound.places import GROUP, is_people

CLOSED = (FailureKind.CLOSED, FailureKind.SHARED)
"""Failures after which a message needs another place."""
DEPENDS = (*CLOSED, FailureKind.GONE, FailureKind.UNEDITABLE, FailureKind.TOO_LONG)
"""Failures whose consequences depend on whether the message still asks something."""

_WHAT_TO_DO = {
    "not_in_channel": "Invite the bot there with /invite, or name another channel in the policy.",
    "channel_not_found": "Create it (or restore it), invite the bot there, or correct the policy.",
    "is_archived": "It is archived: restore it, or name another channel in the policy.",
    "is_inactive": "It is archived: restore it, or name another channel in the policy.",
    RESTRICTED: "Its posting permissions leave the bot out: add it, or name another channel.",
    "user_disabled": "The account is deactivated: take it out of the policy's people.",
    "user_not_found": "There is no such account: correct the policy's people.",
    "cannot_dm_bot": "It is a bot: take it out of the policy's people.",
}


def asks(facts: Facts) -> bool:
    """Whether somebody is still to answer what a message is about."""
    if isinstance(facts, CardFacts):
        return facts.review.pending
    return isinstance(facts, ReceiptFacts) and facts.unknown.is_open


def _who_may_answer(facts: CardFacts | ReceiptFacts) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the names of the people whom a message asks, and the users who may not answer."""
    if isinstance(facts, CardFacts):
        return facts.review.ruling.approvers, facts.review.requesters
    return facts.asked, facts.requesters


def _home(facts: Facts) -> str | None:
    """Return the home channel of a message that asks a person something."""
    if isinstance(facts, CardFacts):
        return facts.review.ruling.channel
    return facts.channel if isinstance(facts, ReceiptFacts) else None


class Fallback:
    """Finds other places for messages, and tells the admins of places that take none."""

    def __init__(
        self, outbox: Outbox, policy: Callable[[], Policy], people: Directory, admins: Admins
    ) -> None:
        self._outbox = outbox
        self._policy = policy
        self._people = people
        self._admins = admins

    async def circumstances(self, message: Message, failed: Failed, known: Circumstances) -> Circumstances:
        """Add to the `known` circumstances of a failure what its consequences depend on."""
        if failed.kind not in DEPENDS:
            return known
        facts = await self._outbox.facts(message)
        given = replace(known, asks=asks(facts), home=_home(facts))
        if failed.kind in CLOSED and (given.asks or message.kind not in ABOUT_A_QUESTION):
            given = replace(given, fallback=await self._other_place(message, facts))
        return given

    async def _other_place(self, message: Message, facts: Facts) -> str | None:
        """Return the admin channel; if that is closed too, the people whom the message is for."""
        if message.kind in TO_A_PERSON or is_people(message.recipient):
            return None
        admin_channel = self._policy().admin_channel
        if admin_channel is not None and message.recipient != admin_channel:
            return admin_channel
        if message.kind not in ASKING or not isinstance(facts, CardFacts | ReceiptFacts):
            return ",".join((await self._admins.persons())[:GROUP]) or None
        names, requesters = _who_may_answer(facts)
        found = await self._people.resolve(names)
        return ",".join(sorted(found.users - requesters)[:GROUP]) or None

    async def tell(self, message: Message, step: Outcome) -> None:
        """Tell the admins what a step says about a message."""
        error = step.error if isinstance(step, Wait | Leave | Readdress | GiveUp) else ""
        match step.tell:
            case Tell.SHARED:
                await self._admins.tell(shared_channels.notice(message.recipient))
            case Tell.NOT_DELIVERED:
                goes_on = isinstance(step, Readdress) and not step.blocked
                await self._admins.tell(_not_delivered(message, error, goes_on=goes_on))
            case Tell.NOT_DRAWN:
                await self._admins.tell(_not_drawn(message, error))


def _not_delivered(message: Message, error: str, *, goes_on: bool) -> Notice:
    fate = "It goes another way meanwhile." if goes_on else "It is shown nowhere."
    known = RESTRICTED if error.startswith(RESTRICTED) else error
    place = _place(message)
    return Notice(
        Subject.NOT_DELIVERED,
        f"A {message.kind} could not be sent to {place}: Slack says {error}. {fate}",
        where=f"{place} in Slack",
        todo=_WHAT_TO_DO.get(known, "Look at the app's settings in Slack and at the bot's log."),
        about=f"{message.kind} {message.recipient} {error}",
    )


def _not_drawn(message: Message, error: str) -> Notice:
    of = message.review_id or message.action_id
    return Notice(
        Subject.NOT_DRAWN,
        f"A {message.kind} could not be drawn for {_place(message)}: Slack says {error}.",
        where=f"{_place(message)} in Slack",
        todo=f"See what it is about: membrane reviews show {of}" if of else "Look at the bot's log.",
        about=f"{message.id} {error}",
    )


def _place(message: Message) -> str:
    return f"<{message.recipient}>" if is_people(message.recipient) else message.recipient
