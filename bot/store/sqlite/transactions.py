"""Transactions that write, with a savepoint for each unit of a group."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from bot.errors import StoreError
from bot.store.sqlite.prepared import driver_of
from bot.store.sqlite.triggers import create_triggers, drop_triggers


def begin(connection: Connection) -> None:
    """Begin a write. IMMEDIATE: a deferred write that reads first fails at once if the file is locked."""
    driver_of(connection).execute("BEGIN IMMEDIATE")


def commit(connection: Connection) -> None:
    """Commit the transaction of `begin`."""
    driver_of(connection).execute("COMMIT")


def rollback(connection: Connection) -> None:
    """Roll back the transaction of `begin`. Harmless without one."""
    raw = connection.connection.dbapi_connection
    if raw is not None and raw.in_transaction:
        connection.exec_driver_sql("ROLLBACK")


def savepoint(connection: Connection) -> None:
    """Mark where one unit of a group begins."""
    driver_of(connection).execute("SAVEPOINT unit")


def release(connection: Connection) -> None:
    """Keep the unit."""
    driver_of(connection).execute("RELEASE unit")


def undo(connection: Connection) -> None:
    """Drop the unit and keep the rest of the group."""
    connection.exec_driver_sql("ROLLBACK TO unit")
    connection.exec_driver_sql("RELEASE unit")


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """See the database as it is now in every query within, whatever others commit meanwhile."""
    connection.exec_driver_sql("BEGIN DEFERRED")
    try:
        yield
    finally:
        rollback(connection)


def begin_rebuild(connection: Connection) -> None:
    """Begin a write that may rebuild tables. Triggers are dropped, and references are checked at its end."""
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    begin(connection)
    drop_triggers(connection)


def end_rebuild(connection: Connection) -> None:
    """Create the triggers again and commit. Raises StoreError if a reference leads nowhere."""
    orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if orphan is not None:
        raise StoreError(f"a row of {orphan[0]} refers to one of {orphan[2]} that is not there")
    create_triggers(connection)
    commit(connection)
    connection.exec_driver_sql("PRAGMA foreign_keys=ON")
