"""Queries on lines of a list of actions. A line never shows the arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, case, exists, func, select, text

from bot.domain.freezing import Freeze, covering
from bot.domain.record import ALL, ActionLine, Listing
from bot.domain.risk import Tier
from bot.domain.states import ActionState, ReviewState
from bot.store import freezes, rulings
from bot.store.tables import OF_ONE_AGENT, actions, literally, messages, reviews, threads, unknowns
from bot.store.tables import rulings as shared

MOST_OF_THREAD = 1000
"""Lines in a list of one thread's actions: the newest."""

_LATEST = (
    select(func.max(reviews.c.id))
    .where(reviews.c.action_id == actions.c.id)
    .scalar_subquery()
    .correlate(actions)
)
_CARD = (
    select(func.min(messages.c.id))
    .where(and_(messages.c.review_id == reviews.c.id, messages.c.kind == "card"))
    .scalar_subquery()
    .correlate(reviews)
)
_ASKED_ABOUT = exists().where(and_(unknowns.c.action_id == actions.c.id, unknowns.c.closed_at.is_(None)))
_TO_BE_SHOWN = and_(
    literally(reviews.c.state, ReviewState.PENDING),
    reviews.c.expires_at.is_not(None),
    reviews.c.shown_at.is_(None),
    reviews.c.overdue_at.is_(None),
)
_LINES: Select[Any] = (
    select(
        actions.c.id,
        actions.c.kind,
        actions.c.agent,
        actions.c.tier,
        actions.c.state,
        actions.c.detail,
        actions.c.reference,
        actions.c.thread_id,
        actions.c.proposed_at,
        actions.c.settled_at,
        threads.c.graph,
        # The ruling of a passed action says how long it may start. Others are not needed.
        case((literally(actions.c.state, ActionState.PASSED), actions.c.ruling)).label("own"),
        case((literally(actions.c.state, ActionState.PASSED), shared.c.body)).label("shared"),
        case((literally(actions.c.state, ActionState.UNKNOWN), _ASKED_ABOUT), else_=False).label("asked"),
        reviews.c.state.label("review"),
        reviews.c.expires_at,
        # The ruling of a review that is not shown yet says how long its window is. Others are not needed.
        case((_TO_BE_SHOWN, reviews.c.ruling)).label("to_be_shown"),
        messages.c.channel_id,
        messages.c.ts,
    )
    .outerjoin(shared, shared.c.id == actions.c.ruling_id)
    .outerjoin(threads, threads.c.id == actions.c.thread_id)
    .outerjoin(reviews, reviews.c.id == _LATEST)
    .outerjoin(messages, messages.c.id == _CARD)
)
_OF_AGENT = _LINES.where(actions.c.agent == bindparam("agent_")).order_by(actions.c.id.desc())
_OF_THREAD = (
    _LINES.where(actions.c.thread_id == bindparam("thread"))
    .order_by(actions.c.proposed_at.desc(), actions.c.place.desc(), actions.c.id.desc())
    .limit(MOST_OF_THREAD)
)


def of_agent(
    connection: Connection, agent: str, *, most: int, now: float, wanted: Listing = ALL
) -> list[ActionLine]:
    """Return an agent's actions that a list asks for, newest first.

    Each state is read by the index, so that no query searches among all actions that ended long ago.
    """
    query = _OF_AGENT.limit(most)
    if wanted.before is not None:
        query = query.where(actions.c.id < wanted.before)
    if wanted.reference is not None:
        query = query.where(actions.c.reference == wanted.reference)
    if not wanted.states:
        queries = [query]
    elif wanted.reference is not None:
        # The function keeps SQLite from the index on states, which has no references.
        queries = [query.where(func.coalesce(actions.c.state, "").in_(wanted.states))]
    else:
        queries = [
            query.where(text(f"actions.{OF_ONE_AGENT}"), actions.c.state == state) for state in wanted.states
        ]
    live = freezes.unthawed(connection)
    rows = [row for each in queries for row in connection.execute(each, {"agent_": agent})]
    rows.sort(key=lambda row: row.id, reverse=True)
    return [_line(row, live, now) for row in rows[:most]]


def of_thread(connection: Connection, thread_id: str, *, now: float) -> list[ActionLine]:
    """Return the newest actions of a thread, in the order of proposal."""
    live = freezes.unthawed(connection)
    found = connection.execute(_OF_THREAD, {"thread": thread_id})
    return [_line(row, live, now) for row in found][::-1]


def _line(row: Any, live: Sequence[Freeze], now: float) -> ActionLine:
    state = ActionState(row.state)
    frozen = live and covering(live, (row.agent, row.kind, row.graph), now) is not None
    return ActionLine(
        id=row.id,
        kind=row.kind,
        tier=Tier(row.tier),
        state=state,
        detail=row.detail,
        proposed_at=row.proposed_at,
        settled_at=row.settled_at,
        reference=row.reference,
        thread_id=row.thread_id,
        review=ReviewState(row.review) if row.review is not None else None,
        expires_at=_expires_by(row) if row.review == ReviewState.PENDING else None,
        card=(row.channel_id, row.ts) if row.channel_id and row.ts else None,
        frozen=bool(frozen),
        lapsed=state is ActionState.PASSED and _lapsed(row, now),
        asked_about=bool(row.asked),
    )


def _expires_by(row: Any) -> float | None:
    """Return the value that the whole review has as `Review.expires_by`."""
    if row.to_be_shown is None:
        return None if row.expires_at is None else float(row.expires_at)
    return float(row.expires_at + (rulings.parsed(row.to_be_shown).window_s or 0.0))


def _lapsed(row: Any, now: float) -> bool:
    passed_at = row.settled_at or row.proposed_at
    return bool(now > passed_at + rulings.read(row.own, row.shared, None).valid_for_s)
