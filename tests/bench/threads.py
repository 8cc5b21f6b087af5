"""Reconciler and resuming a hosted thread, against bare LangGraph doing the same on SqliteSaver, sync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from bot.graph.host import Host
from bot.membrane import Membrane, wait_for
from bot.store.database import Database, open_database
from tests.bench.figures import Figure, median
from tests.fakes import CLEO, SECRET, FakeDirectory, policy

THREADS = 100
ROUNDS = 5
"""Both are measured in turns and the median of the ratios is taken, so that other load hits both."""
ALONE = 20
"""Threads that go one at a time, each with the machine to itself."""
PARK = (
    "it is bound by the interpreter's lock: the gate's four nodes cost what the rows below say; the rest is "
    "the thread's row, the interrupt and the review with its card, and sealing"
)
RESUME = (
    f"from all {THREADS} votes until the last effect runs, over ainvoke(Command(resume)) to its end; it is "
    "bound as above: the vote, taking the thread up, and the claim come before the effect"
)
"""What takes the time, as `--profile threads` shows."""
LOOK_S = 0.005
PATIENCE_S = 120.0

GATE = ("rule", "gate", "execute", "settle")
"""The nodes that a gate passes through: what LangGraph alone needs for them is the floor of both ratios."""

_GRAPH = """
from bot.graph import gate_graph
from tests.bench.threads import note_resumed
graph = gate_graph(note_resumed).compile()
"""
_resumed: list[float] = []


def note_resumed(_: Any) -> dict[str, bool]:
    """Be the effect: note when it runs."""
    _resumed.append(time.perf_counter())
    return {"sent": True}


class _State(TypedDict, total=False):
    args: dict[str, Any]
    answer: Any


Times = tuple[float, float]
"""Seconds until all threads parked, and from their answers until all resumed."""


async def _bare(folder: Path, threads: range, nodes: Sequence[str] = ("gate", "execute")) -> Times:
    """Return how long bare LangGraph takes for threads of these numbers, all at once.

    `nodes` follow one another; the one named gate asks.
    """

    def gate(state: _State) -> _State:
        return {"answer": interrupt({"args": state["args"]})}

    builder = StateGraph(_State)
    for name in nodes:
        builder.add_node(name, gate if name == "gate" else lambda _: {"answer": "sent"})
    for before, after in pairwise((START, *nodes, END)):
        builder.add_edge(before, after)
    async with AsyncSqliteSaver.from_conn_string(str(folder / f"bare-{len(nodes)}.db")) as saver:
        await saver.setup()
        graph = builder.compile(checkpointer=saver)

        def config(number: int) -> Any:
            return {"configurable": {"thread_id": str(number)}}

        started = time.perf_counter()
        parked = await asyncio.gather(
            *(graph.ainvoke({"args": {"n": n}}, config(n), durability="sync") for n in threads)
        )
        between = time.perf_counter()
        answers = [{each["__interrupt__"][0].id: {"outcome": "approved"}} for each in parked]
        await asyncio.gather(
            *(
                graph.ainvoke(Command(resume=answer), config(n), durability="sync")
                for n, answer in zip(threads, answers, strict=True)
            )
        )
        return between - started, time.perf_counter() - between


@asynccontextmanager
async def _house(folder: Path) -> AsyncIterator[_House]:
    """Open a host over a graph of one gated action."""
    (folder / "agent.py").write_text(_GRAPH)
    db = open_database(folder / "membrane.db", exclusive=True)
    in_force = policy(open_per_agent=10**6)
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)
    host = Host(membrane, [f"agent={folder / 'agent.py'}:graph"], folder / "threads.db")
    await host.start()
    running = asyncio.create_task(host.run())
    try:
        yield _House(membrane, db, host)
    finally:
        await host.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await db.close()


@dataclass
class _House:
    membrane: Membrane
    db: Database
    host: Host
    seen: int = 0
    """Threads that went through before."""

    async def through(self, count: int) -> tuple[float, float, float]:
        """Return how long so many threads take until all cards are wanted, and from the clicks to resumed
        and to executed; seconds."""
        pause_s = LOOK_S if count > 1 else 0.0
        started = time.perf_counter()
        given = [{"kind": "mail.send", "args": {"n": self.seen + number}} for number in range(count)]
        await asyncio.gather(*(self.host.start_thread("agent", each, agent="fleet") for each in given))
        before, self.seen = self.seen, self.seen + count
        await self._until("SELECT count(*) FROM messages", pause_s)
        parked = time.perf_counter() - started
        await self.host.drain(PATIENCE_S)
        query = f"SELECT id, args_digest FROM reviews ORDER BY id LIMIT {count} OFFSET {before}"
        waiting = await self.db.read(lambda connection: connection.exec_driver_sql(query).all())
        _resumed.clear()
        started = time.perf_counter()
        await asyncio.gather(
            *(
                self.membrane.votes.cast(each, CLEO, approve=True, args_digest=digest)
                for each, digest in waiting
            )
        )
        await self._until("SELECT count(*) FROM actions WHERE state = 'executed'", pause_s)
        ended = time.perf_counter() - started
        await self.host.drain(PATIENCE_S)
        return parked, max(_resumed) - started, ended

    async def _until(self, query: str, pause_s: float) -> None:
        """Wait until as many rows are found as threads were seen; looks whenever the courier is woken."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.db.read(lambda each: each.exec_driver_sql(query).scalar() or 0) < self.seen:
                await wait_for(self.membrane.wakeups.messages, 1.0)
                await asyncio.sleep(pause_s)


async def measure() -> list[Figure]:
    """Return the ratios."""
    rounds: list[tuple[float, ...]] = []
    alone: list[tuple[float, ...]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with _house(folder) as house:
            for turn in range(ROUNDS):
                numbers = range(turn * THREADS, (turn + 1) * THREADS)
                park, resume = await _bare(folder, numbers)
                shaped_park, shaped_resume = await _bare(folder, numbers, GATE)
                parked, resumed, ended = await house.through(THREADS)
                rounds.append(
                    (
                        parked / park,
                        resumed / resume,
                        ended / resume,
                        shaped_park / park,
                        shaped_resume / resume,
                    )
                )
            for turn in range(ALONE):
                park, resume = await _bare(folder, range(-turn - 1, -turn))
                parked, resumed, _ = await house.through(1)
                alone.append((parked / park, resumed / resume))
    parks, resumes, ends, shaped_parks, shaped_resumes = (median(each) for each in zip(*rounds, strict=True))
    alone_parks, alone_resumes = (median(each) for each in zip(*alone, strict=True))
    over = "over bare LangGraph on SqliteSaver sync"
    return [
        Figure(f"park to card wanted, {over}", parks, "×", 1.5, note=PARK),
        Figure(f"click to thread resumed, {over}", resumes, "×", 1.5, note=RESUME),
        Figure("click to executed and reported, over the same", ends, "×"),
        Figure("one thread at a time: park to card wanted, over the same", alone_parks, "×"),
        Figure("one thread at a time: click to thread resumed", alone_resumes, "×"),
        Figure("bare LangGraph with the gate's four nodes: park, over its two", shaped_parks, "×"),
        Figure("the same: resume", shaped_resumes, "×"),
    ]
