"""Parking and resuming a hosted thread, against bare LangGraph doing the same on SqliteSaver, sync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from bot.graph.host import Host
from bot.membrane import Membrane
from bot.store.database import Database, open_database
from tests.bench.figures import Figure
from tests.fakes import CLEO, SECRET, FakeDirectory, policy

THREADS = 100
PARK = (
    "it is bound by the interpreter's lock: the gate's four nodes cost what the rows below say; the rest is "
    "commits of their own for the thread, its state, the interrupt and the review with its card, and sealing"
)
RESUME = (
    f"from all {THREADS} votes until the last effect runs, over ainvoke(Command(resume)) to its end; it is "
    "bound as above: the vote, the look whether the thread still waits, and the claim come before the effect"
)
"""What takes the time, as `--profile threads` shows."""
LOOK_S = 0.02
PATIENCE_S = 120.0

GATE = ("rule", "gate", "execute", "settle")
"""The nodes that a gate passes through: what LangGraph alone needs for them is the floor of both ratios."""

_GRAPH = """
from bot.graph import gate_graph
from tests.bench.threads import resumed
graph = gate_graph(resumed).compile()
"""
_resumed: list[float] = []


def resumed(_: Any) -> dict[str, bool]:
    """Be the effect: note when it runs."""
    _resumed.append(time.perf_counter())
    return {"sent": True}


class _State(TypedDict, total=False):
    args: dict[str, Any]
    answer: Any


async def _bare(folder: Path, nodes: Sequence[str] = ("gate", "execute")) -> tuple[float, float]:
    """Return how long bare LangGraph takes to park all threads, and to resume them to their end; seconds.

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
        graph = builder.compile(checkpointer=saver)

        def config(number: int) -> Any:
            return {"configurable": {"thread_id": str(number)}}

        started = time.perf_counter()
        parked = await asyncio.gather(
            *(graph.ainvoke({"args": {"n": n}}, config(n), durability="sync") for n in range(THREADS))
        )
        between = time.perf_counter()
        answers = [{each["__interrupt__"][0].id: {"outcome": "approved"}} for each in parked]
        await asyncio.gather(
            *(graph.ainvoke(Command(resume=answers[n]), config(n), durability="sync") for n in range(THREADS))
        )
        return between - started, time.perf_counter() - between


async def _until(db: Database, query: str, done: Callable[[int], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not done(await db.read(lambda connection: connection.exec_driver_sql(query).scalar() or 0)):
            await asyncio.sleep(LOOK_S)


async def _ours(folder: Path) -> tuple[float, float, float]:
    """Return how long the host takes to want all cards, and from the clicks to resumed and to executed."""
    (folder / "agent.py").write_text(_GRAPH)
    db = open_database(folder / "membrane.db", exclusive=True)
    in_force = policy(open_per_agent=10**6)
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)
    host = Host(membrane, [f"agent={folder / 'agent.py'}:graph"], folder / "threads.db")
    await host.start()
    running = asyncio.create_task(host.run())
    try:
        return await _through(membrane, db, host)
    finally:
        await host.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await db.close()


async def _through(membrane: Membrane, db: Database, host: Host) -> tuple[float, float, float]:
    started = time.perf_counter()
    given = [{"kind": "mail.send", "args": {"n": number}} for number in range(THREADS)]
    await asyncio.gather(*(host.start_thread("agent", each, agent="fleet") for each in given))
    await _until(db, "SELECT count(*) FROM messages", lambda count: count >= THREADS)
    parked = time.perf_counter() - started
    await asyncio.sleep(0.5)
    query = "SELECT id, args_digest FROM reviews"
    waiting = await db.read(lambda connection: connection.exec_driver_sql(query).all())
    _resumed.clear()
    started = time.perf_counter()
    await asyncio.gather(
        *(membrane.vote(each, CLEO, approve=True, args_digest=digest) for each, digest in waiting)
    )
    executed = "SELECT count(*) FROM actions WHERE state = 'executed'"
    await _until(db, executed, lambda count: count >= THREADS)
    return parked, max(_resumed) - started, time.perf_counter() - started


async def measure() -> list[Figure]:
    """Return the ratios."""
    with TemporaryDirectory() as name:
        bare_park, bare_resume = await _bare(Path(name))
        shaped_park, shaped_resume = await _bare(Path(name), GATE)
        park, resume, executed = await _ours(Path(name))
    over = "over bare LangGraph on SqliteSaver sync"
    return [
        Figure(f"park to card wanted, {over}", park / bare_park, "×", 1.5, note=PARK),
        Figure(f"click to thread resumed, {over}", resume / bare_resume, "×", 1.5, note=RESUME),
        Figure("click to executed and reported, over the same", executed / bare_resume, "×"),
        Figure("bare LangGraph with the gate's four nodes: park, over its two", shaped_park / bare_park, "×"),
        Figure("the same: resume", shaped_resume / bare_resume, "×"),
    ]
