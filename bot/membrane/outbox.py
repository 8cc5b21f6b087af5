"""The courier's use cases: take due messages, read what to draw, and keep what became of an attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from bot.domain.message import next_step
from bot.domain.message_answers import Checked
from bot.domain.message_changes import after
from bot.domain.message_order import QueueHead, Turns, every
from bot.domain.message_record import SHOWS, Message, MessageKind
from bot.domain.message_steps import GiveUp, Leave, Outcome, Place, PostAgain, Readdress, Request, Show, Try
from bot.domain.record import ActionRecord
from bot.membrane.core import Core, the_action, the_review
from bot.membrane.entitlement import may_be_told
from bot.membrane.first_shown import Unshown, as_drawn, note_posted, unshown
from bot.membrane.message_facts import CardFacts, Facts, read_facts, the_message
from bot.membrane.unknown_receipts import the_unknown
from bot.store import doubts, leftovers, messages, redraws, reviews
from bot.store.database import Transaction
from bot.store.leftovers import Leftover

LEASE_S = 60.0
"""How long a message belongs to the courier that took it."""
CLOSED_S = 300.0
"""How soon a place that was closed to the bot is tried again."""
LEFT_FOR_S = 30 * 86_400.0
"""How long the deletion of a stale copy in a closed place is tried; then the copy stays."""
MOST_LEFTOVERS = 50
MOST_IN_DOUBT = 200
"""Messages whose late copies are looked for at once."""


class Outbox:
    """The use cases of the courier."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._turns = Turns()

    async def lease(
        self, limit: int, *, may: Callable[[QueueHead], bool] = every, one_each: bool = False
    ) -> list[Message]:
        """Take due messages that `may` go now, the most urgent first, and every agent's in turn.

        With `one_each`, take at most one for each place.
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

    async def facts(self, message: Message) -> Facts:
        """Return what a message is drawn from, as it is now, with the message itself read again."""
        policy = self._core.policy()
        return await self._core.db.read(lambda connection: read_facts(connection, message.id, policy))

    async def may_be_told(self, message: Message) -> bool:
        """Whether the recipient may be told of what an agent asked for in their name."""

        def asked(connection: Connection) -> ActionRecord:
            return the_action(connection, the_review(connection, message.review_id or "").action_id)

        action = await self._core.db.read(asked)
        return await may_be_told(self._core, message.recipient, agent=action.agent, owner=action.owner)

    async def attempting(self, message_id: str) -> Facts | None:
        """Note that a post is about to be made, and return what to draw it from.

        None: it must not be posted, because its review is closed or about to be, or because the lease has
        ended. One transaction does it all, so the post shows what was true when it was noted. A digest, by
        which nobody decides, is read afterwards.
        """
        core = self._core
        hidden = await self._unshown(message_id)

        def work(tx: Transaction) -> Facts | Message | None:
            now = core.clock()
            message = the_message(tx.connection, message_id)
            late = hidden is not None and hidden.is_late(tx.connection, now)
            step = next_step(message, Checked(moot=_is_moot(tx.connection, message), late=late), now)
            assert not isinstance(step, Request), "what was checked is tried, put off or given up"
            tried = self._write(tx, message, step, now)
            if tried is None or not isinstance(step, Try):
                return None
            return tried if tried.digest_id else self._drawn(tx.connection, tried, hidden, now)

        found = await core.db.write(work)
        # The actions of a digest are counted outside the write transaction, because a million take seconds.
        return await self.facts(found) if isinstance(found, Message) else found

    async def _unshown(self, message_id: str) -> Unshown | None:
        """Return the review that a message may be the first to show."""
        message = await self._core.db.read(lambda connection: the_message(connection, message_id))
        return await unshown(self._core, message.review_id) if message.kind in SHOWS else None

    def _drawn(self, connection: Connection, message: Message, hidden: Unshown | None, now: float) -> Facts:
        """Return the facts of a message that is about to be posted, which may start its window."""
        facts = read_facts(connection, message.id, self._core.policy())
        if not isinstance(facts, CardFacts):
            return facts
        return replace(facts, review=as_drawn(facts.review, message, hidden, now))

    async def apply(self, message_id: str, step: Outcome, *, leased: bool = True) -> Message | None:
        """Keep what became of an attempt, and return the message as it is then.

        None: the lease of this worker has ended, so nothing changes. Not `leased` is a look for late copies,
        which ends the lease of anybody who holds the message.
        """
        if isinstance(step, Place):
            return await self._posted(message_id, step, leased=leased)
        return await self._noted(message_id, step, leased=leased)

    async def _posted(self, message_id: str, step: Place, *, leased: bool) -> Message | None:
        """Keep where a message is. A review that this shows first was shown when the message was posted."""
        core = self._core
        hidden = await self._unshown(message_id)

        def work(tx: Transaction) -> Message | None:
            now = core.clock()
            before = the_message(tx.connection, message_id)
            placed = self._write(tx, before, step, now, leased=leased)
            if placed is None:
                return None
            _journal(tx, now, before, step)
            note_posted(tx, before, hidden, now, found=step.version == 0)
            if before.kind == MessageKind.CARD and before.review_id is not None:
                _point_to(tx, before.review_id, now)
            return placed

        placed = await core.db.write(work)
        core.wakeups.messages.set()
        return placed

    async def _noted(self, message_id: str, step: Outcome, *, leased: bool) -> Message | None:
        core = self._core

        def work(tx: Transaction) -> Message | None:
            now = core.clock()
            before = the_message(tx.connection, message_id)
            changed = self._write(tx, before, step, now, leased=leased)
            if changed is not None:
                _leave_behind(tx, before, step, now)
                _journal(tx, now, before, step)
            return changed

        return await core.db.write(work)

    def _write(
        self, tx: Transaction, message: Message, step: Outcome, now: float, *, leased: bool = True
    ) -> Message | None:
        """Write a message as it is after a step. None: the lease has ended."""
        changed = after(message, step, now)
        if not leased:
            written = messages.take_over(tx.connection, changed)
        else:
            written = messages.write(tx.connection, changed, by=self._core.worker, now=now)
        return changed if written else None

    async def in_doubt(self) -> list[Message]:
        """Return the messages whose earlier posts may still land, the latest first."""
        return await self._core.db.read(lambda connection: doubts.in_doubt(connection, MOST_IN_DOUBT))

    async def certain(self, message_id: str) -> None:
        """Note that no earlier post of a message can land any more."""
        await self._core.db.write(lambda tx: doubts.end(tx.connection, message_id))

    async def leave_channel(self, channel_id: str) -> None:
        """Want the messages that ask in a channel drawn again: they may not stay there."""
        core = self._core

        def work(tx: Transaction) -> None:
            for review_id in redraws.asking_in(tx.connection, channel_id):
                redraws.touch(tx.connection, review_id, now=core.clock())

        await core.db.write(work)
        core.wakeups.messages.set()

    async def leftovers(self) -> list[Leftover]:
        """Return the copies to try to delete: their messages went elsewhere while their place was closed.

        A message that stayed in a closed place is wanted again, which tries the place.
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
        """Note that a stale copy is gone."""
        await self._core.db.write(lambda tx: leftovers.forget(tx.connection, leftover))

    async def behind_s(self) -> float:
        """Return for how many seconds Slack has lacked what it should show; 0 if it lacks nothing.

        A message that was tried in vain, waits for its turn or has no place counts from when it was wanted.
        """
        since = await self._core.db.read(messages.owed_since)
        return max(0.0, self._core.clock() - since) if since is not None else 0.0


