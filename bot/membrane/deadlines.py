"""The sweeps of the clock: expire reviews, page people, give up on reports. Each reads due rows by index."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain import showing
from bot.domain.escalation import Chain, page_at
from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.domain.notices import Notice, Subject
from bot.domain.review import Review
from bot.domain.risk import Tier
from bot.domain.states import ActionState
from bot.membrane.admins import Admins
from bot.membrane.changes import close_review
from bot.membrane.core import Core, the_action, the_review
from bot.membrane.first_shown import unshown
from bot.membrane.unknown_receipts import note_unknown
from bot.store import executions, messages, redraws, reviews
from bot.store.database import Transaction

BATCH = 500
"""Maximum number of rows in one pass; the next pass takes the rest."""
MOST_TURNS = 1000
"""Maximum number of a chain's positions handled at once after a long outage."""
IN_DOUBT_S = 10.0
"""Seconds until the next look at an expired review whose post is in doubt."""
PATIENCE_S = 60.0
"""Seconds for which a page is retried while its people cannot be resolved. Then the chain skips it."""


@dataclass(slots=True)
class _Round:
    """The due part of one chain: whom to reach, each once, and where the chain goes on."""

    position: int
    then: float | None = None
    people: dict[str, int] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Missing:
    """Names of the policy's people behind which a page reaches nobody, and the admins to tell."""

    unresolved: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [*self.unresolved, *self.empty]

    def notice(self, review_id: str) -> Notice:
        sentences, todo = [], []
        if self.unresolved:
            sentences.append(f"{', '.join(self.unresolved)} cannot be resolved right now")
            todo.append("Check the policy's people and the bot's access to user groups.")
        if self.empty:
            sentences.append(f"{', '.join(self.empty)} has no members now")
            todo.append("Add people, or change the policy.")
        return Notice(
            Subject.PAGE_MISSED,
            f"A page about {review_id} did not reach everybody: {', and '.join(sentences)}.",
            where=f"the review {review_id}, and {', '.join(self.names)} in the policy's people",
            todo=" ".join(todo),
            about=f"{review_id} {self.names}",
        )


def _due_round(chain: Chain, review: Review, now: float) -> _Round:
    """Collect every due position, so that somebody with three due pages gets one."""
    window = review.ruling.window_s or 0.0
    due = _Round(review.position)
    for _ in range(MOST_TURNS):
        step = page_at(chain, due.position, review.window_from, window)
        if step is None:
            return due
        if step.due_at > now and due.position > review.position:
            due.then = step.due_at
            return due
        due.people.update(dict.fromkeys(step.page, due.position))
        due.channels.update(dict.fromkeys(step.post, due.position))
        due.position += 1
    due.then = now
    return due


