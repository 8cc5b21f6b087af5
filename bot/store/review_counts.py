"""Counts of pending and withdrawn reviews, for the caps of agents."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, func, select

from bot.domain.states import ReviewState
from bot.store.statements import Prepared
from bot.store.tables import literally, reviews

_PENDING = literally(reviews.c.state, ReviewState.PENDING)
_OPEN_OF_AGENT = Prepared(select(func.count()).where(and_(_PENDING, reviews.c.agent == bindparam("who"))))
_OPEN = Prepared(select(func.count()).where(_PENDING))
_TAKEN_BACK = Prepared(
    select(func.count()).where(
        and_(
            literally(reviews.c.state, ReviewState.WITHDRAWN),
            reviews.c.agent == bindparam("who"),
            reviews.c.closed_at > bindparam("since"),
            reviews.c.closed_at <= bindparam("until"),
        )
    )
)


def pending(connection: Connection, agent: str | None = None) -> int:
    """Return the number of pending reviews, of one agent or of all."""
    if agent is None:
        return int(_OPEN.scalar(connection))
    return int(_OPEN_OF_AGENT.scalar(connection, {"who": agent}))


def taken_back(connection: Connection, agent: str, since: float, until: float) -> int:
    """Return the number of an agent's reviews that were withdrawn between two instants, also by threads."""
    return int(_TAKEN_BACK.scalar(connection, {"who": agent, "since": since, "until": until}))
