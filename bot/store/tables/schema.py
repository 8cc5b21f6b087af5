"""What the tables share: their revision, partial indexes, and the conditions that these name."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    MetaData,
    literal_column,
    text,
)

REVISION = "0014"
"""The newest migration: the version of these tables."""

OF_ONE_AGENT = "agent <> ''"
"""True of every row. An index with it serves only the queries that name it: those about one agent."""

UNANSWERED = "state IN ('aborted', 'withdrawn') AND remembers IS NULL"
"""True of an action that ended without a person's answer, and did not take over the end of an earlier one."""

metadata = MetaData()


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index over the rows where the condition holds. It stays as small as the work that is due."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def literally(column: Column[str] | Column[int], value: str | int) -> ColumnElement[bool]:
    """Return `column = value` with the value written out. A partial index does not match a bound value."""
    return column == literal_column(repr(value if isinstance(value, int) else str(value)))
