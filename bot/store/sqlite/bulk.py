"""Many rows in one statement: compiled once from SQLAlchemy, bound by position."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import sqlite

from bot.store.sqlite.prepared import driver_of
from bot.store.statements import inserted_columns

SIZES = (32, 8, 1)
"""Rows in one statement. A value costs nothing. A statement costs a turn at the interpreter's lock, which a
busy event loop may hold for milliseconds. 32 rows stay under SQLite's oldest limit of 999 values."""


class DriverBulk:
    """An insert into a table that the driver runs."""

    def __init__(self, table: Table) -> None:
        row = dict.fromkeys(inserted_columns(table))
        self._sql = {
            size: str(insert(table).values([row] * size).compile(dialect=sqlite.dialect())) for size in SIZES
        }

    def insert(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows. They may not conflict."""
        done = 0
        for size in SIZES:
            while len(rows) - done >= size:
                values = tuple(value for row in rows[done : done + size] for value in row)
                driver_of(connection).execute(self._sql[size], values)
                done += size
