"""Statements that run often: written once with SQLAlchemy, and prepared by the backend that runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ClauseElement, Connection, Insert, Table
from sqlalchemy.ext.compiler import compiles

from bot.store.backend import Backend, Inserter, Runnable, Values, backend_of

_NOTHING: Mapping[str, Any] = {}


class Prepared:
    """A statement whose values have names. Its rows have their columns' names and types.

    Values are text, numbers, bytes and None. An insert gives its other columns their defaults. `IN` a list
    cannot be prepared. A failing statement raises one of its backend's `errors`.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement
        self._runnables: dict[Backend, Runnable] = {}

    def _on(self, connection: Connection) -> Runnable:
        backend = backend_of(connection)
        found = self._runnables.get(backend)
        if found is None:  # two threads may both prepare it; either result serves
            found = self._runnables[backend] = backend.runnable(self.statement)
        return found

    def all(self, connection: Connection, values: Values = _NOTHING) -> list[Any]:
        """Return every row."""
        return self._on(connection).all(connection, values)

    def first(self, connection: Connection, values: Values = _NOTHING) -> Any:
        """Return the first row, or None."""
        return self._on(connection).first(connection, values)

    def scalar(self, connection: Connection, values: Values = _NOTHING) -> Any:
        """Return the first value of the first row, or None."""
        row = self._on(connection).first(connection, values)
        return None if row is None else row[0]

    def changed(self, connection: Connection, values: Values = _NOTHING) -> int:
        """Write, and return the number of rows that changed."""
        return self._on(connection).changed(connection, values)


class Bulk:
    """An insert of many rows into a table. A row is a tuple of values for `columns`, in that order.

    Values go to the driver as they are: only for columns of text, numbers and bytes. A column that counts by
    itself (`id` of the journal) is left out.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._inserters: dict[Backend, Inserter] = {}
        self.columns = inserted_columns(table)

    def insert(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows. They may not conflict."""
        backend = backend_of(connection)
        found = self._inserters.get(backend)
        if found is None:
            found = self._inserters[backend] = backend.inserter(self._table)
        found.insert(connection, rows)


def inserted_columns(table: Table) -> tuple[str, ...]:
    """Return the names of the columns that do not count by themselves."""
    counted = table.autoincrement_column
    return tuple(column.name for column in table.c if column is not counted)


class InsertNew(Insert):
    """An insert that does nothing (0 rows changed) where a unique index says that the row exists."""

    inherit_cache = True


@compiles(InsertNew)
def _insert_new(insert: InsertNew, compiler: Any, **options: Any) -> str:
    return f"{compiler.visit_insert(insert, **options)} ON CONFLICT DO NOTHING"
