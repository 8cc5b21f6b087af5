"""The contract of the store, for a second backend too: groups, rollbacks, the journal, the lock."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.errors import AlreadyRunning, StoreError, WrongVersion
from bot.store import digests, journal
from bot.store.database import Database, Transaction, open_database


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(tmp_path / "membrane.db", exclusive=True)
    yield opened
    await opened.close()


def say(number: int, *, fail: bool = False) -> Callable[[Transaction], int]:
    def work(tx: Transaction) -> int:
        tx.journal(float(number), "said", {"number": number})
        digests.keep_policy(tx.connection, str(number), "", 0.0)
        if fail:
            raise LookupError(number)
        return number

    return work


async def test_units_of_one_group_fail_alone_and_leave_no_trace(db: Database) -> None:
    units = [db.write(say(number, fail=number % 3 == 0)) for number in range(60)]
    results = await asyncio.gather(*units, return_exceptions=True)
    assert [isinstance(result, LookupError) for result in results] == [n % 3 == 0 for n in range(60)]
    entries = await db.read(lambda connection: list(journal.entries(connection)))
    assert [entry.seq for entry in entries] == list(range(1, 41))
    assert await db.read(journal.verify) == (40, [])


async def test_appends_are_durable_when_they_return(db: Database, tmp_path: Path) -> None:
    await asyncio.gather(*(db.append(lambda tx, n=n: tx.journal(n, "said", {})) for n in range(500)))  # type: ignore[misc]
    with sqlite3.connect(tmp_path / "membrane.db") as other:
        assert other.execute("SELECT count(*) FROM journal").fetchone() == (500,)


async def test_each_writer_has_a_chain_of_its_own(db: Database, tmp_path: Path) -> None:
    await db.write(lambda tx: tx.journal(1.0, "bot", {}))
    beside = open_database(tmp_path / "membrane.db", writer="cli")
    await beside.write(lambda tx: tx.journal(2.0, "cli", {}))
    await beside.close()
    await db.write(lambda tx: tx.journal(3.0, "bot", {}))
    assert await db.read(journal.verify) == (3, [])


@pytest.mark.parametrize(
    ("tamper", "what"),
    [
        ("UPDATE journal SET body = '{\"number\":9}' WHERE seq = 2", "was changed"),
        ("UPDATE journal SET at = 7 WHERE seq = 2", "was changed"),
        ("DELETE FROM journal WHERE seq = 2", "missing"),
    ],
)
async def test_a_tampered_journal_says_where(db: Database, tmp_path: Path, tamper: str, what: str) -> None:
    for number in range(5):
        await db.write(say(number))
    with sqlite3.connect(tmp_path / "membrane.db") as other:
        other.execute(tamper)
    _, breaks = await db.read(journal.verify)
    assert [b.seq for b in breaks] in ([2], [3])
    assert what in breaks[0].what


async def test_a_second_bot_is_refused_with_a_sentence(db: Database, tmp_path: Path) -> None:
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}.*MEMBRANE_DATA"):
        open_database(tmp_path / "membrane.db", exclusive=True)


async def test_the_folder_is_free_again_after_a_close(tmp_path: Path) -> None:
    for _ in range(2):
        opened = open_database(tmp_path / "membrane.db", exclusive=True)
        await opened.close()


async def test_files_are_private(db: Database, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "membrane.db").stat().st_mode) == 0o600


async def test_a_newer_database_is_refused(db: Database, tmp_path: Path) -> None:
    await db.close()
    with sqlite3.connect(tmp_path / "membrane.db") as other:
        other.execute("UPDATE meta SET value = '99' WHERE name = 'schema_version'")
    with pytest.raises(WrongVersion, match="99"):
        open_database(tmp_path / "membrane.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "membrane.db").write_bytes(b"not a database, however long one looks at it" * 50)
    with pytest.raises(StoreError, match="cannot be used"):
        open_database(tmp_path / "membrane.db")


def test_reading_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        open_database(tmp_path / "membrane.db", readonly=True)


async def test_writing_after_the_close_is_an_error(db: Database) -> None:
    await db.close()
    with pytest.raises(StoreError, match="closed"):
        await db.write(lambda tx: None)
