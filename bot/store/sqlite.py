"""What only SQLite needs: pragmas, how a write begins, and the lock that keeps a second bot out.

Another backend brings its own module with these functions and passes the same contract suite.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from bot.errors import AlreadyRunning, StoreError

BUSY_TIMEOUT_S = 10.0
"""How long a write waits for another process's transaction, such as the CLI's."""


def engine_for(path: Path, *, readonly: bool = False) -> Engine:
    """Return an engine on the file, made 0600 if it is new. Transactions are begun by hand (`begin`)."""
    if readonly and not path.exists():
        raise StoreError(f"there is no database at {path}; start the bot once, or set MEMBRANE_DATA")
    if not readonly:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    url = f"sqlite:///file:{path.resolve()}?uri=true" + ("&mode=ro" if readonly else "")
    engine = create_engine(
        url,
        poolclass=QueuePool,
        isolation_level="AUTOCOMMIT",
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _tune(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # the DB-API's, untyped in SQLAlchemy
        if not readonly:
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16384")
        cursor.close()

    return engine


def begin(connection: Connection) -> None:
    """Begin a write. IMMEDIATE, because a deferred one that reads first fails at once when it is locked."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def commit(connection: Connection) -> None:
    """Commit what `begin` began."""
    connection.exec_driver_sql("COMMIT")


def rollback(connection: Connection) -> None:
    """Undo what `begin` began; harmless when there is nothing to undo."""
    raw = connection.connection.dbapi_connection
    if raw is not None and raw.in_transaction:
        connection.exec_driver_sql("ROLLBACK")


def savepoint(connection: Connection) -> None:
    """Mark where one unit of a group begins."""
    connection.exec_driver_sql("SAVEPOINT unit")


def release(connection: Connection) -> None:
    """Keep the unit."""
    connection.exec_driver_sql("RELEASE unit")


def undo(connection: Connection) -> None:
    """Drop the unit and keep the rest of the group."""
    connection.exec_driver_sql("ROLLBACK TO unit")
    connection.exec_driver_sql("RELEASE unit")


def insert_new(table: Table) -> Insert:
    """Return an insert that does nothing (rowcount 0) where a unique index says the row is there already."""
    return sqlite.insert(table).on_conflict_do_nothing()


def explain(error: OperationalError, path: Path) -> StoreError:
    """Translate what SQLite says of an unusable file into a sentence."""
    return StoreError(f"the database {path} cannot be used: {error.orig}")


def lock_folder(folder: Path) -> IO[str]:
    """Take the folder for this process until it ends, however it ends. Raises AlreadyRunning."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = (folder / "membrane.lock").open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise AlreadyRunning(
            f"another bot (process {holder}) is running on {folder}; stop it, or give this one a folder of "
            "its own with MEMBRANE_DATA"
        ) from error
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle
