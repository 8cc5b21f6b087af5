"""Behaviour that shows only on a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from bot.api import request_body
from bot.domain.action import Action
from bot.domain.record import Standing
from tests.integration.api.conftest import Bot
from tests.waiting import PATIENCE_S, until


async def connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


def head(bot: Bot, method: str, path: str, *lines: str) -> bytes:
    start = (f"{method} {path} HTTP/1.1", "Host: membrane", f"Authorization: Bearer {bot.token}")
    return "\r\n".join((*start, *lines, "", "")).encode()


async def status_of(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(60):
        return int((await reader.readline()).split()[1])


async def test_a_whole_crossing_over_one_connection(bot: Bot) -> None:
    async with (
        bot.served() as address,
        httpx2.AsyncClient(base_url=address, headers=bot.headers, timeout=PATIENCE_S) as agent,
    ):
        made = (await agent.post("/v1/actions", json={"kind": "money.wire", "args": {"id": 1}})).json()
        waiting = asyncio.create_task(agent.get(f"/v1/actions/{made['id']}?wait=30"))
        await until(lambda: bot.membrane.wakeups.is_watched(made["id"]))
        await bot.vote(made)
        found = (await waiting).json()
        assert found["outcome"] == "approved"
        asked = {"args_digest": found["args_digest"]}
        assert (await agent.post(f"/v1/actions/{made['id']}/claim", json=asked)).status_code == 200
        done = await agent.post(f"/v1/actions/{made['id']}/report", json={"receipt": "executed"})
        assert done.json()["receipt"] == "executed"


async def test_a_declared_length_over_the_limit_is_refused_before_a_byte_is_sent(bot: Bot) -> None:
    async with bot.served() as address:
        reader, writer = await connect(address)
        length = f"Content-Length: {request_body.MAX_BODY + 1}"
        writer.write(head(bot, "POST", "/v1/actions", "Content-Type: application/json", length))
        assert await status_of(reader) == 413
        writer.close()


async def test_an_endless_chunked_body_is_cut_off(bot: Bot) -> None:
    async with bot.served() as address:
        reader, writer = await connect(address)
        lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
        writer.write(head(bot, "POST", "/v1/actions", *lines))
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        sent = 0
        answered = asyncio.create_task(status_of(reader))
        while not answered.done() and sent < 4 * request_body.MAX_BODY:
            writer.write(chunk)
            sent += len(chunk)
            await asyncio.sleep(0.005)
        assert await answered == 413
        writer.close()


@pytest.mark.parametrize("begun", [b"", b'{"kind":'])
async def test_the_server_gives_up_on_a_body_that_never_arrives(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("bot.api.request_body.PATIENCE_S", 0.05)
    async with bot.served() as address:
        reader, writer = await connect(address)
        lines = ("Content-Type: application/json", "Content-Length: 100")
        writer.write(head(bot, "POST", "/v1/actions", *lines) + begun)
        assert await status_of(reader) == 408
        writer.close()


async def test_a_long_poll_ends_when_its_client_disconnects(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, let_go = asyncio.Event(), asyncio.Event()
    wait = bot.membrane.proposals.wait

    async def watched(*args: Any, **more: Any) -> Standing:
        waits.set()
        try:
            return await wait(*args, **more)
        except asyncio.CancelledError:
            let_go.set()
            raise

    monkeypatch.setattr(bot.membrane.proposals, "wait", watched)
    made = await bot.membrane.proposals.propose(Action.of("money.wire", {}, agent="mailer"))
    async with bot.served() as address:
        _, writer = await connect(address)
        writer.write(head(bot, "GET", f"/v1/actions/{made.action.id}?wait=60"))
        await waits.wait()
        assert not let_go.is_set()
        writer.close()
        async with asyncio.timeout(60):
            await let_go.wait()


@pytest.fixture
def polls(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Return a semaphore that is released once for each long poll that waits."""
    begun, wait = asyncio.Semaphore(0), bot.membrane.proposals.wait

    async def counted(*args: Any, **more: Any) -> Standing:
        begun.release()
        return await wait(*args, **more)

    monkeypatch.setattr(bot.membrane.proposals, "wait", counted)
    return begun


async def test_a_stop_answers_long_polls_with_the_current_state(bot: Bot, polls: asyncio.Semaphore) -> None:
    async with bot.served() as address, bot.caller(address) as agent:
        made = (await agent.post("/v1/actions", json={"kind": "money.wire"})).json()
        waiting = asyncio.create_task(agent.get(f"/v1/actions/{made['id']}?wait=60"))
        await polls.acquire()
        bot.closing.set()
        assert (await waiting).json()["state"] == "waiting", "before the poll's own time is over"


async def test_a_token_has_a_maximum_number_of_long_polls(
    bot: Bot, polls: asyncio.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.api.long_polls.MOST_POLLS", 2)
    async with (
        bot.served() as address,
        httpx2.AsyncClient(base_url=address, headers=bot.headers, timeout=PATIENCE_S) as agent,
    ):
        made = (await agent.post("/v1/actions", json={"kind": "money.wire"})).json()
        url = f"/v1/actions/{made['id']}?wait=60"
        held = [asyncio.create_task(agent.get(url)) for _ in range(2)]
        for _ in held:
            await polls.acquire()
        refused = await agent.get(url)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
        bot.closing.set()
        assert [(await poll).status_code for poll in held] == [200, 200]
