"""The courier's choice of what to send next: with many messages wanted, over few."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from bot.domain.action import Action
from bot.domain.message_order import Turns
from bot.store.database import Database
from bot.store.queues import heads_of
from tests.bench.figures import Figure, median
from tests.bench.parked import copy_rows, membrane_on

FEW, MANY = 100, 100_000
AGENTS = 10
AT_ONCE = 12
"""The most messages that the courier takes at once, one per place."""
ROUNDS = 30
TIMES = 20


async def _want(path: Path, count: int) -> None:
    """Fill a database with cards that Slack lacks: of ten agents and two tiers, to post and to draw again."""
    async with membrane_on(path) as (membrane, _):
        for number in range(AGENTS):
            for kind in ("mail.send", "data.delete"):
                await membrane.proposals.propose(Action.of(kind, {"n": number}, agent=f"agent-{number}"))
    copy_rows(path, count // (2 * AGENTS), ("messages",))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE messages SET ts = '1.' || rowid, channel_id = 'C1' WHERE rowid % 2")
        raw.commit()


async def _choice(db: Database) -> float:
    """Return the seconds that one choice takes: reading the waiting messages and picking the next."""
    turns = Turns()

    def choose(connection: Connection) -> float:
        started = time.perf_counter()
        for _ in range(TIMES):
            chosen = turns.choose(heads_of(connection, time.time()), AT_ONCE, one_each=True)
        assert len(chosen) > 1
        return (time.perf_counter() - started) / TIMES

    return await db.read(choose)


async def measure() -> list[Figure]:
    """Return the ratio, measured in turns."""
    with TemporaryDirectory() as name:
        few, many = Path(name) / "few" / "membrane.db", Path(name) / "many" / "membrane.db"
        await _want(few, FEW)
        await _want(many, MANY)
        async with membrane_on(few) as (_, db_few), membrane_on(many) as (_, db_many):
            pairs = [(await _choice(db_few), await _choice(db_many)) for _ in range(ROUNDS)]
    ratio = median([of_many / of_few for of_few, of_many in pairs])
    note = f"{1000 * median([of_few for of_few, _ in pairs]):.2f} ms with {FEW}"
    return [
        Figure(
            f"the courier's next choice with {MANY:,} messages wanted, over {FEW}", ratio, "×", 3, note=note
        )
    ]
