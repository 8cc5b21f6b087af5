"""What Slack should show, for the courier: due messages, the facts to draw them from, what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from bot.domain.policy import Policy
from bot.domain.record import ActionRecord, Digested, Message, Standing, Unknown
from bot.domain.review import Review
from bot.domain.showing import SHOWS
from bot.domain.states import UNSETTLED, ThreadState
from bot.errors import NotFound
from bot.membrane.core import Core, standing_of, the_action, the_review
from bot.membrane.entitlement import may_be_told, requesters_of
from bot.membrane.first_shown import Unshown, as_drawn, note_posted, unshown
from bot.membrane.pointers import in_place_of
from bot.membrane.unknown_receipts import the_unknown, where_asked, who_may_say
from bot.store import (
    actions,
    digested,
    digests,
    doubts,
    halted_actions,
    leftovers,
    messages,
    restores,
    reviews,
    threads,
)
from bot.store.database import Transaction
from bot.store.leftovers import Leftover
from bot.store.restores import Restore
from bot.store.turns import Head, Turns, every

LEASE_S = 60.0
"""How long a message belongs to the courier that took it."""
LATE_S = 5.0
"""When a message is looked at again whose review is about to expire as never shown."""
CLOSED_S = 300.0
"""How soon a place that was closed to the bot is tried again."""
LEFT_FOR_S = 30 * 86_400.0
"""What has been left in a closed place for so long is left there for good."""
MOST_HALTED = 10
"""Actions after a safe-halt that a digest names; it says how many more there are."""
MOST_LEFTOVERS = 50
MOST_IN_DOUBT = 200
"""Late copies of more messages than this are not looked for at once."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card, a page, a post or a notice to the requester is drawn from, as it is now."""

    message: Message
    standing: Standing
    review: Review
    successor_id: str | None
    cards: Mapping[str, Message]
    """The cards of all reviews of the action, by review id: what messages about it point to."""
    stalled: str | None = None
    """Why the thread that waits for this review's outcome cannot be resumed."""
    restored_from: float | None = None
    """Of when the backup is since which the action may have run; None where that is certain."""
    restore: Restore | None = None
    """The restore that is not confirmed yet, where the review was opened after it."""
    turn: tuple[ActionRecord, ...] = ()
    """All that its agent asked for together with the action, which is one of them."""
    in_place: tuple[tuple[str, str | None], ...] = ()
    """Who of its approvers the policy no longer names, and who decides in their place, while it waits."""


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What the card of an unknown receipt is drawn from, as it is now.

    `channel` is where it belongs. `asked` are names of the policy's people: who may say what happened.
    `requesters` are users who may not.
    """

    message: Message
    standing: Standing
    unknown: Unknown
    channel: str
    asked: tuple[str, ...]
    requesters: frozenset[str]
    cards: Mapping[str, Message]
    """The cards of all reviews of the action, by review id."""


@dataclass(frozen=True, slots=True)
class DigestFacts:
    """What a digest is drawn from: the Tier 1 actions it names, and what is parked after a safe-halt."""

    message: Message
    passed: Digested
    halted: tuple[Standing, ...]
    """Those that have been parked longest, of `halted_count`."""
    halted_count: int
    since: float | None
    made_at: float
    cards: Mapping[str, Message]
    """The cards of what is parked, by review id."""


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """A message that is only its text."""

    message: Message
    text: str


Facts = CardFacts | ReceiptFacts | DigestFacts | NoticeFacts


class Outbox:
    """The use cases of the courier."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._turns = Turns()

    async def lease(
        self, limit: int, *, may: Callable[[Head], bool] = every, one_each: bool = False
    ) -> list[Message]:
        """Take due messages that `may` go now, the most urgent first, and every agent's in turn.

        With `one_each`, one of every place at most.
        """
        core = self._core
        now = core.clock()
        return await core.db.write(
            lambda tx: messages.lease(
                tx.connection,
                by=core.worker,
                now=now,
                until=now + LEASE_S,
                most=limit,
                turns=self._turns,
                may=may,
                one_each=one_each,
            )
        )

    async def release(self, message_id: str) -> None:
        """Let go of a message that may not be sent yet: it keeps its turn."""
        await self._core.db.write(lambda tx: messages.release(tx.connection, message_id))

    async def facts(self, message: Message) -> Facts:
        """Return what a message is drawn from, as it is now, with the message itself read again."""
        policy = self._core.policy()
        return await self._core.db.read(lambda connection: _facts(connection, message.id, policy))

    async def may_be_told(self, message: Message) -> bool:
        """Whether the recipient may be told of what an agent asked for in their name."""

        def asked(connection: Connection) -> ActionRecord:
            return the_action(connection, the_review(connection, message.review_id or "").action_id)

        action = await self._core.db.read(asked)
        return await may_be_told(self._core, message.recipient, agent=action.agent, owner=action.owner)

    async def attempting(self, message_id: str, *, doubted_since: float | None = None) -> Facts | None:
        """Note that a post is about to be tried, and return what to draw it from.

        None: it is moot, was dropped, and must not be sent: its review is closed, and it asks or pages.
        `doubted_since` is when an earlier post was made that may still land. All this is one transaction, so
        what is sent is what was true when it was noted; a digest, which nobody decides by, is read after it.
        """
        core = self._core
        hidden = await self._unshown(message_id)

        def work(tx: Transaction) -> Facts | Message | None:
            now = core.clock()
            message = _the_message(tx.connection, message_id)
            if doubted_since is not None:
                doubts.begin(tx.connection, message_id, doubted_since)
            if _is_moot(tx.connection, message):
                messages.give_up(tx.connection, message_id, now, "the review was closed before it was sent")
                return None
            if hidden is not None and hidden.is_late(tx.connection, now):
                messages.later(tx.connection, message_id, now + LATE_S, "its review was never shown in time")
                return None
            messages.attempt(tx.connection, message_id, now)
            return message if message.digest_id else self._drawn(tx.connection, message, hidden, now)

        found = await core.db.write(work)
        # What a digest names is counted beside the writing: a million actions take seconds.
        return await self.facts(found) if isinstance(found, Message) else found

    async def _unshown(self, message_id: str) -> Unshown | None:
        """Return the review that a message may be the first to show."""
        message = await self._core.db.read(lambda connection: _the_message(connection, message_id))
        return await unshown(self._core, message.review_id) if message.kind in SHOWS else None

    def _drawn(self, connection: Connection, message: Message, hidden: Unshown | None, now: float) -> Facts:
        """Return what a message is drawn from that is about to be posted, and may start its window."""
        facts = _facts(connection, message.id, self._core.policy())
        if not isinstance(facts, CardFacts):
            return facts
        return replace(facts, review=as_drawn(facts.review, message, hidden, now))

    async def in_doubt(self) -> list[Message]:
        """Return the messages of which an earlier post may still land, the latest first."""
        return await self._core.db.read(lambda connection: doubts.in_doubt(connection, MOST_IN_DOUBT))

    async def certain(self, message_id: str) -> None:
        """Note that no late copy of a message is looked for any more."""
        await self._core.db.write(lambda tx: doubts.end(tx.connection, message_id))

    async def posted(
        self,
        message_id: str,
        *,
        version: int,
        channel_id: str,
        ts: str,
        shows: str = "",
    ) -> None:
        """Note where a message is and which version it shows. `shows` is a digest of what was rendered.

        Version 0 is of one that was found after its post had been in doubt. A review that this shows first
        was shown when the message was posted.
        """
        core = self._core
        hidden = await self._unshown(message_id)

        def work(tx: Transaction) -> None:
            now = core.clock()
            message = _the_message(tx.connection, message_id)
            messages.placed(tx.connection, message_id, channel_id, ts, now)
            messages.shown(tx.connection, message_id, version, now)
            body = {"message": message_id, "kind": message.kind, "to": message.recipient, "shows": shows}
            _journal(tx, now, "message.posted", message, body)
            note_posted(tx, message, hidden, now, found=version == 0)
            if message.kind == "card" and message.review_id is not None:
                _point_to(tx, message.review_id, now)

        await core.db.write(work)
        core.wakeups.messages.set()

    async def updated(
        self, message_id: str, *, version: int, shows: str = "", recheck_s: float = messages.RECHECK_S
    ) -> None:
        """Note which version a message shows. It stays due if more was wanted meanwhile.

        If an earlier redraw may still land over this one, it is drawn once more after `recheck_s`.
        """
        await self._note(
            message_id,
            "message.updated",
            lambda connection, now: messages.shown(connection, message_id, version, now, recheck_s),
            shows=shows,
        )

    async def left(self, message_id: str, *, version: int, error: str) -> None:
        """Note that Slack lets nobody draw a message again, which stays as it is until more is wanted."""
        await self._note(
            message_id,
            "message.left",
            lambda connection, now: messages.shown(connection, message_id, version, now),
            error=error,
        )

    async def lost(self, message_id: str, ts: str) -> None:
        """Note that a message is not there any more: it is posted again, unless it is elsewhere by now."""
        core = self._core

        def work(tx: Transaction) -> None:
            now = core.clock()
            message = _the_message(tx.connection, message_id)
            if not messages.lost(tx.connection, message_id, ts, now):
                return
            body = {"message": message_id, "kind": message.kind, "channel": message.channel_id}
            _journal(tx, now, "message.lost", message, body)

        await core.db.write(work)

    async def not_landed(self, message_id: str) -> None:
        """Note that Slack did not take the last post of a message, so that it is not in doubt."""
        await self._core.db.write(lambda tx: messages.not_landed(tx.connection, message_id))

    async def later(self, message_id: str, *, at: float, error: str, unsure: bool = False) -> None:
        """Try again then. `unsure`: what was tried is a redraw, and may still land."""
        core = self._core

        def work(tx: Transaction) -> None:
            if unsure:
                messages.unsure(tx.connection, message_id, core.clock())
            messages.later(tx.connection, message_id, at, error)

        await core.db.write(work)

    async def gave_up(self, message_id: str, error: str, *, closed: bool = False) -> None:
        """Never try again. The caller has told the right people some other way.

        Of one that stays in a place that is `closed` to the bot: not before that is open again.
        """

        def work(connection: Connection, now: float) -> None:
            messages.give_up(connection, message_id, now, error)
            if closed:
                _leave_behind(connection, _the_message(connection, message_id), now)

        await self._note(message_id, "message.given_up", work, error=error)

    async def _note(
        self, message_id: str, event: str, change: Callable[[Connection, float], None], **more: str
    ) -> None:
        """Change a message's row, and journal it."""
        core = self._core

        def work(tx: Transaction) -> None:
            now = core.clock()
            message = _the_message(tx.connection, message_id)
            change(tx.connection, now)
            _journal(tx, now, event, message, {"message": message_id, "kind": message.kind, **more})

        await core.db.write(work)

    async def readdress(self, message_id: str, recipient: str) -> None:
        """Send a message elsewhere. What is in the closed place is left there until that is open again."""
        core = self._core

        def work(tx: Transaction) -> None:
            now = core.clock()
            message = _the_message(tx.connection, message_id)
            _leave_behind(tx.connection, message, now)
            messages.readdress(tx.connection, message_id, recipient, now)
            body = {"message": message_id, "kind": message.kind, "from": message.recipient, "to": recipient}
            _journal(tx, now, "message.readdressed", message, body)

        await core.db.write(work)

    async def leave_channel(self, channel_id: str) -> None:
        """Want what asks in a channel drawn again: it may not stay there."""
        core = self._core

        def work(tx: Transaction) -> None:
            for review_id in messages.asking_in(tx.connection, channel_id):
                messages.touch(tx.connection, review_id, now=core.clock())

        await core.db.write(work)
        core.wakeups.messages.set()

    async def leftovers(self) -> list[Leftover]:
        """Return the places to try to clear: old copies of messages that went elsewhere meanwhile.

        Messages that stayed in a place that was closed are owed again, which is to try the place.
        """
        core = self._core

        def work(tx: Transaction) -> list[Leftover]:
            now = core.clock()
            copies = []
            for each in leftovers.due(tx.connection, now, MOST_LEFTOVERS):
                if each.since <= now - LEFT_FOR_S or (each.current and not each.given_up):
                    leftovers.forget(tx.connection, each)
                    continue
                # The longer a place has been closed, the more rarely it is tried.
                leftovers.postpone(tx.connection, each, now + max(CLOSED_S, now - each.since))
                if each.current:
                    leftovers.revive(tx.connection, each.message_id, now)
                else:
                    copies.append(each)
            return copies

        if not await core.db.read(lambda connection: leftovers.due(connection, core.clock(), 1)):
            return []
        return await core.db.write(work)

    async def cleared(self, leftover: Leftover) -> None:
        """Note that nothing is left in a place."""
        await self._core.db.write(lambda tx: leftovers.forget(tx.connection, leftover))

    async def behind_s(self) -> float:
        """Return for how many seconds Slack has lacked what it should show; 0 if it lacks nothing.

        What was tried in vain, waits for its turn, or has no place to go counts from when it was wanted.
        """
        since = await self._core.db.read(messages.owed_since)
        return max(0.0, self._core.clock() - since) if since is not None else 0.0