def _is_moot(connection: Connection, message: Message) -> bool:
    """Whether an unsent message asks a question that is closed. A card that was seen shows its outcome."""
    if message.kind == MessageKind.RECEIPT and message.action_id is not None and message.posted_at is None:
        return the_unknown(connection, message.action_id, message.position).closed_at is not None
    if message.review_id is None or message.kind not in SHOWS:
        return False
    seen = message.kind == MessageKind.CARD and message.posted_at is not None
    return not seen and not the_review(connection, message.review_id).pending


def _journal(tx: Transaction, now: float, message: Message, step: Outcome) -> None:
    """Write a step to the journal, if it changes what people see or get."""
    more: dict[str, str | None]
    match step:
        case Place():
            event, more = "message.posted", {"to": message.recipient, "shows": step.shows}
        case Show():
            event, more = "message.updated", {"shows": step.shows}
        case Leave():
            event, more = "message.left", {"error": step.error}
        case PostAgain() if step.seen == message.ts:
            event, more = "message.lost", {"channel": message.channel_id}
        case GiveUp():
            event, more = "message.given_up", {"error": step.error}
        case Readdress():
            event, more = "message.readdressed", {"from": message.recipient, "to": step.recipient}
        case _:
            return
    body = {"message": message.id, "kind": message.kind, **more}
    tx.journal(now, event, body, action_id=message.action_id, review_id=message.review_id)


def _leave_behind(tx: Transaction, message: Message, step: Outcome, now: float) -> None:
    """Note where a message is that its step leaves in a closed place: the copy there gets stale."""
    leaves = isinstance(step, Readdress) or (isinstance(step, GiveUp) and step.closed)
    if leaves and message.channel_id is not None and message.ts is not None:
        at = now + CLOSED_S
        leftovers.leave(tx.connection, message.id, message.channel_id, message.ts, now=now, at=at)


def _point_to(tx: Transaction, review_id: str, now: float) -> None:
    """Want the other messages about an action drawn again: they point to this card now."""
    action_id = the_review(tx.connection, review_id).action_id
    redraws.touch_receipts(tx.connection, action_id, now=now)
    for other in reviews.of_action(tx.connection, action_id):
        if other.id != review_id:
            redraws.touch(tx.connection, other.id, now=now)
