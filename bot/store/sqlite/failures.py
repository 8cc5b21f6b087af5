"""SQLite's failures, in sentences that a person can act on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from bot.errors import StoreError

ERRORS = (DBAPIError, sqlite3.Error)
"""Errors of a failing statement: SQLAlchemy's, or the driver's if the statement is prepared."""

NOTHING = "nothing was written, and the bot goes on by itself once that is put right"

_TOLD = {
    sqlite3.SQLITE_FULL: f"its disk is full; free some space ({NOTHING})",
    sqlite3.SQLITE_BUSY: f"it is locked by another process for longer than a write waits ({NOTHING})",
    sqlite3.SQLITE_LOCKED: f"it is locked by another process for longer than a write waits ({NOTHING})",
    sqlite3.SQLITE_PROTOCOL: f"it is locked by another process for longer than a write waits ({NOTHING})",
    sqlite3.SQLITE_IOERR: f"the disk does not read or write it; look at the disk ({NOTHING})",
    sqlite3.SQLITE_READONLY: f"it may not be written; look at its owner and permissions ({NOTHING})",
    sqlite3.SQLITE_CANTOPEN: f"it cannot be opened; look at its folder and permissions ({NOTHING})",
    sqlite3.SQLITE_NOMEM: f"there is no memory left ({NOTHING})",
    sqlite3.SQLITE_INTERRUPT: f"it was interrupted ({NOTHING})",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Stop the bot, keep the file aside and restore a backup "
    "(`membrane backup --help` says how); nothing is repaired by guessing",
    sqlite3.SQLITE_NOTADB: "it is not a SQLite database. Keep the file aside and restore a backup "
    "(`membrane backup --help` says how), or set MEMBRANE_DATA",
}
"""Failures of the database itself, by primary result code. Others are failures of one statement."""


def _code_of(error: BaseException) -> int | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def of_the_store(error: BaseException) -> bool:
    """Whether the database itself failed, so that every unit of the group is lost with its transaction."""
    return _code_of(error) in _TOLD


def explain(error: BaseException, path: Path) -> StoreError:
    """Translate SQLite's error about an unusable file into a sentence."""
    told = _TOLD.get(_code_of(error) or 0)
    cause = error.orig if isinstance(error, DBAPIError) else error
    because = f"{told}. SQLite says: {cause}" if told else f"{cause}"
    return StoreError(f"the database {path} cannot be used: {because}")
