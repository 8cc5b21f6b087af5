"""Copies of a database that is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StoreError
from bot.store.files import sync_folder
from bot.store.sqlite.connecting import open_file
from bot.store.sqlite.failures import explain


def copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one instant, also while it is in use. The copy is one file, 0600, on disk.

    It is one step in one read transaction: writers continue, and the copy never starts over. Raises
    StoreError, and then leaves nothing behind.
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
    """Write a fact into a copy that nobody uses. A database without a table of facts stays as it is."""
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
