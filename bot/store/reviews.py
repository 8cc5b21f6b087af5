"""Queries on reviews and votes. `close` is the one conditional update that decides a review."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import Connection, Float, Row, and_, bindparam, case, select, update

from bot.domain.review import Review, Vote
from bot.domain.states import ReviewState
from bot.errors import Refusal
from bot.store.rulings import parsed
from bot.store.statements import Prepared
from bot.store.tables import actions, literally, reviews, votes

_PENDING = literally(reviews.c.state, ReviewState.PENDING)
_ID = reviews.c.id == bindparam("review_id")
_INSERT = Prepared(reviews.insert())
_INSERT_VOTE = Prepared(votes.insert())
_BY_ID = Prepared(select(reviews).where(_ID))
_OF_ACTION = Prepared(
    select(reviews).where(reviews.c.action_id == bindparam("action_id")).order_by(reviews.c.id)
)
_OF_INTERRUPT = Prepared(
    select(reviews).where(reviews.c.interrupt_id == bindparam("interrupt_id")).order_by(reviews.c.id)
)
_SUCCESSOR = Prepared(select(reviews.c.id).where(reviews.c.predecessor_id == bindparam("review_id")))
_VOTES = Prepared(select(votes).where(votes.c.review_id == bindparam("review_id")).order_by(votes.c.at))
_DROP_VOTE = Prepared(
    votes.delete().where(and_(votes.c.review_id == bindparam("on"), votes.c.voter == bindparam("by")))
)
_FELL_OUT = Prepared(
    update(votes)
    .where(and_(votes.c.review_id == bindparam("on"), votes.c.voter == bindparam("by")))
    .values(fallen=bindparam("why"))
)
_CLOSE = Prepared(
    update(reviews)
    .where(and_(_ID, _PENDING))
    .values(
        state=bindparam("becomes"),
        closed_at=bindparam("at"),
        note=bindparam("why"),
        next_page_at=None,
        expiry_due_at=None,
    )
)
_OVERDUE = Prepared(
    update(reviews)
    .where(and_(_ID, _PENDING, reviews.c.overdue_at.is_(None)))
    .values(overdue_at=bindparam("at"), expiry_due_at=None)
)
_UNTIL = bindparam("until", type_=Float)
_SHOW = Prepared(
    update(reviews)
    .where(and_(_ID, _PENDING, reviews.c.shown_at.is_(None)))
    .values(
        shown_at=bindparam("at"),
        expires_at=_UNTIL,
        expiry_due_at=case((reviews.c.expiry_due_at.is_(None), None), else_=_UNTIL),
        next_page_at=bindparam("then"),
    )
)
_POSTPONE = Prepared(
    update(reviews)
    .where(and_(_ID, _PENDING, reviews.c.expiry_due_at.is_not(None)))
    .values(expiry_due_at=bindparam("then"))
)
_LINK = Prepared(update(reviews).where(_ID).values(interrupt_id=bindparam("to")))
_REQUESTERS = Prepared(update(reviews).where(_ID).values(requesters=bindparam("who")))
_PAGED = Prepared(
    update(reviews)
    .where(
        and_(
            _ID,
            _PENDING,
            reviews.c.position == bindparam("was"),
            reviews.c.next_page_at == bindparam("scheduled"),
        )
    )
    .values(position=bindparam("becomes"), next_page_at=bindparam("then"))
)
_ACK = Prepared(
    update(reviews)
    .where(and_(_ID, _PENDING))
    .values(acked_by=bindparam("by"), quiet_until=bindparam("until"), next_page_at=bindparam("then"))
)
_DUE_EXPIRY = Prepared(
    select(reviews)
    .where(reviews.c.expiry_due_at <= bindparam("now"))
    .order_by(reviews.c.expiry_due_at)
    .limit(bindparam("most"))
)
_DUE_PAGES = Prepared(
    select(reviews)
    .where(reviews.c.next_page_at <= bindparam("now"))
    .order_by(reviews.c.next_page_at)
    .limit(bindparam("most"))
)


def insert(connection: Connection, review: Review, agent: str) -> None:
    """Write a new review."""
    row = {
        "id": review.id,
        "action_id": review.action_id,
        "agent": agent,
        "state": review.state.value,
        "ruling": review.ruling.to_json().decode(),
        "args_digest": review.args_digest,
        "requesters": orjson.dumps(sorted(review.requesters)).decode(),
        "opened_at": review.opened_at,
        "expires_at": review.expires_at,
        "expiry_due_at": review.expires_at,
        "shown_at": review.shown_at,
        "predecessor_id": review.predecessor_id,
        "interrupt_id": review.interrupt_id,
        "position": review.position,
        "pages_from": review.pages_from or None,
        "next_page_at": review.next_page_at,
    }
    _INSERT.changed(connection, row)


def _read(connection: Connection, row: Row[Any]) -> Review:
    cast = _VOTES.all(connection, {"review_id": row.id})
    return Review(
        id=row.id,
        action_id=row.action_id,
        ruling=parsed(row.ruling),
        args_digest=row.args_digest,
        requesters=frozenset(orjson.loads(row.requesters)),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        state=ReviewState(row.state),
        votes=tuple(_vote(each) for each in cast),
        predecessor_id=row.predecessor_id,
        interrupt_id=row.interrupt_id,
        overdue_at=row.overdue_at,
        acked_by=row.acked_by,
        quiet_until=row.quiet_until,
        closed_at=row.closed_at,
        note=row.note,
        position=row.position,
        pages_from=row.pages_from or 0,
        next_page_at=row.next_page_at,
        shown_at=row.shown_at,
    )


def _vote(row: Row[Any]) -> Vote:
    fallen = Refusal(row.fallen) if row.fallen is not None else None
    return Vote(row.voter, row.approve, row.args_digest, row.at, row.note, fallen)


def _all(connection: Connection, rows: Iterable[Row[Any]]) -> list[Review]:
    return [_read(connection, row) for row in list(rows)]


def get(connection: Connection, review_id: str) -> Review | None:
    """Return the review with its votes, or None."""
    row = _BY_ID.first(connection, {"review_id": review_id})
    return _read(connection, row) if row is not None else None


def of_action(connection: Connection, action_id: str) -> tuple[Review, ...]:
    """Return an action's reviews, oldest first."""
    return tuple(_all(connection, _OF_ACTION.all(connection, {"action_id": action_id})))


