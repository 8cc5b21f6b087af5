"""The escalation auditor: finds work that the sweeps missed, repairs what it can, and tells the admins.

It shares only the rows with the sweeps, so it finds faults in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from sqlalchemy import Connection

from bot.domain.durations import in_sentence
from bot.domain.escalation import page_at
from bot.domain.future_instants import pulled_back
from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.domain.notices import Notice, Subject
from bot.domain.review import Review
from bot.membrane.admins import Admins
from bot.membrane.clock_repair import ClockRepair
from bot.membrane.core import Core, the_action
from bot.membrane.entitlement import requesters_of
from bot.membrane.first_shown import note_visible, unshown
from bot.store import audits, messages, reviews
from bot.store.database import Transaction

LATE_S = 120.0
"""Seconds after which overdue work is a fault and not just a busy moment."""
UNSENT_S = 300.0
"""Seconds after which an unsent message is stuck. Slack's pace needs nearly that for a burst of 200 cards."""
CHUNK = 200
"""Pending reviews checked in one pass. The next pass continues after them and starts over at the end."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: what it is, where, and what to do about it.

    `key` identifies the fault, so that the admins are told once a day.
    """

    key: str
    text: str
    where: str
    todo: str
    subject: Subject = Subject.AUDIT_FOUND

    @property
    def notice(self) -> Notice:
        return Notice(self.subject, self.text, self.where, self.todo, self.key)


def _repaired(key: str, text: str, review_id: str) -> Finding:
    """Return the finding of a fault that the auditor has repaired."""
    todo = (
        "Nothing now. If it happens again, report it with the bot's log: something outside changed the store."
    )
    return Finding(key, text, f"the review {review_id}", todo, Subject.AUDIT_REPAIRED)


def _requesters(connection: Connection, review: Review) -> frozenset[str]:
    return review.requesters | requesters_of(connection, the_action(connection, review.action_id))


class Auditor:
    """The use case of the auditor. It remembers where its round is, and which findings reached nobody."""

    def __init__(self, core: Core, admins: Admins, timekeeping: ClockRepair) -> None:
        self._core = core
        self._admins = admins
        self._timekeeping = timekeeping
        self._after = ""
        self._unheard: set[str] = set()

    async def audit(self) -> list[Finding]:
        """Find faults, repair what can be repaired, tell the admins, and return the findings."""
        found = [*await self._late(), *await self._orphans(), *await self._round()]
        if found:
            recipients = await self._admins.recipients()
            await self._core.db.write(lambda tx: self._tell(tx, recipients, found))
            self._core.wakeups.wake()
        return found

    async def _late(self) -> list[Finding]:
        now = self._core.clock()
        rows = await self._core.db.read(
            lambda connection: audits.late(connection, before=now - LATE_S, unsent_before=now - UNSENT_S)
        )
        return [
            Finding(
                row.what,
                f"{row.count} {row.what}; the oldest for {in_sentence(now - row.since)}.",
                "the bot's sweeps, and its connection to Slack",
                "Look at /readyz, `membrane doctor` and the bot's log for what holds it up.",
            )
            for row in rows
        ]

    async def _orphans(self) -> list[Finding]:
        ids = await self._core.db.read(audits.halted_without_successor)
        todo = "See what became of it with `membrane journal show`, and have its agent propose it again."
        text = "{} is halted, and no review of it is open."
        return [Finding(each, text.format(each), f"the action {each}", todo) for each in ids]

    async def _round(self) -> list[Finding]:
        """Check the next chunk of pending reviews."""
        db, after = self._core.db, self._after
        ids = await db.read(lambda connection: audits.pending_after(connection, after, CHUNK))
        self._after = ids[-1] if len(ids) == CHUNK else ""
        if not ids:
            return []
        cardless = await db.read(lambda connection: audits.without_card(connection, after, ids[-1]))
        found = [
            _repaired(each, f"No card was wanted for {each}; it is wanted now.", each) for each in cardless
        ]
        for review_id in cardless:
            await db.write(lambda tx, review_id=review_id: self._want_card(tx, review_id))  # type: ignore[misc]
        for review_id in ids:
            review = await db.read(lambda connection, of=review_id: reviews.get(connection, of))  # type: ignore[misc]
            if review is not None and review.pending:
                found += await self._instants(review)
                found += [*await self._chain(review), *await self._quorum(review)]
                await self._shown(review)
        return found

    def _want_card(self, tx: Transaction, review_id: str) -> None:
        review = reviews.get(tx.connection, review_id)
        if review is None or review.ruling.channel is None:
            return
        messages.want(
            tx.connection,
            self._core.new_id("msg"),
            MessageKind.CARD,
            review.ruling.channel,
            now=self._core.clock(),
            priority=Priority.CARD_3,
            review_id=review_id,
        )

    async def _instants(self, review: Review) -> list[Finding]:
        """Repair deadlines that are impossibly late: a clock was ahead, or somebody changed the row."""
        if pulled_back(review, self._core.clock()) == review:
            return []
        if not await self._timekeeping.repair(review.id):
            return []
        text = f"The deadline of {review.id} was impossibly late; it was moved back to its window."
        return [_repaired(f"instants {review.id}", text, review.id)]

    async def _shown(self, review: Review) -> None:
        """Start the window of a review whose card was posted before anybody could decide it."""
        hidden = await unshown(self._core, review.id) if review.shown_at is None else None
        if hidden is not None:
            await self._core.db.write(partial(note_visible, hidden=hidden, now=self._core.clock()))

    async def _chain(self, review: Review) -> list[Finding]:
        chain, window = review.ruling.chain, review.ruling.window_s
        if chain is None or window is None or review.next_page_at is not None:
            return []
        following = page_at(chain, review.position, review.window_from, window)
        if following is None:
            return []
        at = max(following.due_at, review.quiet_until or 0.0)
        if not await self._core.db.write(lambda tx: audits.resume_chain(tx.connection, review.id, at)):
            return []
        text = f"The escalation of {review.id} had stopped; it continues now."
        return [_repaired(review.id, text, review.id)]

    async def _quorum(self, review: Review) -> list[Finding]:
        found = await self._core.people.resolve(review.ruling.approvers)
        able = found.users - await self._core.db.read(lambda connection: _requesters(connection, review))
        if found.unresolved or len(able) >= review.ruling.quorum:
            return []
        names = ", ".join(review.ruling.approvers)
        text = (
            f"{review.id} needs {review.ruling.quorum} approvals, but only {len(able)} of {names} may vote."
        )
        where = f"the review {review.id}, and {names} in the policy's people"
        todo = "Change the policy's people, or have somebody reject it."
        return [Finding(f"quorum {review.id}", text, where, todo)]

    def _tell(self, tx: Transaction, recipients: Sequence[str], found: list[Finding]) -> None:
        now = self._core.clock()
        for finding in found:
            new = self._admins.want(tx, recipients, finding.notice)
            if not recipients:
                new = finding.key not in self._unheard
                self._unheard.add(finding.key)
            if new:
                _log.error("audit_found", what=finding.text)
                tx.journal(now, "audit.found", {"what": finding.text})
        if recipients:
            self._unheard.clear()
