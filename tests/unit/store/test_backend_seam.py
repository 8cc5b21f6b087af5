"""The store's statements run on more than one database product, and only the backend knows which."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Case,
    ClauseElement,
    Select,
    UpdateBase,
    bindparam,
    column,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import visitors
from sqlalchemy.types import NullType

import bot.store
from bot.store.expressions import DecodedText, earlier
from bot.store.statements import InsertNew, Prepared
from bot.store.tables import metadata, rulings
from tests.unit.store.products import ONLY_SQLITE, foreign, on_postgresql

BOT = Path(bot.store.__file__).parent.parent
DRIVER = {"sqlite3", "aiosqlite", "sqlalchemy.dialects"}

OWN_FILES = {"bot/graph", "bot/demo"}
"""Folders that open SQLite files of their own: LangGraph's `threads.db`, and the books of Northwind."""

CHOOSE = {
    "bot/store/database.py": {"SQLITE"},  # the default
    "bot/store/backup.py": {"SQLITE", "note_fact"},  # a backup is of a folder of SQLite files
}
"""Names that modules of the store import from the backend on SQLite."""
MENTION = {"TEMPORARY", "SQLITE", "check_folder", "lock_folder"}
"""Names that other modules import from it: for `threads.db`, and to look at a folder before it is opened."""


def modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(bot.store.__path__, "bot.store."):
        if not found.name.startswith(("bot.store.migrations", "bot.store.sqlite")):
            yield found.name


def statements_in(value: Any) -> Iterator[ClauseElement]:
    """Yield the statements in a module's value."""
    if isinstance(value, Prepared):
        yield value.statement
    elif isinstance(value, (Select, UpdateBase)):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from statements_in(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from statements_in(each)


def statements() -> dict[str, ClauseElement]:
    found = {}
    for name in modules():
        for variable, value in vars(importlib.import_module(name)).items():
            for number, statement in enumerate(statements_in(value)):
                found[f"{name}.{variable}{number or ''}"] = statement
    return found


STATEMENTS = statements()


def test_there_are_statements_to_look_at() -> None:
    assert len(STATEMENTS) > 150
    assert {"bot.store.reviews._CLOSE", "bot.store.queues._TO_POST"} <= STATEMENTS.keys()


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_not_of_one_product(name: str) -> None:
    assert foreign(on_postgresql(STATEMENTS[name])) == []


def test_a_choice_of_values_has_a_type() -> None:
    """PostgreSQL takes a CASE of bound values without types for text. SQLite does not care."""
    untyped = {
        name: str(each)
        for name, statement in STATEMENTS.items()
        for each in visitors.iterate(statement)
        if isinstance(each, Case) and isinstance(each.type, NullType)
    }
    assert untyped == {}


def test_the_tables_are_not_of_one_product() -> None:
    made: Iterable[Any] = metadata.sorted_tables
    for table in made:
        ddls: list[ClauseElement] = [CreateTable(table), *map(CreateIndex, table.indexes)]
        for ddl in ddls:
            assert not ONLY_SQLITE.search(on_postgresql(ddl)), table.name


@pytest.mark.parametrize(
    "statement",
    [
        select(func.min(column("a"), bindparam("b"))),
        select(func.ifnull(column("a"), 0)),
        select(func.json_extract(column("a"), "$.b")),
        select(text("rowid")),
        select(column("a")).where(text("a GLOB 'x*'")),
        select(literal_column("a == 'b'")),
        rulings.insert().prefix_with("OR IGNORE"),
    ],
)
def test_a_statement_of_one_product_would_be_found(statement: ClauseElement) -> None:
    assert foreign(on_postgresql(statement))


@pytest.mark.parametrize(
    "statement",
    [
        select(earlier(column("a"), bindparam("b"))),
        select(DecodedText(column("a"))),
        InsertNew(rulings),
    ],
)
def test_the_stores_own_expressions_are_fine(statement: ClauseElement) -> None:
    assert foreign(on_postgresql(statement)) == []


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(BOT.rglob("*.py")):
        name = path.relative_to(BOT.parent).as_posix()
        if not name.startswith(("bot/store/sqlite/", "bot/store/migrations/")):
            yield name, ast.parse(path.read_text())


def imports_of(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """Yield the modules that a file imports, and the names that it takes from each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, set()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", {alias.name for alias in node.names}


def test_only_the_backend_knows_the_driver() -> None:
    known = {
        name.rpartition("/")[0]
        for name, tree in sources()
        for module, names in imports_of(tree)
        if any(f"{module}.".startswith(f"{each}.") for each in DRIVER)
        or (module == "sqlalchemy" and "dialects" in names)
    }
    assert known == OWN_FILES


def test_only_the_backend_runs_text_on_the_driver() -> None:
    """A statement that SQLAlchemy does not build is one product's."""
    used = {
        name
        for name, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("exec_driver_sql", "dbapi_connection")
    }
    assert used == set()


def test_the_backend_is_chosen_in_few_places() -> None:
    chosen: dict[str, set[str]] = {}
    for name, tree in sources():
        for module, names in imports_of(tree):
            assert module != "bot.store" or "sqlite" not in names, name
            if f"{module}.".startswith("bot.store.sqlite."):
                chosen.setdefault(name, set()).update(names)
    inside = {name: names for name, names in chosen.items() if name.startswith("bot/store/")}
    assert inside == CHOOSE
    assert set().union(*chosen.values()) - {"note_fact"} == MENTION
