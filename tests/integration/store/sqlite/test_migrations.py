"""Opening databases of every age: older ones are copied and migrated, newer and foreign ones refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect

from bot.domain.record import JournalEntry
from bot.errors import StoreError, WrongVersion
from bot.store import journal, migrations
from bot.store.database import open_database
from bot.store.tables import REVISION, metadata
from tests.integration.store.conftest import say


def shape(connection: Connection) -> dict[str, Any]:
    """Return a schema, independent of the order and names of its parts."""
    found = inspect(connection)

    def plain(items: Any, *keys: str) -> list[str]:
        return sorted(repr([item.get(key) for key in keys]) for item in items)

    return {
        table: {
            "columns": sorted(
                repr((c["name"], str(c["type"]), c["nullable"], c["default"]))
                for c in found.get_columns(table)
            ),
            "key": sorted(found.get_pk_constraint(table)["constrained_columns"]),
            "references": plain(
                found.get_foreign_keys(table), "constrained_columns", "referred_table", "referred_columns"
            ),
            "unique": plain(found.get_unique_constraints(table), "column_names"),
            "checks": plain(found.get_check_constraints(table), "sqltext"),
            "indexes": sorted(
                repr((i["name"], i["column_names"], i["unique"], _condition(i)))
                for i in found.get_indexes(table)
            ),
        }
        for table in found.get_table_names()
    }


def _condition(index: Any) -> str:
    return str(index.get("dialect_options", {}).get("sqlite_where", ""))


def old_database(path: Path, revision: str = "0001") -> None:
    """Make a database as an earlier version left it, with a few rows."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrations.upgrade(connection, "base", revision)
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DROP TABLE alembic_version")
        raw.execute("INSERT INTO meta VALUES ('schema_version', '1')")
        raw.execute(
            "INSERT INTO actions (id, kind, args, args_digest, agent, tier, ruling, state, proposed_at) "
            "VALUES ('act_1', 'db.read', '{}', 'd', 'ops', 0, '{}', 'passed', 1.0)"
        )
        raw.execute(
            "INSERT INTO executions (key, action_id, args_digest, attempt, claimed_at) "
            "VALUES ('k', 'act_1', 'd', 1, 1.0)"
        )
        before = journal.GENESIS
        for seq in range(1, 4):
            entry = JournalEntry("bot", seq, float(seq), "said", "act_1", None, b'{"number":1}', "")
            before = journal.hash_of(before, entry)
            raw.execute(
                "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ("bot", seq, float(seq), "said", "act_1", None, b'{"number":1}', before),
            )


def test_the_migrations_lead_to_the_tables() -> None:
    migrated, made = create_engine("sqlite://"), create_engine("sqlite://")
    with migrated.connect() as way, made.connect() as end:
        migrations.upgrade(way, "base")
        metadata.create_all(end)
        assert shape(way) == shape(end)
    migrated.dispose()
    made.dispose()


def test_the_tables_name_the_newest_migration() -> None:
    assert migrations.newest() == REVISION


async def test_an_older_database_is_copied_and_migrated(path: Path) -> None:
    old_database(path)
    db = open_database(path, exclusive=True)
    found = await db.read(lambda connection: list(journal.entries(connection)))
    assert [entry.event for entry in found] == ["said", "said", "said", "schema.migrated"]
    await db.write(say(5))
    assert await db.read(journal.verify) == (5, [])
    await db.close()
    (copy,) = path.parent.glob("membrane.db.0001-*")
    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("SELECT count(*) FROM journal").fetchone() == (3,)
        assert raw.execute("SELECT value FROM meta").fetchone() == ("1",)


async def test_a_migrated_database_has_its_triggers(path: Path) -> None:
    old_database(path)
    await open_database(path, exclusive=True).close()
    with closing(sqlite3.connect(path)) as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("DELETE FROM journal")


def test_only_the_bot_migrates(path: Path) -> None:
    old_database(path)
    with pytest.raises(WrongVersion, match="Start the bot once"):
        open_database(path, writer="cli")
    with pytest.raises(WrongVersion, match="Start the bot once"):
        open_database(path, readonly=True)


def test_a_failing_migration_leaves_the_old_database(path: Path) -> None:
    old_database(path)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE rulings (in_the_way)")
    with pytest.raises(StoreError, match=r"could not be migrated.*as it was.*rulings already exists"):
        open_database(path, exclusive=True)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM journal").fetchone() == (3,)
        assert "alembic_version" not in {row[0] for row in raw.execute("SELECT name FROM sqlite_master")}
    assert list(path.parent.glob("membrane.db.0001-*")) == []


def test_rows_with_dangling_references_stop_a_migration(path: Path) -> None:
    old_database(path)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE executions SET action_id = 'act_gone'")
    with pytest.raises(StoreError, match="refers to one of actions"):
        open_database(path, exclusive=True)


@pytest.mark.parametrize("found", ["9999", "", "from-elsewhere"])
async def test_a_newer_or_unknown_database_is_refused(path: Path, found: str) -> None:
    await open_database(path, exclusive=True).close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = ?", (found,))
    with pytest.raises(WrongVersion, match=f"revision {found or 'unknown'}.*MEMBRANE_DATA"):
        open_database(path, exclusive=True)


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE theirs (x)")
    with pytest.raises(WrongVersion, match="unknown"):
        open_database(path, exclusive=True)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_the_migration_dates_due_messages_from_when_they_were_wanted() -> None:
    """One message was never shown and is postponed, one needs a redraw, one is up to date."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        migrations.upgrade(connection, "base", "0003")
        connection.exec_driver_sql(
            "INSERT INTO messages (id, kind, recipient, wanted, shown, priority, due_at, created_at) VALUES "
            "('new', 'card', '#a', 1, 0, 2, 900.0, 100.0), ('old', 'card', '#a', 2, 1, 4, 500.0, 100.0), "
            "('done', 'card', '#a', 1, 1, 4, NULL, 100.0)"
        )
        migrations.upgrade(connection, "0003")
        rows = connection.exec_driver_sql("SELECT id, owed_since FROM messages ORDER BY id").all()
        assert [tuple(row) for row in rows] == [("done", None), ("new", 100.0), ("old", 500.0)]
    engine.dispose()


def test_a_message_that_was_being_replaced_and_a_folded_notice_say_so_in_columns() -> None:
    """Before, the text of their error said so."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        migrations.upgrade(connection, "base", "0013")
        connection.exec_driver_sql(
            "INSERT INTO messages (id, kind, recipient, wanted, priority, due_at, ts, error, created_at) "
            "VALUES ('card', 'card', '#a', 2, 5, 9.0, '1.1', 'edit_window_closed', 1.0), "
            "('late', 'card', '#a', 2, 5, 9.0, '1.2', 'ratelimited', 1.0), "
            "('fold', 'notice', '#a', 1, 6, NULL, NULL, 'it is counted and listed in msg_all', 1.0)"
        )
        migrations.upgrade(connection, "0013")
        rows = connection.exec_driver_sql("SELECT id, obstacle, folded_into FROM messages ORDER BY id").all()
        assert [tuple(row) for row in rows] == [
            ("card", "uneditable", None),
            ("fold", None, "msg_all"),
            ("late", None, None),
        ]
    engine.dispose()
