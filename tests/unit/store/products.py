"""Finds functions and syntax in a statement that only SQLite has, by compiling it for PostgreSQL."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

from bot.store.expressions import SUPPLIED

COMMON = {"coalesce", "count", "length", "max", "min", "sum"}
"""Functions that both products have and that mean the same there."""
SUPPLIED_NAMES = {made().name for made in SUPPLIED}
BRACKETED = {"cast", "varchar", "queues"}
"""Words that a bracket follows without a blank, and that are no functions. `queues` is a recursive query."""
ONLY_SQLITE = re.compile(
    r"\b(rowid|pragma|glob|indexed\s+by|autoincrement|or\s+(ignore|replace|abort)|replace\s+into|"
    r"sqlite_\w+|without\s+rowid|collate\s+nocase|is\s+not\s+distinct)\b|==|`|\blimit\s+-1",
    re.IGNORECASE,
)


def _by_name(element: Any, compiler: Any, **options: Any) -> str:
    return f"{element.name}({compiler.process(element.clauses, **options)})"


for supplied in SUPPLIED:  # a backend on PostgreSQL would supply these
    compiles(supplied, "postgresql")(_by_name)


def foreign(sql: str) -> list[str]:
    """Return the functions and the syntax in a statement that PostgreSQL does not have."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", sql)
    known = COMMON | SUPPLIED_NAMES | BRACKETED
    called = [name for name in re.findall(r"\b(\w+)\(", bare) if name.lower() not in known]
    several = re.findall(r"\b(?:min|max)\([^()]*,", bare)
    return [*called, *several, *(match[0] for match in ONLY_SQLITE.finditer(bare))]


def on_postgresql(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
