"""Queries on names that the policy no longer has: what waits for them, and who decides in their place."""

from __future__ import annotations

from sqlalchemy import Connection, select

from bot.domain.review import ReviewState
from bot.store.digests import drop_fact, set_fact
from bot.store.rulings import parsed
from bot.store.sqlite import Prepared
from bot.store.tables import actions, literally, meta, reviews

_PREFIX = "in place of "
_ALL = select(meta.c.name, meta.c.value).where(meta.c.name.startswith(_PREFIX))
_WAITING = Prepared(
    select(reviews.c.id, reviews.c.ruling, actions.c.kind)
    .join(actions, actions.c.id == reviews.c.action_id)
    .where(literally(reviews.c.state, ReviewState.PENDING))
    .order_by(reviews.c.id)
)


def point(connection: Connection, name: str, to: str) -> None:
    """Let the people named `to` decide what waits for `name`."""
    set_fact(connection, f"{_PREFIX}{name}", to)


def forget(connection: Connection, name: str) -> None:
    """Let nobody decide in place of `name` any more."""
    drop_fact(connection, f"{_PREFIX}{name}")


def in_place(connection: Connection) -> dict[str, str]:
    """Return who decides in place of whom, by the name that the policy no longer has."""
    return {row.name.removeprefix(_PREFIX): row.value for row in connection.execute(_ALL)}


def waiting(connection: Connection) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the pending reviews, oldest first: the id, the kind, and the names of who may answer."""
    return [(row.id, row.kind, parsed(row.ruling).approvers) for row in _WAITING.all(connection)]
