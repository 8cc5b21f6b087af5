"""The contract of the store on any backend: groups, rollbacks, durability, the lock."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.domain.risk import Tier
from bot.errors import AlreadyRunning, StoreError
from bot.store import actions, journal, policies
from bot.store.database import Database, Transaction
from tests.integration.store.conftest import Opened, say
from tests.waiting import PATIENCE_S


def keep(number: int, *, fail: bool = False) -> Callable[[Transaction], int]:
    def work(tx: Transaction) -> int:
        tx.journal(float(number), "said", {"number": number})
        policies.keep(tx.connection, str(number), "", 0.0)
        if fail:
            raise LookupError(number)
        return number

    return work


async def test_units_of_one_group_fail_alone_and_leave_no_trace(db: Database) -> None:
    units = [db.write(keep(number, fail=number % 3 == 0)) for number in range(60)]
    results = await asyncio.gather(*units, return_exceptions=True)
    assert [isinstance(result, LookupError) for result in results] == [n % 3 == 0 for n in range(60)]
    entries = await db.read(lambda connection: list(journal.entries(connection)))
    assert [entry.seq for entry in entries] == list(range(1, 41))
    assert await db.read(journal.verify) == (40, [])


async def test_appends_are_durable_when_they_return(db: Database, path: Path, opened: Opened) -> None:
    await asyncio.gather(*(db.append(say(number)) for number in range(500)))
    beside = opened(path, readonly=True)
    assert await beside.read(journal.count) == 500
    await beside.close()


async def test_an_append_that_cannot_be_written_harms_no_other(db: Database) -> None:
    def unwritable(tx: Transaction) -> None:
        tx.append(actions.ROWS, ("\ud800",) * len(actions.ROWS.columns))

    units = [db.append(unwritable if number == 20 else say(number)) for number in range(40)]
    results = await asyncio.gather(*units, return_exceptions=True)
    assert [number for number, result in enumerate(results) if isinstance(result, Exception)] == [20]
    assert await db.read(journal.verify) == (39, [])


async def test_passing_actions_have_a_chain_for_each_tier(db: Database) -> None:
    for number, tier in enumerate((None, *Tier, None)):
        await db.write(say(number, tier))
    entries = await db.read(lambda connection: list(journal.entries(connection)))
    assert [(entry.writer, entry.seq) for entry in entries] == [
        ("bot", 1),
        ("bot.tier0", 1),
        ("bot.tier1", 1),
        ("bot", 2),
        ("bot", 3),
        ("bot", 4),
    ]
    assert await db.read(journal.verify) == (6, [])


async def test_each_writer_has_chains_of_its_own(db: Database, path: Path, opened: Opened) -> None:
    await db.write(say(1))
    for writer in ("cli", "cli"):
        beside = [opened(path, writer=writer) for _ in range(2)]
        await asyncio.gather(*(each.write(say(number)) for each in beside for number in range(5)))
        await asyncio.gather(*(each.close() for each in beside))
    await db.write(say(3))
    assert await db.read(journal.verify) == (22, [])


async def test_entries_stay_in_writing_order_when_the_clock_is_set_back(db: Database) -> None:
    for number, at in enumerate((100.0, 50.0, 75.0, 10.0, 200.0)):
        await db.write(say(number, Tier(number % 2), at))
    told = await db.read(lambda connection: [entry.body for entry in journal.entries(connection)])
    assert told == [b'{"number":%d}' % number for number in range(5)]
    last = await db.read(lambda connection: [entry.at for entry in journal.entries(connection, last=2)])
    assert last == [10.0, 200.0]
    assert await db.read(journal.verify) == (5, [])


async def test_a_reader_that_continues_gets_every_entry_once(db: Database) -> None:
    for number in range(7):
        await db.write(say(number, Tier(number % 3)))
    got: list[bytes] = []
    position = 0
    while found := await db.read(lambda connection: journal.since(connection, position, 3)):  # noqa: B023 - read at once
        got += [entry.body for _, entry in found]
        position = found[-1][0]
    assert got == [b'{"number":%d}' % number for number in range(7)]
    assert await db.read(lambda connection: journal.last_before(connection, 5.0)) == 5


async def test_a_second_bot_is_refused_with_an_explanation(db: Database, path: Path, opened: Opened) -> None:
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}.*MEMBRANE_DATA"):
        opened(path, exclusive=True)


async def test_the_folder_is_free_again_after_a_close(path: Path, opened: Opened) -> None:
    for _ in range(2):
        made = opened(path, exclusive=True)
        await made.close()


async def test_only_the_owner_can_read_the_files(db: Database, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_folder_may_have_any_name(tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / "100% mine? yes#1 ü" / "membrane.db"
    made = opened(path, exclusive=True)
    await made.write(say(1))
    await made.close()
    assert path.stat().st_size > 0


async def test_two_processes_may_create_the_database_at_once(path: Path, opened: Opened) -> None:
    def make(_: int) -> Database:
        return opened(path, writer="cli")

    made = [await asyncio.to_thread(make, number) for number in range(4)]
    await asyncio.gather(*(each.close() for each in made))


def test_opening_a_missing_database_for_reading_is_an_error(path: Path, opened: Opened) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        opened(path, readonly=True)


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path, opened: Opened) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot be written.*MEMBRANE_DATA"):
        opened(tmp_path / "file" / "membrane.db", exclusive=True)


async def test_writing_after_the_close_is_an_error(db: Database) -> None:
    await db.close()
    with pytest.raises(StoreError, match="closed"):
        await db.write(lambda tx: None)


async def test_a_close_finishes_what_is_queued(path: Path, opened: Opened) -> None:
    db = opened(path, exclusive=True)
    units = [asyncio.ensure_future(db.append(say(number))) for number in range(600)]
    await asyncio.sleep(0)
    await db.close()
    assert await asyncio.gather(*units) == list(range(600))


async def test_a_cancelled_caller_does_not_undo_its_write(db: Database) -> None:
    waiting = [asyncio.ensure_future(db.write(say(number))) for number in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    count: Any = await db.read(journal.count)
    assert count == 3


async def test_callers_on_several_loops_share_a_group_and_all_wake(db: Database) -> None:
    def elsewhere(first: int) -> list[int]:
        async def several() -> list[int]:
            return [await db.write(say(number)) for number in range(first, first + 20)]

        return asyncio.run(asyncio.wait_for(several(), PATIENCE_S))

    here = asyncio.gather(*(db.write(say(number)) for number in range(200)))
    there = await asyncio.gather(*(asyncio.to_thread(elsewhere, 1000 * each) for each in (1, 2)))
    assert len(await here) == 200
    assert [numbers[0] for numbers in there] == [1000, 2000]
