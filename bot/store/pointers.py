"""Queries on names that the policy no longer has: the reviews that wait for them, and who decides instead."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, and_, func, select

from bot.domain.states import ReviewState
from bot.store.facts import set_fact
from bot.store.rulings import parsed
from bot.store.statements import Prepared
from bot.store.tables import actions, literally, meta, reviews, unknowns

_PREFIX = "in place of "
_ALL = select(meta.c.name, meta.c.value).where(meta.c.name.startswith(_PREFIX))
_ASKED = (reviews.c.id, reviews.c.action_id, actions.c.kind, reviews.c.ruling)
_PENDING = Prepared(
    select(*_ASKED)
    .join(actions, actions.c.id == reviews.c.action_id)
    .where(literally(reviews.c.state, ReviewState.PENDING))
    .order_by(reviews.c.id)
)
_LATER = reviews.alias("later")
_LATEST = (
    select(func.max(_LATER.c.id))
    .where(_LATER.c.action_id == unknowns.c.action_id)
    .correlate(unknowns)
    .scalar_subquery()
)
_UNKNOWN = Prepared(
    select(*_ASKED)
    .join(actions, actions.c.id == reviews.c.action_id)
    .join(unknowns, unknowns.c.action_id == reviews.c.action_id)
    .where(and_(unknowns.c.closed_at.is_(None), reviews.c.id == _LATEST))
    .order_by(reviews.c.id)
)


class Waiting(NamedTuple):
    """An open question: its review and action, and the names of the people who may answer."""

    review_id: str
    action_id: str
    kind: str
    names: tuple[str, ...]


def point(connection: Connection, name: str, to: str) -> None:
    """Let the people named `to` decide in place of `name`."""
    set_fact(connection, f"{_PREFIX}{name}", to)


def forget(connection: Connection, name: str) -> None:
    """Let nobody decide in place of `name` any more."""
    set_fact(connection, f"{_PREFIX}{name}", None)


def in_place(connection: Connection) -> dict[str, str]:
    """Return the name that decides in place of each name that the policy no longer has."""
    return {row.name.removeprefix(_PREFIX): row.value for row in connection.execute(_ALL)}


def waiting(connection: Connection) -> list[Waiting]:
    """Return the pending reviews, and the last review of each action whose unknown receipt is open."""
    rows = (*_PENDING.all(connection), *_UNKNOWN.all(connection))
    return [Waiting(row.id, row.action_id, row.kind, parsed(row.ruling).approvers) for row in rows]
