"""A digest of very many actions is counted in the store; memory holds only what it shows."""

from __future__ import annotations

import sqlite3
import tracemalloc

from bot.domain.action import MAX_BYTES
from bot.membrane import DigestFacts
from bot.slack import rendering
from bot.store.digested import EXAMPLES, MOST_GROUPS
from tests.integration.membrane.conftest import Room
from tests.unit.slack.reading import read

LARGE = 1_000
SMALL = 60_000
"""Copies of two actions, in the database alone."""
MOST_MEMORY = 32 * 1024 * 1024


def multiply(room: Room, action_id: str, times: int) -> None:
    """Copy an action's row so many times."""
    with sqlite3.connect(room.db.path) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(actions)")]
        rest = ", ".join(names[1:])
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) "
            f"INSERT INTO actions (id, {rest}) SELECT actions.id || '-' || n.i, {rest} FROM actions, n "
            f"WHERE actions.id = '{action_id}'"
        )
    connection.close()


async def test_a_digest_reads_only_what_it_shows(room: Room) -> None:
    large = await room.membrane.propose(room.action("report.make", text="x" * (MAX_BYTES - 20)))
    small = await room.membrane.propose(room.action("report.make", agent="other", number=7))
    multiply(room, large.action.id, LARGE)
    multiply(room, small.action.id, SMALL)
    room.clock.forward(60)
    assert await room.membrane.digest_due() == 1
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
