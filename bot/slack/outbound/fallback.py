"""What happens to a message that cannot be shown where it should be.

It goes to another place, or the admins are told. Nothing is dropped unseen, and nothing is tried again at
once for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from bot.domain.notices import Notice, Subject
from bot.domain.policy import Policy
from bot.domain.record import Message
from bot.membrane import Admins, CardFacts, Directory, Facts, Outbox, ReceiptFacts
from bot.slack.failures import RESTRICTED, SHARED, Failure
from bot.slack.outbound import shared_channels
from bot.slack.outbound.places import GROUP, is_people

AGAIN_S = 300.0
"""How soon a card that nobody can be shown is tried again: an admin may have mended it."""
ASKING = ("card", "receipt")
"""Messages that a person is to answer: never dropped while they ask something."""
TOLD_ADMINS = (*ASKING, "page", "post", "digest")

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

_log = structlog.get_logger(__name__)


def asks(facts: Facts) -> bool:
    """Whether somebody is still to answer what a message is about."""
    if isinstance(facts, CardFacts):
        return facts.review.pending
    return isinstance(facts, ReceiptFacts) and facts.unknown.is_open


def _who_may_answer(facts: CardFacts | ReceiptFacts) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return whom of the policy's people a message asks, and who of them may not answer."""
    if isinstance(facts, CardFacts):
        return facts.review.ruling.approvers, facts.review.requesters
    return facts.asked, facts.requesters


def _home(facts: Facts) -> str | None:
    """Return the channel where a message belongs that a person is to answer."""
    if isinstance(facts, CardFacts):
        return facts.review.ruling.channel
    return facts.channel if isinstance(facts, ReceiptFacts) else None


class Detours:
    """Decides where else a message goes."""

    def __init__(
        self,
        outbox: Outbox,
        policy: Callable[[], Policy],
        people: Directory,
        admins: Admins,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._policy = policy
        self._people = people
        self._admins = admins
        self._clock = clock

    async def elsewhere(self, message: Message, failure: Failure) -> bool:
        """Send a message another way: to the admin channel, else as a group message to those it is for.

        Returns True where there is no way left: it was given up, or waits for an admin to mend the place.
        """
        facts = await self._outbox.facts(message)
        if isinstance(facts, CardFacts | ReceiptFacts) and not asks(facts) and message.kind != "told":
            what = "review" if isinstance(facts, CardFacts) else "receipt"
            await self._outbox.gave_up(
                message.id, f"{failure.error}; the {what} is closed by now", closed=True
            )
            return True
        other = await self._other_way(message, facts)
        if message.kind in TOLD_ADMINS:
            await self.tell(message, failure.error, other)
        if other is not None:
            await self._outbox.readdress(message.id, other)
            return False
        if message.kind in ASKING:
            home = _home(facts)
            if home is not None and home != message.recipient:
                await self._outbox.readdress(message.id, home)
            await self._outbox.later(message.id, at=self._clock() + AGAIN_S, error=failure.error)
        else:
            _log.error("message_given_up", message=message.id, kind=message.kind, error=failure.error)
            await self._outbox.gave_up(message.id, failure.error, closed=True)
        return True

    async def _other_way(self, message: Message, facts: Facts) -> str | None:
        if message.kind in ("page", "told") or is_people(message.recipient):
            return None
        admin_channel = self._policy().admin_channel
        if admin_channel is not None and message.recipient != admin_channel:
            return admin_channel
        if message.kind not in ASKING or not isinstance(facts, CardFacts | ReceiptFacts):
            return ",".join((await self._admins.persons())[:GROUP]) or None
        names, requesters = _who_may_answer(facts)
        found = await self._people.resolve(names)
        return ",".join(sorted(found.users - requesters)[:GROUP]) or None

    async def tell(self, message: Message, error: str, other: str | None = None) -> None:
        """Tell the admins of a place that takes no message, why, and what to do."""
        if error == SHARED:
            await self._admins.tell(shared_channels.notice(message.recipient))
            return
        fate = "It goes another way meanwhile." if other else "It is shown nowhere."
        known = RESTRICTED if error.startswith(RESTRICTED) else error
        place = _place(message)
        await self._admins.tell(
            Notice(
                Subject.NOT_DELIVERED,
                f"A {message.kind} could not be sent to {place}: Slack says {error}. {fate}",
                where=f"{place} in Slack",
                todo=_WHAT_TO_DO.get(known, "Look at the app's settings in Slack and at the bot's log."),
                about=f"{message.kind} {message.recipient} {error}",
            )
        )

    async def too_long(self, message: Message, failure: Failure) -> None:
        """Tell of a message that Slack does not take even in its short form.

        One that is there stays as it is until it changes again. One that asks is tried again: what it shows
        may be another by then.
        """
        facts, error = await self._outbox.facts(message), failure.error
        of = message.review_id or message.action_id
        shows = f"See what it is about: membrane reviews show {of}" if of else "Look at the bot's log."
        await self._admins.tell(
            Notice(
                Subject.NOT_DRAWN,
                f"A {message.kind} could not be drawn for {_place(message)}: Slack says {error}.",
                where=f"{_place(message)} in Slack",
                todo=shows,
                about=f"{message.id} {error}",
            )
        )
        if message.ts is not None:
            await self._outbox.left(message.id, version=facts.message.wanted, error=error)
        elif message.kind in ASKING and asks(facts):
            await self._outbox.later(message.id, at=self._clock() + AGAIN_S, error=error)
        else:
            await self._outbox.gave_up(message.id, error)


def _place(message: Message) -> str:
    return f"<{message.recipient}>" if is_people(message.recipient) else message.recipient
