"""A store with many parked reviews: what they cost in time, memory and disk."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from bot.domain.action import Action
from bot.membrane import Membrane
from bot.store.database import Database, open_database
from tests.bench.figures import Figure, median, p99
from tests.fakes import CLEO, SECRET, FakeDirectory, placed, policy

WINDOW_S = 30 * 86_400.0
COPY = {
    "actions": ("id", "args_digest"),
    "reviews": ("id", "action_id", "args_digest"),
    "messages": ("id", "review_id"),
}
"""The columns that are made different in each copy of a parked review."""


@asynccontextmanager
async def membrane_on(path: Path) -> AsyncIterator[tuple[Membrane, Database]]:
    """Open a membrane on a file."""
    db = open_database(path, exclusive=True)
    in_force = policy(window_s=WINDOW_S, open_per_agent=10**9)
    try:
        yield Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET), db
    finally:
        await db.close()


async def park(path: Path, count: int, tables: Sequence[str] = tuple(COPY)) -> None:
    """Fill a database with parked reviews: one is proposed, the rest are copies of its rows."""
    async with membrane_on(path) as (membrane, _):
        await membrane.proposals.propose(
            Action.of("mail.send", {"to": "kim@acme.example", "n": 1}, agent="fleet")
        )
        for message in await membrane.outbox.lease(10):
            await placed(membrane, message.id)
    copy_rows(path, count, tables)


def copy_rows(path: Path, count: int, tables: Sequence[str]) -> None:
    """Copy every row of these tables until there are that many."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA foreign_keys=OFF")
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1})"
        for table in tables:
            differing = COPY[table]
            names = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
            picked = ", ".join(f"{name} || '-' || n.i" if name in differing else name for name in names)
            raw.execute(f"INSERT INTO {table} {numbers} SELECT {picked} FROM {table}, n")
        raw.commit()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def latencies(membrane: Membrane, calls: int, callers: int = 16) -> list[float]:
    """Return how long each of many Tier 0 proposals took, in seconds."""
    taken: list[float] = []

    async def caller() -> None:
        for number in range(calls // callers):
            action = Action.of("db.read", {"table": "orders", "id": number}, agent="bench")
            started = time.perf_counter()
            await membrane.proposals.propose(action)
            taken.append(time.perf_counter() - started)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return taken


async def _p99_of_rounds(membrane: Membrane, rounds: int = 5) -> float:
    return median([p99(await latencies(membrane, 2000)) for _ in range(rounds)])


async def _full_over_empty(full: Membrane, empty: Membrane, rounds: int = 9) -> float:
    """Return the median ratio of the p99s, measured in turns, so that other load hits both."""
    for each in (full, empty):
        await latencies(each, 2000)
    return median(
        [p99(await latencies(full, 2000)) / p99(await latencies(empty, 2000)) for _ in range(rounds)]
    )


async def measure(parked: int = 100_000, many: int = 1_000_000) -> list[Figure]:
    """Measure with none, 100 000 and 1 000 000 reviews parked."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        full = folder / "full" / "membrane.db"
        await park(full, parked)
        disk = full.stat().st_size / parked
        async with (
            membrane_on(folder / "empty" / "membrane.db") as (empty, _),
            membrane_on(full) as (membrane, db),
        ):
            beside = await _full_over_empty(membrane, empty)
            alone = await _p99_of_rounds(empty)
            busy = await _while_deciding(empty)
            lag = await _expiry_lag(membrane, db)
        figures = [
            Figure(f"Tier 0 p99 with {parked:,} parked over none", beside, "×", 1.2),
            Figure("Tier 0 p99 while 200 reviews/s are parked and decided, over idle", busy / alone, "×", 3),
            Figure(f"expiry lag, {parked:,} parked, 1,000 due at once, p99", lag, "s", 2),
            Figure("disk for one parked review", disk / 1000, "kB", 8),
            Figure(f"resident memory with {parked:,} parked", await _memory(full), "MB", 250),
        ]
        await park(folder / "many.db", many, ("reviews",))
        async with membrane_on(folder / "many.db") as (membrane, _):
            figures.append(
                Figure(f"sweep with {many:,} parked and none due", await _sweep(membrane), "ms", 2)
            )
        return figures


async def _while_deciding(membrane: Membrane) -> float:
    """Return the p99 of Tier 0 while 200 reviews a second are opened and approved."""
    done = asyncio.Event()

    async def one(number: int) -> None:
        action = Action.of("mail.send", {"n": number}, agent="fleet")
        review = (await membrane.proposals.propose(action)).review
        assert review is not None
        await membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)

    async def deciding() -> None:
        loop = asyncio.get_running_loop()
        started, tasks = loop.time(), set()
        for number in range(100_000):
            if done.is_set():
                break
            tasks.add(asyncio.create_task(one(number)))
            await asyncio.sleep(max(0.0, started + number / 200 - loop.time()))
        await asyncio.gather(*tasks)

    deciding_task = asyncio.create_task(deciding())
    await asyncio.sleep(0.5)
    result = await _p99_of_rounds(membrane)
    done.set()
    await deciding_task
    return result


async def _expiry_lag(membrane: Membrane, db: Database, due: int = 1000) -> float:
    """Let windows run out at once while the sweep runs each second; return the p99 of the lag in seconds."""
    at = time.time() + 0.5

    def bring_forward(connection: Connection) -> None:
        ids = "SELECT id FROM reviews WHERE state = 'pending' LIMIT ?"
        connection.exec_driver_sql(
            f"UPDATE reviews SET expires_at = ?, expiry_due_at = ? WHERE id IN ({ids})", (at, at, due)
        )

    await db.write(lambda tx: bring_forward(tx.connection))
    expired = 0
    while expired < due:
        await asyncio.sleep(1.0)
        while done := await membrane.deadlines.expire_due():
            expired += done

    def closed(connection: Connection) -> list[float]:
        query = "SELECT closed_at FROM reviews WHERE expires_at = ?"
        return [row[0] for row in connection.exec_driver_sql(query, (at,))]

    return p99([each - at for each in await db.read(closed)])


async def _sweep(membrane: Membrane) -> float:
    """Return how long one pass of every sweep takes at the median, in milliseconds, when none is due."""
    sweeps = (membrane.deadlines.expire_due, membrane.deadlines.page_due, membrane.deadlines.unknown_due)
    taken = []
    for _ in range(50):
        for sweep in sweeps:
            started = time.perf_counter()
            await sweep()
            taken.append(time.perf_counter() - started)
    return 1000 * median(taken)


_CHILD = """
import asyncio, resource, sys
from pathlib import Path
from tests.bench.parked import latencies, membrane_on
async def main():
    async with membrane_on(Path(sys.argv[1])) as (membrane, _):
        await latencies(membrane, 2000)
        await membrane.deadlines.expire_due()
        await membrane.auditor.audit()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
asyncio.run(main())
"""


async def _memory(path: Path) -> float:
    """Return the resident memory, in MB, of a process of its own that works on the store."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, str(path), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    return float(said)
