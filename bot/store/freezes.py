"""Queries on freezes, and on the actions that they hold."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from bot.domain.freezing import Freeze
from bot.domain.record import ActionRecord
from bot.domain.states import ActionState, ReviewState
from bot.store.statements import Prepared
from bot.store.tables import actions, freezes, literally, reviews, threads, tokens

_BORNE = (actions.c.id, actions.c.agent, actions.c.kind, actions.c.thread_id)
_ID = freezes.c.id == bindparam("freeze")
_INSERT = Prepared(freezes.insert())
_UNTHAWED = Prepared(select(freezes).where(freezes.c.thawed_at.is_(None)).order_by(freezes.c.since))
_ALL = Prepared(select(freezes).order_by(freezes.c.since))
_THAW = Prepared(
    update(freezes)
    .where(and_(_ID, freezes.c.thawed_at.is_(None)))
    .values(thawed_at=bindparam("now"), thawed_by=bindparam("by"))
)
_UNTOLD = Prepared(select(freezes).where(freezes.c.untold.is_not(None)).order_by(freezes.c.since))
_TOLD = Prepared(update(freezes).where(and_(_ID, freezes.c.untold == bindparam("what"))).values(untold=None))
_SAY = Prepared(update(freezes).where(_ID).values(untold=bindparam("what")))
_HELD = Prepared(select(*_BORNE).where(literally(actions.c.state, ActionState.FROZEN)).order_by(actions.c.id))
_APPROVED = Prepared(select(*_BORNE).where(literally(actions.c.state, ActionState.APPROVED)))
_PENDING = Prepared(
    select(*_BORNE)
    .join(reviews, reviews.c.action_id == actions.c.id)
    .where(literally(reviews.c.state, ReviewState.PENDING))
)
_AGENTS = Prepared(select(tokens.c.agent).distinct())
_GRAPHS = Prepared(select(threads.c.graph).distinct())
FROZEN = "frozen"
THAWED = "thawed"
"""News of a freeze that the bot still has to tell."""


class Borne(NamedTuple):
    """An action, and the names under which it can be frozen."""

    action_id: str
    agent: str
    kind: str
    thread_id: str | None

    @classmethod
    def of(cls, action: ActionRecord) -> Borne:
        """Return the names of an action."""
        return cls(action.id, action.agent, action.kind, action.thread_id)


def insert(connection: Connection, freeze: Freeze) -> None:
    """Write a new freeze, which the bot still has to tell."""
    row = {
        "id": freeze.id,
        "name": freeze.name,
        "why": freeze.why,
        "by": freeze.by,
        "since": freeze.since,
        "until": freeze.until,
        "untold": FROZEN,
    }
    _INSERT.changed(connection, row)


def _read(row: Row[Any]) -> Freeze:
    return Freeze(row.id, row.name, row.why, row.by, row.since, row.until, row.thawed_at, row.thawed_by)


def unthawed(connection: Connection) -> tuple[Freeze, ...]:
    """Return the freezes that nobody has thawed. A freeze that just expired may be among them."""
    return tuple(_read(row) for row in _UNTHAWED.all(connection))


def listed(connection: Connection) -> list[Freeze]:
    """Return all freezes, also thawed ones, oldest first."""
    return [_read(row) for row in _ALL.all(connection)]


def thaw(connection: Connection, freeze: Freeze, by: str, now: float) -> bool:
    """End a freeze, which the bot still has to tell. False: it was thawed already."""
    if not _THAW.changed(connection, {"freeze": freeze.id, "by": by, "now": now}):
        return False
    _SAY.changed(connection, {"freeze": freeze.id, "what": THAWED})
    return True


def untold(connection: Connection) -> list[tuple[Freeze, str]]:
    """Return the freezes with news to tell, each with its news: FROZEN or THAWED."""
    return [(_read(row), row.untold) for row in _UNTOLD.all(connection)]


def told(connection: Connection, freeze: Freeze, what: str) -> bool:
    """Note that the news was told. False: there is newer news."""
    return _TOLD.changed(connection, {"freeze": freeze.id, "what": what}) == 1


def held(connection: Connection) -> list[Borne]:
    """Return the actions that pass once they are thawed, oldest first."""
    return [Borne(*row) for row in _HELD.all(connection)]


def shown(connection: Connection) -> list[Borne]:
    """Return the actions whose cards show whether they may start: waiting and approved ones."""
    return [Borne(*row) for row in (*_PENDING.all(connection), *_APPROVED.all(connection))]


def bearers(connection: Connection) -> set[str]:
    """Return the agents that ever had a token, and the graphs that ever had a thread."""
    return {row[0] for row in (*_AGENTS.all(connection), *_GRAPHS.all(connection))}
