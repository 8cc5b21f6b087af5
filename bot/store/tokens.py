"""Queries on agents' tokens. Only a token's hash is stored."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, bindparam, select, update

from bot.domain.record import TokenRecord
from bot.store.statements import Prepared
from bot.store.tables import tokens

AGENT, OPERATOR = "agent", "operator"
"""What a token is for."""
_INSERT = Prepared(tokens.insert())
_BY_HASH = Prepared(
    select(tokens).where(and_(tokens.c.hash == bindparam("digest"), tokens.c.revoked_at.is_(None)))
)
_ALL = Prepared(select(tokens).order_by(tokens.c.created_at))
_REVOKE = Prepared(
    update(tokens)
    .where(and_(tokens.c.id == bindparam("token"), tokens.c.revoked_at.is_(None)))
    .values(revoked_at=bindparam("now"))
)
_OWNERS = Prepared(
    select(tokens.c.owner)
    .where(and_(tokens.c.agent == bindparam("who"), tokens.c.revoked_at.is_(None), tokens.c.role == AGENT))
    .distinct()
)
_ACTED_FOR = Prepared(
    select(tokens.c.acts_for).where(
        and_(
            tokens.c.agent == bindparam("who"), tokens.c.revoked_at.is_(None), tokens.c.acts_for.is_not(None)
        )
    )
)
_USED = Prepared(
    update(tokens).where(tokens.c.id == bindparam("token")).values(last_used_at=bindparam("now"))
)


def insert(connection: Connection, record: TokenRecord, digest: str) -> None:
    """Write a new token's record and hash."""
    row = {
        "id": record.id,
        "agent": record.agent,
        "owner": record.owner,
        "hash": digest,
        "created_at": record.created_at,
        "role": OPERATOR if record.operator else AGENT,
        "acts_for": orjson.dumps(record.acts_for).decode() if record.acts_for else None,
    }
    _INSERT.changed(connection, row)


def _read(row: Row[Any]) -> TokenRecord:
    return TokenRecord(
        row.id,
        row.agent,
        row.owner,
        row.created_at,
        row.revoked_at,
        row.last_used_at,
        operator=row.role == OPERATOR,
        unconfirmed_since=row.unconfirmed_since,
        acts_for=_users(row.acts_for),
    )


def _users(text: str | None) -> tuple[str, ...]:
    return tuple(orjson.loads(text)) if text is not None else ()


def by_hash(connection: Connection, digest: str) -> TokenRecord | None:
    """Return the live token with this hash, or None."""
    row = _BY_HASH.first(connection, {"digest": digest})
    return _read(row) if row is not None else None


def listed(connection: Connection) -> list[TokenRecord]:
    """Return all tokens, also revoked ones."""
    return [_read(row) for row in _ALL.all(connection)]


def owners(connection: Connection, agent: str) -> frozenset[str]:
    """Return the owners of an agent's live tokens."""
    return frozenset(row.owner for row in _OWNERS.all(connection, {"who": agent}))


def acted_for(connection: Connection, agent: str) -> frozenset[str]:
    """Return the people that an agent's live tokens let it act for."""
    rows = _ACTED_FOR.all(connection, {"who": agent})
    return frozenset(user for row in rows for user in _users(row.acts_for))


def revoke(connection: Connection, token_id: str, now: float) -> bool:
    """Revoke a token. False: there is no such live token."""
    return _REVOKE.changed(connection, {"token": token_id, "now": now}) == 1


def used(connection: Connection, token_id: str, now: float) -> None:
    """Note when a token was last used."""
    _USED.changed(connection, {"token": token_id, "now": now})
