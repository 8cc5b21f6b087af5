"""Copies of a database that is in use, and whether a file is whole."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StoreError
from bot.store.files import sync_folder
from bot.store.sqlite.connecting import open_file
from bot.store.sqlite.failures import explain

LOOK_BELOW = 64 * 1024 * 1024
"""Bytes of a database that is looked through at each start: some tenths of a second."""


def copy(source: Path, target: Path) -> None:
    """Copy a database, also one that is in use, as it is at one instant. The copy is one file, 0600, on disk.

    One step, so one read transaction: writers go on meanwhile, and the copy never starts over. Raises
    StoreError, and leaves nothing behind then.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    try:
        with closing(open_file(source, readonly=True)) as live, closing(open_file(target)) as copied:
            live.backup(copied)
            copied.execute("PRAGMA journal_mode=DELETE")
        _sync(target)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise explain(error, source) from error


def note_fact(path: Path, name: str, value: str) -> None:
    """Write a fact into a copy that nobody uses. A database without a place for it stays as it is."""
    try:
        with closing(open_file(path)) as copied:
            known = copied.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'")
            if known.fetchone():
                copied.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))
        _sync(path)
    except sqlite3.Error as error:
        raise explain(error, path) from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)


def damage_of(path: Path, *, thorough: bool = True) -> str | None:
    """Return what is wrong with a file, or None where it is whole.

    `thorough` also compares every index with its table and every reference with its row, in some seconds
    a gigabyte.
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
    """Return what is wrong with a file, looking through it if it is small; a large one is left to backups."""
    if path.stat().st_size > LOOK_BELOW:
        return None
    return damage_of(path, thorough=False)