def _is_moot(connection: Connection, message: Message) -> bool:
    """Whether an unsent message asks about what is closed. A card that was seen shows its outcome."""
    if message.kind == "receipt" and message.action_id is not None and message.posted_at is None:
        return the_unknown(connection, message.action_id, message.position).closed_at is not None
    if message.review_id is None or message.kind not in {"card", "page", "post"}:
        return False
    seen = message.kind == "card" and message.posted_at is not None
    return not seen and not the_review(connection, message.review_id).pending


def _journal(
    tx: Transaction, now: float, event: str, message: Message, body: Mapping[str, str | None]
) -> None:
    tx.journal(now, event, body, action_id=message.action_id, review_id=message.review_id)


def _leave_behind(connection: Connection, message: Message, now: float) -> None:
    """Note where a message is, if anywhere: the place is closed, and what is there shows an old state."""
    if message.channel_id is not None and message.ts is not None:
        at = now + CLOSED_S
        leftovers.leave(connection, message.id, message.channel_id, message.ts, now=now, at=at)


def _point_to(tx: Transaction, review_id: str, now: float) -> None:
    """Want the other messages about an action drawn again: they point to this card now."""
    action_id = the_review(tx.connection, review_id).action_id
    messages.touch_receipts(tx.connection, action_id, now=now)
    for other in reviews.of_action(tx.connection, action_id):
        if other.id != review_id:
            messages.touch(tx.connection, other.id, now=now)


