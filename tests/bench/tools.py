"""A tool that the policy never gates: its call with the guard armed, over LangChain without the guard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.tools import tool
from langchain_core.tracers import context

from bot.domain.hosting import ThreadRecord
from bot.domain.states import ThreadState
from bot.graph.guard import GUARD, ToolGuard
from bot.graph.run_context import RunContext, entered
from bot.membrane import Membrane
from bot.store.database import open_database
from tests.bench.figures import Figure, median
from tests.fakes import SECRET, FakeDirectory, policy

CALLS = 200
ROUNDS = 25
"""With and without are measured in turns, and the median of the ratios is taken."""
ARGS = {"id": 1}
THREAD = ThreadRecord("thr_1", "bench", "v", "bench", None, None, {}, ThreadState.RUNNING, None, 0.0, None)


@tool
def look(id: int) -> str:  # noqa: A002 - the tools' arguments are the model's
    """Look at a row."""
    return f"row {id}"


@tool
async def look_async(id: int) -> str:  # noqa: A002
    """Look at a row, asynchronously."""
    return f"row {id}"


@contextmanager
def _unguarded() -> Iterator[None]:
    """Take the guard out of LangChain's hooks while this lasts."""
    hooks: list[Any] = context._configure_hooks
    kept = [*hooks]
    hooks[:] = [hook for hook in kept if hook[2] is not ToolGuard]
    try:
        yield
    finally:
        hooks[:] = kept


def _sync() -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        look.invoke(ARGS)
    return time.perf_counter() - started


async def _async() -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        await look_async.ainvoke(ARGS)
    return time.perf_counter() - started


async def _round() -> tuple[float, float]:
    return await asyncio.to_thread(_sync), await _async()


async def measure() -> list[Figure]:
    """Return the ratios for a synchronous and an asynchronous tool, in a hosted run."""
    in_force = policy(tools={"look": "db.read", "look_async": "db.read"})
    with TemporaryDirectory() as folder:
        db = open_database(Path(folder) / "membrane.db", exclusive=True)
        membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)
        armed = GUARD.arm(membrane)
        ratios: list[tuple[float, float]] = []
        try:
            for _ in range(ROUNDS):
                with _unguarded():
                    bare = await _round()
                with entered(RunContext(membrane, THREAD, asyncio.get_running_loop())):
                    guarded = await _round()
                ratios.append((guarded[0] / bare[0], guarded[1] / bare[1]))
        finally:
            GUARD.disarm(armed)
            await db.close()
    sync, not_sync = (median(column) for column in zip(*ratios, strict=True))
    name = "an ungated tool's call, with the guard over without"
    return [Figure(f"{name}, sync", sync, "×", 1.2), Figure(f"{name}, async", not_sync, "×", 1.2)]
