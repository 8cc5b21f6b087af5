"""Checks that a database file exists and is whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.store.sqlite.connecting import open_file

LOOK_BELOW = 64 * 1024 * 1024
"""A database of fewer bytes is checked at each start, in some tenths of a second."""


def lost(path: Path) -> str | None:
    """Return the name of the file which shows that a database was here and is gone or empty, or None."""
    log = path.with_name(f"{path.name}-wal")
    if any(file.exists() and file.stat().st_size for file in (path, log)):
        return None
    threads = path.with_name("threads.db")
    return threads.name if threads.exists() and threads.stat().st_size else None


def damage_of(path: Path, *, thorough: bool = True) -> str | None:
    """Return the damage of a file, or None.

    `thorough` also compares every index with its table and every reference with its row, in some seconds a
    gigabyte.
    """
    try:
        with closing(open_file(path, readonly=True)) as connection:
            check = "integrity_check(1)" if thorough else "quick_check(1)"
            (said,) = connection.execute(f"PRAGMA {check}").fetchone()
            if said == "ok" and thorough:
                orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
                said = (
                    f"a row of {orphan[0]} refers to one of {orphan[2]} that is not there" if orphan else said
                )
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if said == "ok" else str(said)


def damage_at_start(path: Path) -> str | None:
    """Return the damage of a small file, or None. A large file is checked by backups."""
    if path.stat().st_size > LOOK_BELOW:
        return None
    return damage_of(path, thorough=False)
