"""Tier 0 proposals over HTTP with keep-alive: one bot process, one process that asks."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from tests.bench.figures import Figure

CALLERS = 32

_SERVER = """
import asyncio, sys, time
from pathlib import Path
import uvicorn
from bot.api import Health, build_api
from bot.membrane import Membrane
from bot.metrics import Metrics
from bot.store.database import open_database
from tests.fakes import SECRET, FakeDirectory, policy

async def main():
    db = open_database(Path(sys.argv[1]), exclusive=True)
    in_force = policy()
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)
    _, token = await membrane.tokens.create("bench", "U0ADA")
    api = build_api(membrane, health=Health(dict, {}), metrics=Metrics(membrane, db, dict))
    config = uvicorn.Config(
        api, port=0, log_config=None, access_log=False, lifespan="off", proxy_headers=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(token, server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving

asyncio.run(main())
"""


async def measure(calls: int = 6400) -> list[Figure]:
    """Return the rate a second."""
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
        try:
            rate = await _load(f"http://127.0.0.1:{port}/v1/actions", token, calls)
        finally:
            server.kill()
            await server.wait()
    return [
        Figure(
            "Tier 0 proposals over HTTP with keep-alive, one process",
            rate,
            "/s",
            1500,
            more_is_better=True,
            note="the server and the framework take two thirds of a request; uvloop gives nothing",
        )
    ]


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
