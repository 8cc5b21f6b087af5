"""Queries on the policies that were in force, and on the one that an operator allowed."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from bot.store.facts import fact, set_fact
from bot.store.statements import InsertNew
from bot.store.tables import policies

_INSERT = InsertNew(policies)
_POLICY = select(policies.c.source).where(policies.c.version == bindparam("of"))
_LATEST = select(policies.c.source).order_by(policies.c.loaded_at.desc()).limit(1)
IN_FORCE = "policy_in_force"
"""Fact: the version of the policy that came into force last."""
ALLOWED = "policy_allowed"
"""Fact: the version of the policy that an operator allowed although it is looser."""


def keep(connection: Connection, version: str, source: str, loaded_at: float) -> bool:
    """Store the text of a policy that came into force. False: it is stored already."""
    row = {"version": version, "source": source, "loaded_at": loaded_at}
    return connection.execute(_INSERT, row).rowcount == 1


def in_force(connection: Connection) -> str | None:
    """Return the text of the policy that came into force last, or None."""
    version = fact(connection, IN_FORCE)
    found = _POLICY if version is not None else _LATEST
    text: str | None = connection.execute(found, {"of": version} if version is not None else {}).scalar()
    return text


def allowed(connection: Connection) -> str | None:
    """Return the version of the policy that an operator allowed although it is looser, or None."""
    return fact(connection, ALLOWED)


def allow(connection: Connection, version: str) -> None:
    """Allow a policy although it is looser."""
    set_fact(connection, ALLOWED, version)


def use_allowance(connection: Connection, version: str) -> None:
    """Drop the allowance of a version that is in force, so that it cannot return without a new one."""
    if allowed(connection) == version:
        set_fact(connection, ALLOWED, None)
