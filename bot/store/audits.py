"""Queries that find overdue work."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, exists, func, select, update

from bot.domain.states import ActionState, InterruptState, ReviewState
from bot.store.tables import actions, interrupts, literally, messages, reviews

MOST_ORPHANS = 50
"""Orphans reported at once. The rest follows when these are resolved."""

_PENDING = literally(reviews.c.state, ReviewState.PENDING)
_LATE_EXPIRY = select(func.count(), func.min(reviews.c.expiry_due_at)).where(
    reviews.c.expiry_due_at <= bindparam("before")
)
_LATE_PAGES = select(func.count(), func.min(reviews.c.next_page_at)).where(
    reviews.c.next_page_at <= bindparam("before")
)
_UNSENT = select(func.count(), func.min(messages.c.owed_since)).where(
    and_(
        messages.c.owed_since <= bindparam("before"),
        messages.c.ts.is_(None),
        messages.c.kind.in_(("card", "page", "post", "receipt")),
    )
)
_UNDELIVERED = select(func.count(), func.min(interrupts.c.answered_at)).where(
    and_(
        literally(interrupts.c.state, InterruptState.ANSWERED),
        interrupts.c.answered_at <= bindparam("before"),
    )
)
_ORPHANS = (
    select(actions.c.id)
    .where(
        and_(
            literally(actions.c.state, ActionState.HALTED),
            ~exists().where(and_(reviews.c.action_id == actions.c.id, _PENDING)),
        )
    )
    .limit(MOST_ORPHANS)
)
_CARDLESS = select(reviews.c.id).where(
    and_(
        _PENDING,
        reviews.c.id > bindparam("after"),
        reviews.c.id <= bindparam("upto"),
        ~exists().where(and_(messages.c.review_id == reviews.c.id, messages.c.kind == "card")),
    )
)
_NEXT_PENDING = (
    select(reviews.c.id)
    .where(and_(_PENDING, reviews.c.id > bindparam("after")))
    .order_by(reviews.c.id)
    .limit(bindparam("most"))
)
_RESUME_CHAIN = (
    update(reviews)
    .where(and_(reviews.c.id == bindparam("of"), _PENDING, reviews.c.next_page_at.is_(None)))
    .values(next_page_at=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class Late:
    """Late rows of one kind: their number, and when the oldest was due."""

    what: str
    count: int
    since: float


def late(connection: Connection, *, before: float, unsent_before: float) -> list[Late]:
    """Return the work that was due before an instant, by kind. Messages have their own instant."""
    found = []
    for what, query, instant in (
        ("reviews whose window has passed are not closed", _LATE_EXPIRY, before),
        ("escalation chains that came due have not paged", _LATE_PAGES, before),
        ("cards and pages have not reached Slack", _UNSENT, unsent_before),
        ("threads have not been resumed with their answer", _UNDELIVERED, before),
    ):
        count, since = connection.execute(query, {"before": instant}).one()
        if count:
            found.append(Late(what, count, since))
    return found


def halted_without_successor(connection: Connection) -> list[str]:
    """Return the ids of halted actions without a pending review: nobody can answer them."""
    return list(connection.execute(_ORPHANS).scalars())


def pending_after(connection: Connection, after: str, most: int) -> list[str]:
    """Return the ids of the next pending reviews after an id, in order."""
    return list(connection.execute(_NEXT_PENDING, {"after": after, "most": most}).scalars())


def without_card(connection: Connection, after: str, upto: str) -> list[str]:
    """Return the ids of pending reviews between two ids that have no card."""
    return list(connection.execute(_CARDLESS, {"after": after, "upto": upto}).scalars())


def resume_chain(connection: Connection, review_id: str, at: float) -> bool:
    """Schedule the next page of a review whose chain has none. False: the review is closed or has one."""
    return connection.execute(_RESUME_CHAIN, {"of": review_id, "at": at}).rowcount == 1
