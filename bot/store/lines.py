"""Queries on actions in short: what a list shows of each, which is never the arguments."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, select

from bot.domain.record import ActionLine
from bot.domain.review import ActionState
from bot.domain.risk import Tier
from bot.store.tables import actions

MOST_OF_THREAD = 1000
"""Actions of one thread in a list, the newest."""

_LINES = select(
    actions.c.id,
    actions.c.kind,
    actions.c.tier,
    actions.c.state,
    actions.c.detail,
    actions.c.proposed_at,
    actions.c.settled_at,
)
_OF_AGENT = _LINES.where(actions.c.agent == bindparam("agent")).order_by(actions.c.id.desc())
_OF_THREAD = (
    _LINES.where(actions.c.thread_id == bindparam("thread"))
    .order_by(actions.c.proposed_at.desc(), actions.c.place.desc(), actions.c.id.desc())
    .limit(MOST_OF_THREAD)
)


def of_agent(connection: Connection, agent: str, *, most: int, before: str | None = None) -> list[ActionLine]:
    """Return the newest actions of an agent, older than the id `before`."""
    query = _OF_AGENT.limit(most) if before is None else _OF_AGENT.where(actions.c.id < before).limit(most)
    return [_line(row) for row in connection.execute(query, {"agent": agent})]


def of_thread(connection: Connection, thread_id: str) -> list[ActionLine]:
    """Return the newest actions of a thread, in the order in which they were proposed."""
    return [_line(row) for row in connection.execute(_OF_THREAD, {"thread": thread_id})][::-1]


def _line(row: Any) -> ActionLine:
    return ActionLine(
        id=row.id,
        kind=row.kind,
        tier=Tier(row.tier),
        state=ActionState(row.state),
        detail=row.detail,
        proposed_at=row.proposed_at,
        settled_at=row.settled_at,
    )