def of_interrupt(connection: Connection, interrupt_id: str) -> list[Review]:
    """Return the reviews whose outcome answers an interrupt, oldest first."""
    return _all(connection, _OF_INTERRUPT.all(connection, {"interrupt_id": interrupt_id}))


def successor_of(connection: Connection, review_id: str) -> str | None:
    """Return the id of the review that follows this one after a safe-halt, or None."""
    found: str | None = _SUCCESSOR.scalar(connection, {"review_id": review_id})
    return found


def listed(
    connection: Connection,
    *,
    state: ReviewState | None,
    agent: str | None = None,
    kind: str | None = None,
    most: int = 100,
) -> list[Review]:
    """Return the newest reviews, filtered by state, agent and kind."""
    query = select(reviews).order_by(reviews.c.id.desc()).limit(most)
    if state is not None:
        query = query.where(literally(reviews.c.state, state))
    if agent is not None:
        query = query.where(reviews.c.agent == agent)
    if kind is not None:
        query = query.join(actions, actions.c.id == reviews.c.action_id).where(actions.c.kind == kind)
    return _all(connection, connection.execute(query))


def record_vote(connection: Connection, review_id: str, vote: Vote) -> None:
    """Store a vote. It replaces an earlier vote of the same voter."""
    _DROP_VOTE.changed(connection, {"on": review_id, "by": vote.voter})
    row = {
        "review_id": review_id,
        "voter": vote.voter,
        "approve": vote.approve,
        "args_digest": vote.args_digest,
        "at": vote.at,
        "note": vote.note,
    }
    _INSERT_VOTE.changed(connection, row)


def fell_out(connection: Connection, review_id: str, voter: str, why: Refusal) -> None:
    """Record why a vote no longer counts."""
    _FELL_OUT.changed(connection, {"on": review_id, "by": voter, "why": why.value})


def close(connection: Connection, review: Review) -> bool:
    """Close a review if it is still pending. False: another outcome came first."""
    values = {
        "review_id": review.id,
        "becomes": review.state.value,
        "at": review.closed_at,
        "why": review.note,
    }
    return _CLOSE.changed(connection, values) == 1


def mark_overdue(connection: Connection, review: Review) -> bool:
    """Mark a mandated sign-off as overdue. False: it is overdue already, or decided."""
    return _OVERDUE.changed(connection, {"review_id": review.id, "at": review.overdue_at}) == 1


def show(connection: Connection, review: Review) -> bool:
    """Set when a review was first shown, and so its window. False: it was shown before, or is closed."""
    values = {
        "review_id": review.id,
        "at": review.shown_at,
        "until": review.expires_at,
        "then": review.next_page_at,
    }
    return _SHOW.changed(connection, values) == 1


def postpone_expiry(connection: Connection, review_id: str, then: float) -> None:
    """Check the review's expiry again at `then`: it is not certain yet whether it was shown."""
    _POSTPONE.changed(connection, {"review_id": review_id, "then": then})


def link(connection: Connection, review_id: str, interrupt_id: str) -> None:
    """Set the interrupt that the review's outcome answers."""
    _LINK.changed(connection, {"review_id": review_id, "to": interrupt_id})


def add_requester(connection: Connection, review: Review, user: str) -> None:
    """Add a person on whose behalf the action is done. They cannot vote on it."""
    who = orjson.dumps(sorted(review.requesters | {user})).decode()
    _REQUESTERS.changed(connection, {"review_id": review.id, "who": who})


def advance(connection: Connection, review: Review, position: int, then: float | None) -> bool:
    """Advance a chain if the review is pending and the chain is still at the position of `review`."""
    values = {
        "review_id": review.id,
        "was": review.position,
        "scheduled": review.next_page_at,
        "becomes": position,
        "then": then,
    }
    return _PAGED.changed(connection, values) == 1


def acknowledge(connection: Connection, review_id: str, by: str, until: float, then: float | None) -> bool:
    """Quiet a chain until an instant. False: the review is closed."""
    values = {"review_id": review_id, "by": by, "until": until, "then": then}
    return _ACK.changed(connection, values) == 1


def due_to_expire(connection: Connection, now: float, most: int) -> list[Review]:
    """Return pending reviews whose window has passed, the longest overdue first."""
    return _all(connection, _DUE_EXPIRY.all(connection, {"now": now, "most": most}))


def due_to_page(connection: Connection, now: float, most: int) -> list[Review]:
    """Return pending reviews whose chain is due, the longest overdue first."""
    return _all(connection, _DUE_PAGES.all(connection, {"now": now, "most": most}))
