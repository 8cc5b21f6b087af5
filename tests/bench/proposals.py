"""Durable Tier 0 proposals, against the plain design: every action through a checkpointed graph."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from bot.domain.action import Action
from bot.membrane import Membrane
from bot.store.database import open_database
from tests.bench.figures import Figure
from tests.fakes import SECRET, FakeDirectory, policy

CALLERS = 64


class _State(TypedDict, total=False):
    kind: str
    args: dict[str, Any]
    tier: int
    done: bool


async def _spread(calls: int, call: Any) -> float:
    """Run a call from 64 callers at once and return the rate a second."""
    each = calls // CALLERS

    async def caller(number: int) -> None:
        for turn in range(each):
            await call(number * each + turn)

    started = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    return CALLERS * each / (time.perf_counter() - started)


async def membrane_rate(folder: Path, calls: int) -> float:
    """Return how many Tier 0 actions a second `Membrane.propose` rules and makes durable."""
    db = open_database(folder / "membrane.db", exclusive=True)
    in_force = policy()
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)

    async def call(number: int) -> None:
        action = Action.of("db.read", {"table": "orders", "id": number}, agent="bench")
        await membrane.proposals.propose(action)

    try:
        return await _spread(calls, call)
    finally:
        await db.close()


async def plain_rate(folder: Path, calls: int) -> float:
    """Return how many actions a second go through a gate graph on SqliteSaver, default durability."""
    in_force = policy()

    def gate(state: _State) -> _State:
        action = Action.of(state["kind"], state["args"], agent="bench")
        return {"tier": int(in_force.rule(action).tier)}

    def execute(state: _State) -> _State:
        return {"done": state["tier"] == 0}

    builder = StateGraph(_State)
    builder.add_node("gate", gate)
    builder.add_node("execute", execute)
    builder.add_edge(START, "gate")
    builder.add_edge("gate", "execute")
    builder.add_edge("execute", END)
    async with AsyncSqliteSaver.from_conn_string(str(folder / "plain.db")) as saver:
        graph = builder.compile(checkpointer=saver)

        async def call(number: int) -> None:
            given: _State = {"kind": "db.read", "args": {"table": "orders", "id": number}}
            await graph.ainvoke(given, {"configurable": {"thread_id": str(number)}})

        return await _spread(calls, call)


async def measure() -> list[Figure]:
    """Return our rate a second, and its ratio to the plain design's."""
    with TemporaryDirectory() as name:
        plain = await plain_rate(Path(name), 1280)
        ours = await membrane_rate(Path(name), 38400)
    return [
        Figure("durable Tier 0 proposals, 64 callers", ours, "/s"),
        Figure("the same, every action through a graph on SqliteSaver", plain, "/s"),
        Figure("the ratio of the two", ours / plain, "×", 50, more_is_better=True),
    ]
