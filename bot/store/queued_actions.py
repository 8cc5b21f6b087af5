"""Queries on queued actions: those that wait for a place among the open reviews of their agent."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, func, select

from bot.domain.record import ActionRecord
from bot.domain.states import ActionState
from bot.store.actions import ACTIONS, record_of
from bot.store.statements import Prepared
from bot.store.tables import actions, literally

_QUEUED = literally(actions.c.state, ActionState.QUEUED)
_NEXT_QUEUED = Prepared(
    ACTIONS.where(and_(_QUEUED, actions.c.agent == bindparam("agent")))
    .order_by(actions.c.id)
    .limit(bindparam("most"))
)
_NEXT_AGENT_QUEUED = Prepared(
    select(func.min(actions.c.agent)).where(and_(_QUEUED, actions.c.agent > bindparam("after")))
)
_QUEUED_COUNT = Prepared(select(func.count()).where(_QUEUED))


def of_agent(connection: Connection, agent: str, most: int) -> list[ActionRecord]:
    """Return the queued actions of an agent, oldest first."""
    return [record_of(row) for row in _NEXT_QUEUED.all(connection, {"agent": agent, "most": most})]


def agents(connection: Connection) -> list[str]:
    """Return the agents with queued actions, by one look in the index for each."""
    found: list[str] = []
    while (agent := _NEXT_AGENT_QUEUED.scalar(connection, {"after": found[-1] if found else ""})) is not None:
        found.append(agent)
    return found


def count(connection: Connection) -> int:
    """Return the number of queued actions."""
    return int(_QUEUED_COUNT.scalar(connection))
