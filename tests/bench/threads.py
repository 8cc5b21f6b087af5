"""Parking and resuming a hosted thread, against bare LangGraph doing the same on SqliteSaver, sync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
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

_GRAPH = """
from bot.graph import Proposal, gate_graph
graph = gate_graph(lambda run: {"sent": True}).compile()
"""


class _State(TypedDict, total=False):
    args: dict[str, Any]
    answer: Any


async def _bare(folder: Path) -> tuple[float, float]:
    """Return how long bare LangGraph takes to park all threads, and to resume them, in seconds."""

    def gate(state: _State) -> _State:
        return {"answer": interrupt({"args": state["args"]})}

    builder = StateGraph(_State)
    builder.add_node("gate", gate)
    builder.add_node("execute", lambda _: {"answer": "sent"})
    builder.add_edge(START, "gate")
    builder.add_edge("gate", "execute")
    builder.add_edge("execute", END)
    async with AsyncSqliteSaver.from_conn_string(str(folder / "bare.db")) as saver:
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


async def _until(membrane: Membrane, db: Database, query: str, done: Callable[[int], bool]) -> None:
    while not done(await db.read(lambda connection: connection.exec_driver_sql(query).scalar() or 0)):
        await asyncio.sleep(0.005)


async def _ours(folder: Path) -> tuple[float, float]:
    """Return how long the host takes from wanted to a card wanted, and from clicks to executed."""
    (folder / "agent.py").write_text(_GRAPH)
    db = open_database(folder / "membrane.db", exclusive=True)
    in_force = policy(open_per_agent=10**6)
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)
    host = Host(membrane, [f"agent={folder / 'agent.py'}:graph"], folder / "threads.db")
    await host.start()
    running = asyncio.create_task(host.run())
    try:
        started = time.perf_counter()
        for number in range(THREADS):
            given = {"kind": "mail.send", "args": {"n": number}}
            await host.start_thread("agent", given, agent="fleet")
        await _until(membrane, db, "SELECT count(*) FROM messages", lambda count: count >= THREADS)
        parked = time.perf_counter() - started
        await asyncio.sleep(0.5)
        query = "SELECT id, args_digest FROM reviews"
        waiting = await db.read(lambda connection: connection.exec_driver_sql(query).all())
        started = time.perf_counter()
        await asyncio.gather(
            *(membrane.vote(each, CLEO, approve=True, args_digest=digest) for each, digest in waiting)
        )
        executed = "SELECT count(*) FROM actions WHERE state = 'executed'"
        await _until(membrane, db, executed, lambda count: count >= THREADS)
        return parked, time.perf_counter() - started
    finally:
        await host.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await db.close()


async def measure() -> list[Figure]:
    """Return both ratios."""
    with TemporaryDirectory() as name:
        bare_park, bare_resume = await _bare(Path(name))
        park, resume = await _ours(Path(name))
    return [
        Figure("park to card wanted, over bare LangGraph on SqliteSaver sync", park / bare_park, "×", 1.5),
        Figure("click to thread executed, over bare LangGraph", resume / bare_resume, "×", 1.5),
    ]
