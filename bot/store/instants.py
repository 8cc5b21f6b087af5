"""Queries on instants in the future that were written while the clock was ahead."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, exists, or_, select, update

from bot.domain.review import Review
from bot.domain.risk import Tier
from bot.domain.states import ActionState, ReviewState
from bot.store.expressions import earlier
from bot.store.tables import actions, digests, executions, leftovers, literally, messages, reviews, threads

SOON_S = 86_400.0
"""Rows that are due within a day, in seconds, are left to the audit of pending reviews."""

_PENDING = literally(reviews.c.state, ReviewState.PENDING)
_SUSPECTS = (
    select(reviews.c.id)
    .where(
        and_(
            _PENDING,
            reviews.c.id > bindparam("after"),
            or_(
                reviews.c.opened_at > bindparam("far"),
                reviews.c.shown_at > bindparam("far"),
                reviews.c.overdue_at > bindparam("far"),
                reviews.c.expires_at > bindparam("soon"),
                reviews.c.quiet_until > bindparam("soon"),
                reviews.c.next_page_at > bindparam("soon"),
            ),
        )
    )
    .order_by(reviews.c.id)
    .limit(bindparam("most"))
)
_REPAIR = (
    update(reviews)
    .where(and_(reviews.c.id == bindparam("of"), _PENDING))
    .values(
        opened_at=bindparam("opened"),
        shown_at=bindparam("shown"),
        expires_at=bindparam("expires"),
        expiry_due_at=bindparam("due"),
        overdue_at=bindparam("overdue"),
        quiet_until=bindparam("quiet"),
        position=bindparam("place"),
        next_page_at=bindparam("then"),
    )
)
_APPROVALS = and_(
    literally(reviews.c.state, ReviewState.APPROVED),
    reviews.c.closed_at > bindparam("far"),
    exists().where(
        and_(actions.c.id == reviews.c.action_id, literally(actions.c.state, ActionState.APPROVED))
    ),
)
_LATE_REPORTS = select(
    executions.c.key, executions.c.action_id, executions.c.claimed_at, executions.c.report_by
)
_UNREPORTED = _LATE_REPORTS.where(executions.c.report_by > bindparam("far")).limit(bindparam("most"))
_REPORT = (
    update(executions)
    .where(and_(executions.c.key == bindparam("of"), executions.c.report_by.is_not(None)))
    .values(claimed_at=bindparam("claimed"), report_by=bindparam("by"))
)


def suspects(connection: Connection, *, after: str, far: float, now: float, most: int) -> list[str]:
    """Return the ids of pending reviews after an id that may be due impossibly late, in order."""
    values = {"after": after, "far": far, "soon": now + SOON_S, "most": most}
    return list(connection.execute(_SUSPECTS, values).scalars())


def repair(connection: Connection, review: Review) -> bool:
    """Write the instants of a review if it is still pending."""
    values = {
        "of": review.id,
        "opened": review.opened_at,
        "shown": review.shown_at,
        "expires": review.expires_at,
        "due": review.expires_at if review.overdue_at is None else None,
        "overdue": review.overdue_at,
        "quiet": review.quiet_until,
        "place": review.position,
        "then": review.next_page_at,
    }
    return connection.execute(_REPAIR, values).rowcount == 1


@dataclass(frozen=True, slots=True)
class Unreported:
    """A claim whose report is due in the far future."""

    key: str
    action_id: str
    claimed_at: float
    report_by: float


def unreported(connection: Connection, far: float, most: int) -> list[Unreported]:
    """Return claims whose report is due later than `far`."""
    rows = connection.execute(_UNREPORTED.order_by(executions.c.report_by.desc()), {"far": far, "most": most})
    return [Unreported(row.key, row.action_id, row.claimed_at, row.report_by) for row in rows]


def await_report(connection: Connection, key: str, *, claimed_at: float, report_by: float) -> bool:
    """Set when a claim was made and when its report is due. False: it is reported."""
    values = {"of": key, "claimed": claimed_at, "by": report_by}
    return connection.execute(_REPORT, values).rowcount == 1


_UNDIGESTED = and_(literally(actions.c.tier, int(Tier.ASYNC_REVIEW)), actions.c.digest_id.is_(None))
_HALTED = literally(actions.c.state, ActionState.HALTED)
_BY_INDEX = (
    (
        "actions for the digest",
        update(actions)
        .where(and_(_UNDIGESTED, actions.c.proposed_at > bindparam("far")))
        .values(proposed_at=bindparam("now")),
    ),
    (
        "halted actions",
        update(actions)
        .where(and_(_HALTED, actions.c.settled_at > bindparam("far")))
        .values(settled_at=bindparam("now")),
    ),
    (
        "digests",
        update(digests).where(digests.c.made_at > bindparam("far")).values(made_at=bindparam("now")),
    ),
    (
        "places to clear",
        update(leftovers)
        .where(or_(leftovers.c.look_at > bindparam("soon"), leftovers.c.since > bindparam("far")))
        .values(
            look_at=earlier(leftovers.c.look_at, bindparam("now")),
            since=earlier(leftovers.c.since, bindparam("now")),
        ),
    ),
    (
        "messages",
        update(messages)
        .where(and_(messages.c.due_at.is_not(None), messages.c.due_at > bindparam("soon")))
        .values(due_at=bindparam("now"), leased_until=None),
    ),
)
_UNINDEXED = (
    ("approvals", update(reviews).where(_APPROVALS).values(closed_at=bindparam("now"))),
    (
        "ended threads",
        update(threads).where(threads.c.settled_at > bindparam("far")).values(settled_at=bindparam("now")),
    ),
)


def pull_back(connection: Connection, *, now: float, far: float, thorough: bool) -> dict[str, int]:
    """Set future instants to now, except those of reviews and claims. Return the number by kind of row.

    `thorough` also reads rows without an index: approvals, which would not lapse, and ended threads, whose
    saved state would be kept longer.
    """
    pulled = {}
    for what, statement in (*_BY_INDEX, *(_UNINDEXED if thorough else ())):
        names = statement.compile().params.keys()
        given = {"now": now, "far": far, "soon": now + SOON_S}
        values = {name: value for name, value in given.items() if name in names}
        if count := connection.execute(statement, values).rowcount:
            pulled[what] = count
    return pulled
