"""The database itself refuses what the journal forbids."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.domain.risk import Tier
from bot.store.database import Database, open_database
from tests.integration.store.conftest import say

INSERT = "INTO journal (writer, seq, at, event, body, hash) VALUES"
SEGMENT = "INSERT INTO segments (writer, first_seq, last_seq, end_hash, file, sha256, exported_at) VALUES"


@pytest.fixture
async def raw(path: Path) -> AsyncIterator[sqlite3.Connection]:
    db: Database = open_database(path, exclusive=True)
    for number in range(10):
        await db.write(say(number, Tier(0) if number % 2 else None))
    await db.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def hash_at(raw: sqlite3.Connection, writer: str, seq: int) -> str:
    found = raw.execute("SELECT hash FROM journal WHERE writer = ? AND seq = ?", (writer, seq)).fetchone()
    return str(found[0])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET body = x'00' WHERE seq = 3",
        "UPDATE OR REPLACE journal SET seq = 2 WHERE seq = 3",
        "DELETE FROM journal",
        "DELETE FROM journal WHERE writer = 'bot.tier0' AND seq = 1",
        f"INSERT {INSERT} ('bot', 7, 1.0, 'gap', x'00', '')",
        f"INSERT {INSERT} ('bot', 5, 1.0, 'again', x'00', '')",
        f"INSERT OR REPLACE {INSERT} ('bot', 3, 1.0, 'instead', x'00', '')",
        f"REPLACE {INSERT} ('new', 2, 1.0, 'late', x'00', '')",
        "INSERT OR REPLACE INTO journal SELECT id, 'bot', 6, at, event, NULL, NULL, body, hash FROM journal",
    ],
)
def test_the_journal_is_append_only(raw: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    assert raw.execute("SELECT count(*) FROM journal").fetchone() == (10,)


def test_only_an_exported_segment_may_go(raw: sqlite3.Connection) -> None:
    end = hash_at(raw, "bot.tier0", 3)
    raw.execute(f"{SEGMENT} ('bot.tier0', 1, 3, ?, 'f', 's', 1.0)", (end,))
    raw.execute("DELETE FROM journal WHERE writer = 'bot.tier0' AND seq <= 3")
    with pytest.raises(sqlite3.IntegrityError, match="only an exported segment"):
        raw.execute("DELETE FROM journal WHERE writer = 'bot.tier0' AND seq = 4")
    raw.execute(f"INSERT {INSERT} ('bot.tier0', 6, 1.0, 'goes on', x'00', '')")


@pytest.mark.parametrize(
    ("writer", "first", "last", "at"),
    [
        ("bot", 1, 3, 3),
        ("bot.tier0", 2, 3, 3),
        ("bot.tier0", 1, 3, 2),
        ("bot.tier0", 1, 5, 5),
        ("bot.tier0", 3, 2, 2),
        ("other.tier0", 1, 3, 3),
    ],
)
def test_a_segment_must_fit_its_chain(
    raw: sqlite3.Connection, writer: str, first: int, last: int, at: int
) -> None:
    end = hash_at(raw, writer if writer != "other.tier0" else "bot.tier0", at)
    with pytest.raises(sqlite3.IntegrityError, match="segment"):
        raw.execute(f"{SEGMENT} (?, ?, ?, ?, 'f', 's', 1.0)", (writer, first, last, end))


def test_a_segment_is_written_once(raw: sqlite3.Connection) -> None:
    raw.execute(f"{SEGMENT} ('bot.tier0', 1, 3, ?, 'f', 's', 1.0)", (hash_at(raw, "bot.tier0", 3),))
    for statement in (
        "UPDATE segments SET end_hash = 'x'",
        "UPDATE segments SET file = 'x', pruned_at = 2.0",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="only the time of its pruning"):
            raw.execute(statement)
    raw.execute("UPDATE segments SET pruned_at = 2.0")
    with pytest.raises(sqlite3.IntegrityError, match="once"):
        raw.execute("UPDATE segments SET pruned_at = 3.0")
    with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        raw.execute("DELETE FROM segments")
