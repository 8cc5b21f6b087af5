"""The store counts the actions of a large digest; memory holds only the ones that it shows."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tracemalloc

import pytest

from bot.domain.action import MAX_BYTES
from bot.membrane import DigestFacts, digests
from bot.slack.outbound import rendering
from bot.store import digested
from bot.store.digested import EXAMPLES, MOST_GROUPS
from tests.integration.membrane.conftest import Room
from tests.unit.slack.reading import read

LARGE = 1_000
SMALL = 60_000
"""Copies of two actions, in the database alone."""
MOST_MEMORY = 32 * 1024 * 1024


def multiply(room: Room, action_id: str, times: int) -> None:
    """Copy an action's row this many times."""
    with sqlite3.connect(room.db.path) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(actions)")]
        rest = ", ".join(names[1:])
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) "
            f"INSERT INTO actions (id, {rest}) SELECT actions.id || '-' || n.i, {rest} FROM actions, n "
            f"WHERE actions.id = '{action_id}'"
        )
    connection.close()


async def test_a_digest_reads_only_the_actions_that_it_shows(room: Room) -> None:
    large = await room.membrane.proposals.propose(room.action("report.make", text="x" * (MAX_BYTES - 20)))
    small = await room.membrane.proposals.propose(room.action("report.make", agent="other", number=7))
    multiply(room, large.action.id, LARGE)
    multiply(room, small.action.id, SMALL)
    room.clock.forward(60)
    assert await room.membrane.digests.make_due() == 1
    (message,) = await room.membrane.outbox.lease(10)
    tracemalloc.start()
    facts = await room.membrane.outbox.attempting(message.id)
    assert isinstance(facts, DigestFacts)
    drawn = rendering.draw(facts, {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_MEMORY
    assert facts.passed.count == LARGE + SMALL + 2
    assert len(facts.passed.groups) <= MOST_GROUPS
    assert all(len(group.examples) <= EXAMPLES for group in facts.passed.groups)
    assert drawn.text == f"Digest: {LARGE + SMALL + 2:,} actions passed"
    assert f"by other: {SMALL + 1:,} ×" in read(drawn.blocks).replace("`", "")


MAKE = """
import asyncio, re, sys
from pathlib import Path
from sqlalchemy import text
from bot.membrane import DigestFacts, Membrane
from bot.store.database import open_database
from tests.fakes import SECRET, FakeDirectory, policy

def most():
    "Return the most memory that this process ever had, in bytes."
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

async def main():
    db, in_force = open_database(Path(sys.argv[1]), exclusive=True), policy()
    at = float(sys.argv[2])
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET, clock=lambda: at)
    look = text("SELECT sum(length(args)) FROM actions")  # as in a bot that has run, the page caches are full
    await db.read(lambda connection: connection.execute(look).scalar())
    await db.write(lambda tx: tx.connection.execute(look).scalar())
    before = most()
    assert await membrane.digests.make_due() == 1
    (message,) = await membrane.outbox.lease(10)
    facts = await membrane.outbox.attempting(message.id)
    assert isinstance(facts, DigestFacts)
    print(facts.passed.count, most() - before)
    await db.close()

asyncio.run(main())
"""


async def test_the_memory_of_a_digest_does_not_grow_with_its_actions(room: Room) -> None:
    """The figure is that of the whole process, SQLite's memory included."""
    made = await room.membrane.proposals.propose(room.action("report.make", text="x" * 600))
    multiply(room, made.action.id, 150_000)
    await room.db.close()
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MAKE, str(room.db.path), str(room.clock() + 60)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await child.communicate()
    count, grown = map(int, printed.split())
    assert count == 150_001
    assert grown < MOST_MEMORY


async def test_a_digest_interrupted_by_a_stop_is_finished(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        await room.membrane.proposals.propose(room.action("report.make", number=number))
    room.clock.forward(60)
    monkeypatch.setattr(digests, "AT_ONCE", 3)
    with monkeypatch.context() as stopped:
        stopped.setattr(digested, "count_in_digest", _die)
        with pytest.raises(Stopped):
            await room.membrane.digests.make_due()
    assert await room.membrane.outbox.lease(10) == []
    await room.membrane.proposals.propose(room.action("report.make", number=8))
    assert await room.membrane.digests.make_due() == 1
    (message,) = await room.membrane.outbox.lease(10)
    facts = await room.membrane.outbox.attempting(message.id)
    assert isinstance(facts, DigestFacts)
    assert facts.passed.count == 8
    room.clock.forward(61)
    assert await room.membrane.digests.make_due() == 0, "each action is named once"


class Stopped(Exception):
    pass


def _die(*_: object) -> int:
    raise Stopped
