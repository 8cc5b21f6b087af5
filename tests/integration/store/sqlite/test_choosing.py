"""The cost of choosing the next message for Slack does not grow with the number that wait."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from bot.domain.action import Action
from bot.domain.message_order import QueueHead
from bot.store.queues import heads_of
from bot.store.sqlite.prepared import driver_of
from tests.bench.parked import copy_rows, membrane_on

LATER = 4e9
PLACES = ("#a", "#b", "U0ADA")


async def _wanted(path: Path, copies: int) -> None:
    """Store messages of three agents for three places, half of them in Slack already."""
    async with membrane_on(path) as (membrane, _):
        for agent in ("one", "two", "three"):
            for kind in ("mail.send", "data.delete"):
                for number in range(len(PLACES)):
                    await membrane.proposals.propose(Action.of(kind, {"n": number}, agent=agent))
    with closing(sqlite3.connect(path)) as raw:
        for number, place in enumerate(PLACES):
            raw.execute(f"UPDATE messages SET recipient = ? WHERE rowid % 3 = {number}", (place,))
        raw.commit()
    copy_rows(path, copies, ("messages",))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE messages SET ts = '1.' || rowid WHERE rowid % 2")
        raw.commit()


async def _choice(path: Path) -> tuple[int, int, list[QueueHead]]:
    """Return how many messages are due, how many steps SQLite takes for one choice, and the heads."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def choose(connection: Connection) -> tuple[int, list[QueueHead]]:
        due = connection.exec_driver_sql(
            "SELECT count(*) FROM messages WHERE due_at IS NOT NULL"
        ).scalar_one()
        driver_of(connection).set_progress_handler(count, 1)
        try:
            return due, heads_of(connection, LATER)
        finally:
            driver_of(connection).set_progress_handler(None, 0)

    async with membrane_on(path) as (_, db):
        due, heads = await db.read(choose)
    return due, steps, heads


async def test_the_cost_of_a_choice_grows_with_the_queues_and_not_with_their_length(tmp_path: Path) -> None:
    few, many = tmp_path / "few" / "membrane.db", tmp_path / "many" / "membrane.db"
    await _wanted(few, 10)
    await _wanted(many, 500)
    due, steps, heads = await _choice(few)
    due_of_many, steps_of_many, heads_of_many = await _choice(many)
    assert due_of_many == 50 * due
    queues = {(head.place, head.priority, head.agent) for head in heads}
    assert queues == {(head.place, head.priority, head.agent) for head in heads_of_many}
    assert len(queues) == len(heads) >= 12
    assert steps_of_many < 1.1 * steps
