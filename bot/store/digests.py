"""Queries on digests."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

from bot.store.tables import digests

_INSERT = digests.insert()
_LAST = select(func.max(digests.c.made_at))
_BEFORE = select(func.max(digests.c.made_at)).where(
    digests.c.made_at < select(digests.c.made_at).where(digests.c.id == bindparam("digest")).scalar_subquery()
)
UNDER_WAY = "digest_under_way"
"""Fact: the digest that is being made."""


def insert(connection: Connection, digest_id: str, channel: str, made_at: float) -> None:
    """Write a new digest."""
    connection.execute(_INSERT, {"id": digest_id, "channel": channel, "made_at": made_at})


def last_made(connection: Connection) -> float | None:
    """Return when the latest digest was made, or None."""
    at: float | None = connection.execute(_LAST).scalar()
    return at


def made_before(connection: Connection, digest_id: str) -> float | None:
    """Return when the digest before this one was made, or None."""
    at: float | None = connection.execute(_BEFORE, {"digest": digest_id}).scalar()
    return at
