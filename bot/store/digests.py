"""Queries on digests, and on the policies that were in force."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select

from bot.store.facts import fact, set_fact
from bot.store.statements import InsertNew
from bot.store.tables import digests, policies

_INSERT = digests.insert()
_LAST = select(func.max(digests.c.made_at))
_BEFORE = select(func.max(digests.c.made_at)).where(
    digests.c.made_at < select(digests.c.made_at).where(digests.c.id == bindparam("digest")).scalar_subquery()
)
_INSERT_POLICY = InsertNew(policies)
_POLICY = select(policies.c.source).where(policies.c.version == bindparam("of"))
_LATEST_POLICY = select(policies.c.source).order_by(policies.c.loaded_at.desc()).limit(1)
IN_FORCE = "policy_in_force"
"""Fact: the version of the policy that came into force last."""
ALLOWED = "policy_allowed"
"""Fact: the version of the policy that an operator allowed although it is looser."""
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


def keep_policy(connection: Connection, version: str, source: str, loaded_at: float) -> bool:
    """Store the text of a policy that came into force. False: it is stored already."""
    row = {"version": version, "source": source, "loaded_at": loaded_at}
    return connection.execute(_INSERT_POLICY, row).rowcount == 1


def policy_in_force(connection: Connection) -> str | None:
    """Return the text of the policy that came into force last, or None."""
    version = fact(connection, IN_FORCE)
    found = _POLICY if version is not None else _LATEST_POLICY
    text: str | None = connection.execute(found, {"of": version} if version is not None else {}).scalar()
    return text


def policy_allowed(connection: Connection) -> str | None:
    """Return the version of the policy that an operator allowed although it is looser, or None."""
    return fact(connection, ALLOWED)


def allow_policy(connection: Connection, version: str) -> None:
    """Allow a policy although it is looser."""
    set_fact(connection, ALLOWED, version)


def use_allowance(connection: Connection, version: str) -> None:
    """Drop the allowance of a version that is in force, so that it cannot return without a new one."""
    if policy_allowed(connection) == version:
        set_fact(connection, ALLOWED, None)
