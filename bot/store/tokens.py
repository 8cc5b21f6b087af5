"""Queries on agents' tokens. Only a token's hash is kept."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from bot.domain.record import TokenRecord
from bot.store.tables import tokens

_INSERT = tokens.insert()
_BY_HASH = select(tokens).where(and_(tokens.c.hash == bindparam("digest"), tokens.c.revoked_at.is_(None)))
_ALL = select(tokens).order_by(tokens.c.created_at)
_REVOKE = (
    update(tokens)
    .where(and_(tokens.c.id == bindparam("token"), tokens.c.revoked_at.is_(None)))
    .values(revoked_at=bindparam("now"))
)
_USED = update(tokens).where(tokens.c.id == bindparam("token")).values(last_used_at=bindparam("now"))


def insert(connection: Connection, record: TokenRecord, digest: str) -> None:
    """Write a new token's record and hash."""
    row = {
        "id": record.id,
        "agent": record.agent,
        "owner": record.owner,
        "hash": digest,
        "created_at": record.created_at,
    }
    connection.execute(_INSERT, row)


def _read(row: Row[Any]) -> TokenRecord:
    return TokenRecord(row.id, row.agent, row.owner, row.created_at, row.revoked_at, row.last_used_at)


def by_hash(connection: Connection, digest: str) -> TokenRecord | None:
    """Return the live token with this hash, or None."""
    row = connection.execute(_BY_HASH, {"digest": digest}).first()
    return _read(row) if row is not None else None


def listed(connection: Connection) -> list[TokenRecord]:
    """Return all tokens, revoked ones too."""
    return [_read(row) for row in connection.execute(_ALL)]


def revoke(connection: Connection, token_id: str, now: float) -> bool:
    """Revoke a token. False: there is no such live token."""
    return connection.execute(_REVOKE, {"token": token_id, "now": now}).rowcount == 1


def used(connection: Connection, token_id: str, now: float) -> None:
    """Note when a token was last used."""
    connection.execute(_USED, {"token": token_id, "now": now})
