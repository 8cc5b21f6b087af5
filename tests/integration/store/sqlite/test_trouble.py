"""A full disk, a lock, damage, a flood: a clear error, nothing half done, and the bot goes on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import StoreError, TooMany
from bot.store import journal, policies, writer
from bot.store.database import Database, Transaction, open_database
from bot.store.sqlite import connecting
from tests.integration.store.conftest import say


def limit(connection_of: Database, pages: int) -> None:
    """Limit the file to this many pages, as a full disk would."""
    connection_of._writer.submit(
        lambda tx: tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}"), alone=False
    )


def large(number: int) -> writer.Work[int]:
    def work(tx: Transaction) -> int:
        policies.keep(tx.connection, f"policy-{number}", "x" * 50_000, 0.0)
        tx.journal(float(number), "said", {"number": number})
        return number

    return work


async def test_a_full_disk_fails_whole_writes_until_space_is_back(db: Database) -> None:
    await db.write(say(0))
    limit(db, 120)
    results = await asyncio.gather(*(db.write(large(number)) for number in range(40)), return_exceptions=True)
    failed = [result for result in results if isinstance(result, StoreError)]
    assert failed
    assert "disk is full" in str(failed[0])
    kept = await db.read(journal.count)
    assert kept == 1 + len(results) - len(failed)
    assert await db.read(journal.verify) == (kept, [])
    limit(db, 1_000_000)
    assert await db.write(large(99)) == 99
    assert await db.read(journal.verify) == (kept + 1, [])


async def test_a_tiny_disk_is_reported_and_harms_nothing(path: Path) -> None:
    db = open_database(path, exclusive=True)
    limit(db, 1)
    results = await asyncio.gather(
        *(db.write(large(number)) for number in range(100)), return_exceptions=True
    )
    assert any("disk is full" in str(r) and "nothing was written" in str(r) for r in results)
    await db.close()
    again = open_database(path, exclusive=True)
    assert (await again.read(journal.verify)).breaks == []
    await again.close()


async def test_a_lock_held_elsewhere_fails_only_the_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "BUSY_TIMEOUT_S", 0.05)
    db = open_database(path, exclusive=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another process"):
            await db.write(say(1))
        assert await db.read(journal.count) == 0
        other.execute("ROLLBACK")
    assert await db.write(say(2)) == 2
    assert await db.read(journal.verify) == (1, [])
    await db.close()


async def test_a_flood_is_refused_before_memory_grows(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_APPENDS", 100)
    monkeypatch.setattr(writer, "MOST_UNITS", 200)
    busy, free = threading.Event(), threading.Event()

    def hold(_: Transaction) -> bool:
        busy.set()
        return free.wait(10)

    held = asyncio.ensure_future(db.write(hold))
    await asyncio.sleep(0)
    assert await asyncio.to_thread(busy.wait, 10)
    appends = [asyncio.ensure_future(db.append(say(number))) for number in range(1000)]
    clicks = [asyncio.ensure_future(db.write(say(number))) for number in range(1000)]
    await asyncio.sleep(0)
    free.set()
    for units in (appends, clicks):
        results = await asyncio.gather(*units, return_exceptions=True)
        refused = [result for result in results if isinstance(result, TooMany)]
        assert len(refused) == 900
        assert refused[0].retry_after > 0
    assert await held
    assert await db.read(journal.verify) == (200, [])


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database, however long one looks at it" * 50)
    for exclusive in (False, True):
        with pytest.raises(
            StoreError, match=r"not a database.*restore a backup|restore a backup.*not a database"
        ):
            open_database(path, exclusive=exclusive)


async def test_a_damaged_database_is_refused_and_left_as_it_is(path: Path) -> None:
    db = open_database(path, exclusive=True)
    await asyncio.gather(*(db.write(large(number)) for number in range(20)))
    await db.close()
    spoilt = bytearray(path.read_bytes())
    spoilt[4096 * 3 : 4096 * 60] = b"\xff" * (4096 * 57)
    path.write_bytes(spoilt)
    with pytest.raises(StoreError, match=r"damaged.*restore a backup.*nothing is repaired by guessing"):
        open_database(path, exclusive=True)
    assert path.read_bytes() == bytes(spoilt)


async def test_a_truncated_database_is_refused(path: Path) -> None:
    db = open_database(path, exclusive=True)
    await asyncio.gather(*(db.write(large(number)) for number in range(20)))
    await db.close()
    path.write_bytes(path.read_bytes()[: 4096 * 40])
    with pytest.raises(StoreError, match="damaged"):
        open_database(path, exclusive=True)


@pytest.mark.parametrize("gone", [False, True])
async def test_an_emptied_database_file_is_refused(path: Path, gone: bool) -> None:
    """A silent new start would forget which actions were approved and claimed."""
    await open_database(path, exclusive=True).close()
    path.with_name("threads.db").write_bytes(b"SQLite format 3")
    if gone:
        path.unlink()
    else:
        path.write_bytes(b"")
    for name in ("-wal", "-shm"):
        path.with_name(f"{path.name}{name}").unlink(missing_ok=True)
    with pytest.raises(StoreError, match=r"is empty or not there, and threads\.db beside it says"):
        open_database(path, exclusive=True)
    with pytest.raises(StoreError, match="is empty or not there"):
        open_database(path, exclusive=True)