class Deadlines:
    """The use cases of the clock. Each method returns how many rows it settled."""

    def __init__(self, core: Core, admins: Admins) -> None:
        self._core = core
        self._admins = admins

    async def expire_due(self) -> int:
        """Close reviews whose window has passed. Mark mandated sign-offs as overdue instead."""
        core = self._core
        now = core.clock()
        due = await core.db.read(lambda connection: reviews.due_to_expire(connection, now, BATCH))
        told = await self._admins.recipients() if any(each.shown_at is None for each in due) else []
        done = await asyncio.gather(*(self._expire(review, told) for review in due))
        return sum(done)

    async def _expire(self, due: Review, told: Sequence[str]) -> bool:
        core = self._core
        hidden = await unshown(core, due.id) if due.shown_at is None else None

        def work(tx: Transaction) -> bool:
            now = core.clock()
            review = the_review(tx.connection, due.id)
            in_doubt = hidden.in_doubt_since(tx.connection) if hidden is not None else None
            expired = showing.expire_unless_in_doubt(review, now, in_doubt)
            if expired is review:
                if in_doubt is not None:
                    reviews.postpone_expiry(tx.connection, review.id, now + IN_DOUBT_S)
                return False
            if review.shown_at is None:
                self._tell_never_shown(tx, expired, told)
            if expired.pending:
                redraws.touch(tx.connection, review.id, now=now)
                body = {"expires_at": review.expires_at}
                tx.journal(now, "review.overdue", body, action_id=review.action_id, review_id=review.id)
                return reviews.mark_overdue(tx.connection, expired)
            action = the_action(tx.connection, review.action_id)
            return close_review(core, tx, expired, action)

        done = await core.db.write(work)
        core.wakeups.wake(due.action_id)
        return done

    def _tell_never_shown(self, tx: Transaction, review: Review, told: Sequence[str]) -> None:
        """Tell the admins about a review that nobody could answer."""
        action, ruling = the_action(tx.connection, review.action_id), review.ruling
        came = "is overdue and keeps waiting" if review.pending else f"has expired ({ruling.default})"
        told_of = f"{review.id} ({action.kind} of {action.agent}, Tier {int(ruling.tier)})"
        notice = Notice(
            Subject.NEVER_SHOWN,
            what=f"{told_of} {came}: Slack showed it to nobody who may decide.",
            where=f"its card goes to {ruling.channel}; {' or '.join(ruling.approvers)} may decide",
            todo="Run “membrane doctor”. Check that this channel takes messages and that these people exist.",
            about=review.id,
        )
        self._admins.want(tx, told, notice)

    async def page_due(self) -> int:
        """Want the due pages of escalation chains."""
        core = self._core
        now = core.clock()
        due = await core.db.read(lambda connection: reviews.due_to_page(connection, now, BATCH))
        done = await asyncio.gather(*(self._page(review, now) for review in due))
        if due:
            core.wakeups.wake()
        return sum(done)

    async def _page(self, review: Review, now: float) -> bool:
        chain = review.ruling.chain
        if chain is None or review.next_page_at is None:
            return False
        due = _due_round(chain, review, now)
        users: dict[str, int] = {}
        missing = _Missing()
        for name, position in due.people.items():
            found = await self._core.people.resolve([name])
            users.update(dict.fromkeys(sorted(found.users), position))
            missing.unresolved.extend(found.unresolved)
            if not found.users and not found.unresolved:
                missing.empty.append(name)
        if missing.unresolved and not users and now - review.next_page_at < PATIENCE_S:
            return False
        missing.told = await self._admins.recipients() if missing.names else []
        return await self._core.db.write(lambda tx: self._want_pages(tx, review, due, users, missing))

    def _want_pages(
        self, tx: Transaction, review: Review, due: _Round, users: dict[str, int], missing: _Missing
    ) -> bool:
        """Want the pages of a round. Fenced: does nothing if the review closed or its chain moved on."""
        core = self._core
        now = core.clock()
        if not reviews.advance(tx.connection, review, due.position, due.then):
            return False
        wanted = [(MessageKind.PAGE, user, position) for user, position in users.items()]
        wanted += [(MessageKind.POST, channel, position) for channel, position in due.channels.items()]
        for kind, recipient, position in wanted:
            messages.want(
                tx.connection,
                core.new_id("msg"),
                kind,
                recipient,
                now=now,
                priority=Priority.PAGE_3 if review.ruling.tier is Tier.SYNC_APPROVAL else Priority.PAGE,
                review_id=review.id,
                position=position,
            )
        redraws.touch_card(tx.connection, review.id, now=now)
        body = {"to": sorted(users), "posts": sorted(due.channels), "step": due.position}
        body |= {"missing": missing.names}
        tx.journal(now, "review.paged", body, action_id=review.action_id, review_id=review.id)
        if missing.names:
            self._admins.want(tx, missing.told, missing.notice(review.id))
        return True

    async def unknown_due(self) -> int:
        """Write the *unknown* receipt for effects that were not reported in time, and ask people."""
        core = self._core
        now = core.clock()
        due = await core.db.read(lambda connection: executions.unreported(connection, now, BATCH))

        def work(tx: Transaction, execution: executions.Execution) -> bool:
            action = the_action(tx.connection, execution.action_id)
            overdue = executions.give_up(tx.connection, execution.key, now)
            if not overdue or action.state is not ActionState.RUNNING:
                return False
            note_unknown(core, tx, action, execution)
            return True

        done = 0
        for execution in due:
            done += await core.db.write(lambda tx, execution=execution: work(tx, execution))  # type: ignore[misc]
            core.wakeups.wake(execution.action_id)
        return done
