"""One statement, run very often: compiled once from SQLAlchemy, bound by name, run by the driver itself.

SQLAlchemy's way to the driver and back costs about five times what SQLite needs for a row by its key. So what
every action or every review runs is prepared, and what is put together for one call is not.
"""

from __future__ import annotations

import collections
import sqlite3
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Connection, Insert, Select
from sqlalchemy.dialects import sqlite

_NOTHING: Mapping[str, Any] = {}
_named: Any = collections.namedtuple  # noqa: PYI024 - its fields are known only here, not to a type checker


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection."""
    found: Any = connection.connection.dbapi_connection
    assert isinstance(found, sqlite3.Connection), "the engine is SQLite's"
    return found


class Prepared:
    """A statement whose values have names. Its rows have their columns' names and types.

    Values go to the driver as they are: text, numbers, bytes and None. What fails raises the driver's error.
    Of an insert, the columns that no value is given for take their defaults. `IN` a list cannot be prepared.
    """

    def __init__(self, statement: ClauseElement) -> None:
        dialect = sqlite.dialect()
        compiled: Any = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup)
        owed = {name for name, bind in compiled.binds.items() if bind.required}
        self._usual = {name: value for name, value in compiled.params.items() if name not in owed}
        if isinstance(statement, Insert):
            self._usual = {column.name: _default(column) for column in statement.table.columns}
        self._known = frozenset(self._names)
        columns = list(statement.selected_columns) if isinstance(statement, Select) else []
        self._row = _named("Row", [column.name for column in columns], rename=True)._make
        made = [(place, column.type.result_processor(dialect, None)) for place, column in enumerate(columns)]
        self._made = [(place, make) for place, make in made if make is not None]

    def bound(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values in the order of the marks. Raises TypeError for one without a mark."""
        if not values.keys() <= self._known:
            raise TypeError(f"the statement takes {sorted(self._known)}, not {sorted(values)}: {self.sql}")
        given = {**self._usual, **values}
        return tuple([given[name] for name in self._names])

    def all(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> list[Any]:
        """Return every row."""
        return [self._shape(row) for row in self._run(connection, values).fetchall()]

    def first(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> Any:
        """Return the first row, or None."""
        cursor = self._run(connection, values)
        row = cursor.fetchone()
        cursor.close()
        return None if row is None else self._shape(row)

    def scalar(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> Any:
        """Return the first value of the first row, or None."""
        row = self.first(connection, values)
        return None if row is None else row[0]

    def changed(self, connection: Connection, values: Mapping[str, Any] = _NOTHING) -> int:
        """Write, and return how many rows that changed."""
        return self._run(connection, values).rowcount

    def _run(self, connection: Connection, values: Mapping[str, Any]) -> sqlite3.Cursor:
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
