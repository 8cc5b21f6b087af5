"""Facts about the database itself, by name, such as the policy in force and the time of a backup."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from bot.store.tables import meta

_FACT = select(meta.c.value).where(meta.c.name == bindparam("of"))
_INSERT = meta.insert()
_DROP = meta.delete().where(meta.c.name == bindparam("of"))


def fact(connection: Connection, name: str) -> str | None:
    """Return a fact about the database, or None."""
    value: str | None = connection.execute(_FACT, {"of": name}).scalar()
    return value


def set_fact(connection: Connection, name: str, value: str | None) -> None:
    """Set a fact about the database. None deletes it."""
    connection.execute(_DROP, {"of": name})
    if value is not None:
        connection.execute(_INSERT, {"name": name, "value": value})