def _the_message(connection: Connection, message_id: str) -> Message:
    message = messages.get(connection, message_id)
    if message is None:
        raise NotFound(f"there is no message {message_id}")
    return message


def _facts(connection: Connection, message_id: str, policy: Policy) -> Facts:
    message = _the_message(connection, message_id)
    if message.action_id is not None:
        standing = standing_of(connection, message.action_id)
        unknown = the_unknown(connection, message.action_id, message.position)
        asked, requesters = who_may_say(policy, standing), requesters_of(connection, standing.action)
        cards = messages.cards_of(connection, message.action_id)
        channel = where_asked(policy, standing)
        return ReceiptFacts(message, standing, unknown, channel, asked, requesters, cards)
    if message.review_id is not None:
        review = the_review(connection, message.review_id)
        standing = standing_of(connection, review.action_id)
        cards = messages.cards_of(connection, review.action_id)
        successor = reviews.successor_of(connection, review.id)
        facts = CardFacts(message, standing, review, successor, cards, _stalled(connection, standing, review))
        if review.pending:
            facts = replace(facts, in_place=in_place_of(connection, review.ruling.approvers, policy))
        return replace(_with_restore(connection, facts), turn=_turn_of(connection, standing.action))
    if message.digest_id is not None:
        return _digest_facts(connection, message, message.digest_id)
    return NoticeFacts(message, message.body or "")


