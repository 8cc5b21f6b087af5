"""Many rows by one statement: compiled once from SQLAlchemy, bound by position."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import sqlite

from bot.store.sqlite.prepared import driver_of

SIZES = (32, 8, 1)
"""Rows a statement inserts. A bound value costs nothing, a statement costs a turn at the interpreter's lock,
which a busy event loop may keep for milliseconds; 32 rows stay under SQLite's oldest limit of 999 values."""


class Bulk:
    """A prebuilt insert into a table. A row is a tuple of values for `columns`, in that order.

    Values go to the driver as they are: only for columns of text, numbers and bytes. A column that counts
    by itself (`id` of the journal) is left out.
    """

    def __init__(self, table: Table) -> None:
        counted = table.autoincrement_column
        self.columns = tuple(column.name for column in table.c if column is not counted)
        row = dict.fromkeys(self.columns)
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
