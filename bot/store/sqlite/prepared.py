"""Statements that run very often: compiled once from SQLAlchemy, bound by name, run by the driver.

To find a row by its key, SQLAlchemy's way to the driver and back costs about five times what SQLite needs. So
statements that run for every action or review are prepared. Statements that are built for one call are not.
"""

from __future__ import annotations

import collections
import sqlite3
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Connection, Insert, Select
from sqlalchemy.dialects import sqlite

from bot.store.backend import Values

_named: Any = collections.namedtuple  # noqa: PYI024 - its fields are known only here, not to a type checker


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection."""
    found: Any = connection.connection.dbapi_connection
    assert isinstance(found, sqlite3.Connection), "the engine is SQLite's"
    return found


class DriverStatement:
    """A statement that the driver runs. A failing one raises the driver's error."""

    def __init__(self, statement: ClauseElement) -> None:
        dialect = sqlite.dialect()
        compiled: Any = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup)
        required = {name for name, bind in compiled.binds.items() if bind.required}
        self._usual = {name: value for name, value in compiled.params.items() if name not in required}
        if isinstance(statement, Insert):
            self._usual = {column.name: _default(column) for column in statement.table.columns}
        self._known = frozenset(self._names)
        columns = list(statement.selected_columns) if isinstance(statement, Select) else []
        self._row = _named("Row", [column.name for column in columns], rename=True)._make
        made = [(place, column.type.result_processor(dialect, None)) for place, column in enumerate(columns)]
        self._made = [(place, make) for place, make in made if make is not None]

    def bound(self, values: Values) -> tuple[Any, ...]:
        """Return the values in the order of the placeholders.

        Raises TypeError for a value without a placeholder, and KeyError for a placeholder without a value.
        """
        if not values.keys() <= self._known:
            raise TypeError(f"the statement takes {sorted(self._known)}, not {sorted(values)}: {self.sql}")
        given = {**self._usual, **values}
        return tuple([given[name] for name in self._names])

    def all(self, connection: Connection, values: Values) -> list[Any]:
        """Return every row."""
        return [self._shape(row) for row in self.run(connection, values).fetchall()]

    def first(self, connection: Connection, values: Values) -> Any:
        """Return the first row, or None."""
        cursor = self.run(connection, values)
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else self._shape(row)

    def changed(self, connection: Connection, values: Values) -> int:
        """Write, and return the number of rows that changed."""
        return self.run(connection, values).rowcount

    def run(self, connection: Connection, values: Values) -> sqlite3.Cursor:
        """Run the statement."""
        return driver_of(connection).execute(self.sql, self.bound(values))

    def _shape(self, row: tuple[Any, ...]) -> Any:
        if not self._made:
            return self._row(row)
        values = list(row)
        for place, make in self._made:
            values[place] = make(values[place])
        return self._row(values)


def _default(column: ColumnElement[Any]) -> Any:
    default: Any = getattr(column, "server_default", None)
    return None if default is None else default.arg
