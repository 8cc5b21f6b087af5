"""Silent connections and endless headers stop neither clicks nor cards nor proposals."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent
from tests.acceptance.company import ADMIN, APPROVALS
from tests.acceptance.staging import Stage
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENT = 1100
SOURCES = 8
"""Number of this machine's addresses from which connections come."""
LINES = 300
"""More lines than a healthy bot logs, and far fewer than a log storm."""


@pytest.fixture(params=["socket", "http"])
def way(request: pytest.FixtureRequest) -> str:
    """How clicks arrive."""
    return str(request.param)


@asynccontextmanager
async def silent(url: str, count: int) -> AsyncIterator[list[socket.socket]]:
    """Open connections that never send a byte."""
    host, _, port = url.removeprefix("http://").partition(":")
    loop, opened = asyncio.get_running_loop(), []
    try:
        for number in range(count):
            one = socket.socket()
            opened.append(one)
            one.setblocking(False)
            one.bind((f"127.0.0.{2 + number % SOURCES}", 0))
            with suppress(OSError):
                await loop.sock_connect(one, (host, int(port)))
        yield opened
    finally:
        for one in opened:
            one.close()


async def test_a_thousand_silent_connections_stop_neither_clicks_nor_cards(
    stage: Stage, cleo: Person
) -> None:
    stage.descriptors = 1024
    token = await stage.token()
    async with stage.process() as process:
        # Twice: those that came later must not live on those that went.
        for name in ("old logs", "new logs"):
            async with silent(process.url, SILENT), Agent(process.url, token) as agent:
                asked = await agent.propose("data.delete", {"what": name})
                card = await cleo.wait_for_message(APPROVALS, name)
                assert (await cleo.click(APPROVALS, card, "approve")).acked
                assert (await agent.wait_for(asked, "approved"))["decided_by"]
        assert len(process.log) < LINES
        assert process.logged("out of system resource") == []


async def test_a_header_without_end_takes_no_memory(stage: Stage) -> None:
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        await agent.propose("db.read")
        before = resident(process.pid)
        host, _, port = process.url.removeprefix("http://").partition(":")
        for _ in range(4):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET / HTTP/1.1\r\nX-Endless: ")
            for _ in range(1000):
                writer.write(b"x" * 65536)
                try:
                    await writer.drain()
                except OSError:
                    break
            else:
                pytest.fail("64 MB of one header were taken")
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        assert (await agent.propose("db.read"))["state"] == "passed"
        assert resident(process.pid) - before < 20_000_000


def resident(process: int) -> int:
    """Return the bytes of memory that a process has."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.parametrize("way", ["socket"])
async def test_a_full_disk_stops_agents_before_it_stops_votes(stage: Stage, cleo: Person) -> None:
    token = await stage.token()
    async with stage.bot() as bot, Agent(bot.api_url, token) as agent:
        asked = await agent.propose("data.delete", {"what": "old logs"})
    stage.settings["MEMBRANE_DISK_FLOOR_MB"] = "1e12"
    async with stage.bot() as bot, httpx2.AsyncClient(base_url=bot.api_url, timeout=PATIENCE_S) as web:
        headers = {"Authorization": f"Bearer {token}"}
        refused = await web.post("/v1/actions", json={"kind": "db.read"}, headers=headers)
        assert refused.status_code == 503
        assert refused.json()["type"].endswith(":disk-low")
        assert int(refused.headers["Retry-After"]) > 0
        assert "disk" in (await web.get("/readyz")).json()["problems"]
        await cleo.wait_for_message(ADMIN, "New actions of agents are refused")
        card = await cleo.wait_for_message(APPROVALS, "old logs")
        assert (await cleo.click(APPROVALS, card, "approve")).acked
        async with Agent(bot.api_url, token) as agent:
            assert (await agent.wait_for(asked, "approved"))["may_start"]
