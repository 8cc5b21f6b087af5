"""Opening the file, and the lock that keeps a second bot out of its folder."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import QueuePool

from bot.errors import AlreadyRunning, StoreError
from bot.file_lock import UNKNOWN, FileLock, acquire, holder_of

BUSY_TIMEOUT_S = 10.0
"""How long a write waits for another process's transaction, such as the CLI's."""

TEMPORARY = "PRAGMA temp_store=MEMORY"
"""Keeps SQLite's temporary files in memory: the pages before a savepoint, and sorts.

Otherwise they are in TMPDIR or /tmp. If that is full or read-only, a decision fails although the data
folder is fine. SQLITE_TMPDIR moves them, but only if it is set before the process first uses SQLite. So no
query may sort much: a digest counts its million actions row by row.
"""


def engine_for(path: Path, *, readonly: bool, options: Mapping[str, Any]) -> Engine:
    """Return an engine on the file, made 0600 if it is new. `options` are for every execution."""
    if readonly and not path.exists():
        raise StoreError(f"there is no database at {path}; start the bot once, or set MEMBRANE_DATA")
    if not readonly:
        _make_folder(path.parent)
        _make(path)

    def connect() -> sqlite3.Connection:
        connection = open_file(path, readonly=readonly)
        try:
            if not readonly:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA cache_size=-16384")
        except BaseException:
            connection.close()  # SQLAlchemy does not know of it yet
            raise
        return connection

    return create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        isolation_level="AUTOCOMMIT",
        execution_options=dict(options),
    )


def open_file(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Return a plain connection to an existing file. TEMPORARY is the only pragma on it."""
    mode = "ro" if readonly else "rw"
    uri = f"file:{quote(str(path.resolve()))}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
    )
    connection.execute(TEMPORARY)
    return connection


def _make(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise _unusable(path, error) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(path: Path, error: OSError) -> StoreError:
    todo = "give it back its permissions, or set MEMBRANE_DATA"
    if isinstance(error, PermissionError):
        todo = "run this as the user that the bot runs as, or set MEMBRANE_DATA"
    return StoreError(f"{path} cannot be written ({error.strerror}); {todo}")


def lock_folder(folder: Path) -> FileLock:
    """Lock the folder for this process. Raises AlreadyRunning if another process holds it, or StoreError."""
    path = folder / "membrane.lock"
    _make_folder(folder)
    try:
        lock = acquire(path)
    except OSError as error:
        raise _unusable(folder, error) from error
    if lock is None:
        raise AlreadyRunning(
            f"another bot (process {holder_of(path) or UNKNOWN}) is running on {folder}; stop it, or give "
            "this one a folder of its own with MEMBRANE_DATA"
        )
    return lock
