"""Tier 0 proposals over HTTP with keep-alive: one bot process, one process that asks."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import aiohttp

from tests.bench import hostile
from tests.bench.figures import Figure

CALLERS = 32
IDLE_S = 5.0
ROUNDS = 5

_SERVER = """
import asyncio, contextlib, gc, signal, sys, time
from pathlib import Path
from bot.api import Health, build_api
from bot.api.connections import Connections
from bot.api.http_server import Server, bound
from bot.event_loop import new_loop
from bot.membrane import Membrane
from bot.metrics import Metrics
from bot.store.database import open_database
from tests.fakes import SECRET, FakeDirectory, policy

held = contextlib.ExitStack()

async def main():
    db = open_database(Path(sys.argv[1]), exclusive=True)
    in_force = policy()
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)
    _, token = await membrane.tokens.create("bench", "U0ADA")
    api = build_api(membrane, health=Health(dict, {}), metrics=Metrics(membrane, db, dict))
    listening = held.enter_context(bound("127.0.0.1", 0))
    server = Server(api, Connections(700, 200))
    serving = asyncio.create_task(server.serve([listening]))
    await server.up.wait()
    gc.collect()
    gc.freeze()
    longest = [0.0]

    def tell():
        print(longest[0], flush=True)
        longest[0] = 0.0

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
    print(token, listening.getsockname()[1], flush=True)
    while True:  # how late a timer is: what another request would have waited
        due = time.perf_counter() + 0.002
        await asyncio.sleep(0.002)
        longest[0] = max(longest[0], time.perf_counter() - due)

with asyncio.Runner(loop_factory=new_loop) as runner:
    runner.run(main())
"""


async def measure(calls: int = 6400) -> list[Figure]:
    """Return the rate a second, and what hostile requests make the loop wait.

    The idle loop's worst is the scheduler's doing: 1 ms in one round, 4 ms in the next. So several rounds
    run, each on a server of its own, and the worst of all attacks stands over the worst of all idle times.
    """
    rates, idle, attacked = zip(*[await _round(calls) for _ in range(ROUNDS)], strict=True)
    return [
        Figure(
            "The loop's longest delay under 500 hostile requests, over idle",
            max(attacked) / max(idle),
            "x",
            10,
            note=f"worst of each round, ms: idle {_ms(idle)}; attacked {_ms(attacked)}",
        ),
        Figure(
            "Tier 0 proposals over HTTP with keep-alive, one process",
            median(rates),
            "/s",
            1500,
            more_is_better=True,
            note="the server and the framework take two thirds of a request; uvloop gives nothing",
        ),
    ]


async def _round(calls: int) -> tuple[float, float, float]:
    """Return proposals a second, and the loop's longest delay in seconds: idle, and under attack."""
    with TemporaryDirectory() as name:
        server = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _SERVER,
            str(Path(name) / "membrane.db"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert server.stdout is not None
        token, port = (await server.stdout.readline()).decode().split()

        async def longest() -> float:
            server.send_signal(signal.SIGUSR1)
            assert server.stdout is not None
            return float(await server.stdout.readline())

        try:
            rate = await _load(f"http://127.0.0.1:{port}/v1/actions", token, calls)
            await longest()
            await asyncio.sleep(IDLE_S)
            idle = await longest()
            await hostile.attack(int(port), token)
            return rate, idle, await longest()
        finally:
            server.kill()
            await server.wait()


def _ms(seconds: Iterable[float]) -> str:
    return ", ".join(f"{each * 1e3:.1f}" for each in seconds)


async def _load(url: str, token: str, calls: int) -> float:
    headers = {"Authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(limit=CALLERS)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:

        async def caller(count: int) -> None:
            for number in range(count):
                body = {"kind": "db.read", "args": {"table": "orders", "id": number}}
                async with session.post(url, json=body) as answer:
                    assert answer.status < 300, await answer.text()
                    await answer.read()

        await caller(50)
        started = time.perf_counter()
        await asyncio.gather(*(caller(calls // CALLERS) for _ in range(CALLERS)))
        return calls / (time.perf_counter() - started)