def _turn_of(connection: Connection, action: ActionRecord) -> tuple[ActionRecord, ...]:
    """Return the actions that were asked for in one turn, in its order."""
    if action.turn_id is not None:
        return tuple(actions.of_turn(connection, action.turn_id))
    if action.interrupt_id is not None:
        return tuple(actions.of_interrupt(connection, action.interrupt_id))
    return ()


def _digest_facts(connection: Connection, message: Message, digest_id: str) -> DigestFacts:
    passed = digested.of_digest(connection, digest_id)
    parked = [standing_of(connection, each) for each in halted_actions.ids(connection, MOST_HALTED)]
    count = halted_actions.count(connection)
    cards: dict[str, Message] = {}
    for each in parked:
        cards |= messages.cards_of(connection, each.action.id)
    since = digests.made_before(connection, digest_id)
    return DigestFacts(message, passed, tuple(parked), count, since, message.created_at, cards)


def _stalled(connection: Connection, standing: Standing, review: Review) -> str | None:
    action, latest = standing.action, standing.review
    if action.thread_id is None or latest is None or latest.id != review.id or action.receipt is not None:
        return None
    thread = threads.get(connection, action.thread_id)
    return thread.error if thread is not None and thread.state is ThreadState.STALLED else None


def _with_restore(connection: Connection, facts: CardFacts) -> CardFacts:
    """Add what a restore left uncertain about an action that may still run."""
    found = restores.restore(connection)
    if found is None or facts.standing.action.state not in UNSETTLED:
        return facts
    since = restores.since(connection, facts.standing.action.id)
    after = found if facts.review.opened_at >= found.at else None
    return replace(facts, restored_from=since, restore=after)
