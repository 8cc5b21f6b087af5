"""Queries on halted actions: those that are parked after a safe-halt."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

from bot.domain.record import ActionRecord
from bot.domain.states import ActionState
from bot.store.actions import ACTIONS, record_of
from bot.store.statements import Prepared
from bot.store.tables import actions, literally

_IS_HALTED = literally(actions.c.state, ActionState.HALTED)
_HALTED_IDS = select(actions.c.id).where(_IS_HALTED).order_by(actions.c.settled_at).limit(bindparam("most"))
_HALTED_COUNT = select(func.count()).select_from(actions).where(_IS_HALTED)
_HALTED = Prepared(
    ACTIONS.where(literally(actions.c.state, ActionState.HALTED))
    .order_by(actions.c.settled_at)
    .limit(bindparam("most"))
)


def listed(connection: Connection, most: int = 50) -> list[ActionRecord]:
    """Return the halted actions, the longest halted first."""
    return [record_of(row) for row in _HALTED.all(connection, {"most": most})]


def ids(connection: Connection, most: int) -> list[str]:
    """Return the ids of the halted actions, the longest halted first."""
    return list(connection.execute(_HALTED_IDS, {"most": most}).scalars())


def count(connection: Connection) -> int:
    """Return the number of halted actions."""
    return connection.execute(_HALTED_COUNT).scalar_one()
