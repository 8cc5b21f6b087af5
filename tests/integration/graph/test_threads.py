"""Synchronous hosted code runs on OS threads of its own: the bot does not wait when it hangs."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bot.graph.code_origin import code_from
from bot.graph.tool_threads import LONG_S, ToolThreads
from tests.fakes import Clock
from tests.integration.graph import waiting
from tests.integration.graph.conftest import House
from tests.waiting import PATIENCE_S, patience

FILE = Path(waiting.__file__)


@pytest.fixture
def let_go() -> Iterator[None]:
    yield
    for each in hosted_modules():
        each.go.set()
        each.ran.clear()


def hosted_modules() -> list[ModuleType]:
    named = [module for name, module in sys.modules.items() if name.startswith("membrane_graph_")]
    return [each for each in named if each.__file__ == waiting.__file__]


@pytest.mark.usefixtures("let_go")
async def test_hanging_nodes_block_neither_the_bot_nor_other_graphs(house: House) -> None:
    """There are more of them than the default executor has threads; names still resolve, files still open."""
    host = await house.open("hanging", "fine", file=FILE, concurrency=16)
    (module,) = hosted_modules()
    module.go.clear()
    for number in range(12):
        await host.start_thread("hanging", {"name": str(number)}, agent="ops-agent")
    await host.sweep()
    async with patience():
        for _ in range(12):
            await asyncio.to_thread(module.entered.acquire)
        assert await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
        fine = await host.start_thread("fine", {"name": "fine"}, agent="ops-agent")
        await host.sweep()
        while (await house.thread(fine.id)).state != "finished":
            await asyncio.sleep(0.01)
    assert module.ran == ["fine"]
    module.go.set()
    assert await host.drain(PATIENCE_S)


@pytest.mark.usefixtures("let_go")
async def test_a_withdrawn_thread_frees_its_place_although_its_tool_hangs(house: House) -> None:
    host = await house.open("hanging", "fine", file=FILE, concurrency=1)
    (module,) = hosted_modules()
    module.go.clear()
    for number in range(4):  # twice as many as there are OS threads
        thread = await host.start_thread("hanging", {"name": str(number)}, agent="ops-agent")
        await host.sweep()
        async with patience():
            await asyncio.to_thread(module.entered.acquire)
        await host.end_thread(thread.id, "it hangs")
    fine = await house.run("fine", {"name": "fine"})
    assert (await house.thread(fine)).state == "finished"


def test_the_report_of_a_long_exhausted_pool_names_a_line_that_holds_a_thread() -> None:
    clock, go, began = Clock(), threading.Event(), threading.Semaphore(0)
    pool = ToolThreads(2, clock)

    def hang_here() -> None:
        began.release()
        go.wait()

    with code_from("thr_1"):
        first = pool.submit(hang_here)
        began.acquire(timeout=PATIENCE_S)
        clock.forward(LONG_S)
        assert pool.trouble([Path(__file__).parent]) is None, "one of two is taken"
        second = pool.submit(hang_here)
        began.acquire(timeout=PATIENCE_S)
    assert pool.trouble([Path(__file__).parent]) is None, "not for long enough"
    clock.forward(LONG_S)
    said = pool.trouble([Path(__file__).parent])
    assert said is not None
    assert said.startswith("all 2 tool threads have been taken for 1 minute; thr_1 is at hang_here (")
    go.set()
    assert first.result(PATIENCE_S) is second.result(PATIENCE_S) is None
    pool.close()


async def test_the_pool_returns_results_and_errors() -> None:
    pool = ToolThreads(1)
    assert await asyncio.wrap_future(pool.submit(lambda: 7)) == 7
    with pytest.raises(ZeroDivisionError):
        await asyncio.wrap_future(pool.submit(lambda: 1 / 0))
    pool.close()
    with pytest.raises(RuntimeError, match="the host has stopped"):
        pool.submit(lambda: 7)


@pytest.mark.usefixtures("let_go")
async def test_a_host_with_a_long_exhausted_pool_is_not_ready(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await house.open("hanging", file=FILE, concurrency=1)
    (module,) = hosted_modules()
    module.go.clear()
    thread = await host.start_thread("hanging", {"name": "0"}, agent="ops-agent")
    await host.sweep()
    assert await host.trouble() is None
    monkeypatch.setattr("bot.graph.host.LONG_S", 0.0)
    said = await host.trouble()
    assert said is not None
    assert said.startswith("all 1 places have been taken for ")
    assert thread.id in said
