"""Connections are limited in number, in all and by peer; headers in size and time; unread answers in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_network

import httpx2
import pytest

from bot.api import http_protocol
from bot.api.connections import Connections
from bot.api.peers import Peers
from bot.domain.action import Action
from tests.integration.api.conftest import Bot
from tests.waiting import PATIENCE_S

Connect = Callable[..., Awaitable["Streams"]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
WIRE = Action.of("money.wire", {}, agent="mailer")


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects from any address in 127/8, and closes every connection in the end."""
    opened: list[Streams] = []

    async def one(address: str, source: str = "127.0.0.1") -> Streams:
        host, _, port = address.removeprefix("http://").partition(":")
        opened.append(await asyncio.open_connection(host, int(port), local_addr=(source, 0)))
        return opened[-1]

    yield one
    for _, writer in opened:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def head(bot: Bot, *lines: str, path: str = "/v1/actions?limit=1") -> bytes:
    start = (f"GET {path} HTTP/1.1", "Host: membrane", f"Authorization: Bearer {bot.token}")
    return "\r\n".join((*start, *lines, "", "")).encode()


async def status_of(streams: Streams) -> int | None:
    """Return the status of the next answer, or None if the connection ends without one."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            line = await streams[0].readline()
        except ConnectionResetError:
            return None
        return int(line.split()[1]) if line else None


async def ended(streams: Streams) -> bytes:
    """Wait until the server ends the connection; return what it sent."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await streams[0].read()
        except ConnectionResetError:
            return b""


async def asked(bot: Bot, streams: Streams, *lines: str) -> int | None:
    streams[1].write(head(bot, *lines))
    return await status_of(streams)


async def test_each_peer_has_a_connection_limit_of_its_own(bot: Bot, connect: Connect) -> None:
    async with bot.served(Connections(20, 4)) as address:
        silent = [await connect(address, "127.0.0.2") for _ in range(4)]
        assert await status_of(await connect(address, "127.0.0.2")) == 503
        assert await asked(bot, await connect(address, "127.0.0.3")) == 200
        silent[0][1].close()
        await silent[0][1].wait_closed()
        assert await asked(bot, silent[1]) == 200


async def test_the_peer_with_the_most_connections_makes_room_when_all_places_are_taken(
    bot: Bot, connect: Connect
) -> None:
    async with bot.served(Connections(6, 4)) as address:
        few = [await connect(address, "127.0.0.2") for _ in range(2)]
        many = [await connect(address, "127.0.0.3") for _ in range(3)]
        many += [await connect(address, "127.0.0.4")]
        assert [await asked(bot, each) for each in few] == [200, 200]
        late = await connect(address, "127.0.0.5")
        assert await asked(bot, late) == 200
        assert await ended(many[0]) == b""


async def test_behind_a_trusted_proxy_each_client_is_a_peer(bot: Bot, connect: Connect) -> None:
    made = (await bot.membrane.proposals.propose(WIRE)).action
    path = f"/v1/actions/{made.id}?wait=30"
    peers = Peers([ip_network("127.0.0.9/32")])
    async with bot.served(Connections(40, 3, peers)) as address:
        held = []
        for _ in range(3):
            held.append(await connect(address, "127.0.0.9"))
            held[-1][1].write(head(bot, "X-Forwarded-For: 6.6.6.6, 203.0.113.5", path=path))
        other = await connect(address, "127.0.0.9")
        refused = await connect(address, "127.0.0.9")
        while await asked(bot, refused, "X-Forwarded-For: 8.8.8.8, 203.0.113.5") != 503:
            refused = await connect(address, "127.0.0.9")  # the server has not started the earlier ones yet
        assert await asked(bot, other, "X-Forwarded-For: 203.0.113.5, 203.0.113.6") == 200
        bot.closing.set()
        assert [await status_of(each) for each in held] == [200, 200, 200]


async def test_forwarded_for_is_ignored_from_a_peer_that_is_no_trusted_proxy(
    bot: Bot, connect: Connect
) -> None:
    async with bot.served(Connections(20, 2)) as address:
        for number in range(2):
            assert await asked(bot, await connect(address), f"X-Forwarded-For: 203.0.113.{number}") == 200
        assert await status_of(await connect(address)) == 503


def _endless(_: Bot) -> bytes:
    return b"GET / HTTP/1.1\r\nX-Endless: "


def _many(_: Bot) -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (http_protocol.MOST_HEADERS + 1)


def _long_path(_: Bot) -> bytes:
    return b"GET /"


@pytest.mark.parametrize("begin", [_endless, _many, _long_path])
async def test_headers_without_end_are_refused(
    bot: Bot, connect: Connect, begin: Callable[[Bot], bytes]
) -> None:
    async with bot.served() as address:
        streams = await connect(address)
        streams[1].write(begin(bot))
        said = asyncio.create_task(status_of(streams))
        sent = 0
        while not said.done() and sent < 1000 * http_protocol.MOST_HEAD:
            streams[1].write(b"x" * 8192)
            sent += 8192
            await asyncio.sleep(0.001)
            if streams[1].transport.is_closing():
                break
        assert await said == 431


async def test_trailers_without_end_are_refused(bot: Bot, connect: Connect) -> None:
    async with bot.served() as address:
        streams = await connect(address)
        lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
        start = head(bot, *lines).replace(b"GET", b"POST", 1)
        streams[1].write(start + b"1\r\n{\r\n0\r\nX-Trailer: ")
        said = asyncio.create_task(ended(streams))
        sent = 0
        while not said.done() and sent < 10 * http_protocol.MOST_MESSAGE:
            streams[1].write(b"x" * 65536)
            sent += 65536
            await asyncio.sleep(0.001)
            if streams[1].transport.is_closing():
                break
        await said
        assert sent < 10 * http_protocol.MOST_MESSAGE


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost", b"\r\n\r\n"])
async def test_the_server_gives_up_on_headers_that_do_not_arrive(
    bot: Bot, connect: Connect, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 0.2)
    async with bot.served() as address:
        streams = await connect(address)
        streams[1].write(sent)
        said = await ended(streams)
        assert said.startswith(b"HTTP/1.1 408") if b"GET" in sent else said == b""


async def test_a_header_sent_byte_by_byte_does_not_extend_the_deadline(
    bot: Bot, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_S", 3.0)
    async with bot.served() as address:
        streams = await connect(address)
        assert await asked(bot, streams) == 200
        said = asyncio.create_task(ended(streams))
        while not said.done():  # only a hang lasts longer than the test's own limit
            streams[1].write(b"\r\n")
            await asyncio.sleep(0.02)
        await said


async def test_the_server_gives_up_on_an_answer_that_nobody_reads(
    bot: Bot, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "WRITE_S", 0.2)
    connections = Connections(20, 1)
    async with bot.served(connections) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, (host, int(port)))
        with_docs = b"GET /openapi.json HTTP/1.1\r\nHost: membrane\r\n\r\n"

        async def ask_on() -> None:
            while True:
                await loop.sock_sendall(deaf, with_docs)
                await asyncio.sleep(0.001)

        asking = asyncio.create_task(ask_on())
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(OSError, match=r"reset|Broken pipe"):
                await asking
        deaf.close()
        assert await asked(bot, await connect(address)) == 200


async def test_the_server_reads_only_a_few_requests_ahead(bot: Bot, connect: Connect) -> None:
    made = (await bot.membrane.proposals.propose(WIRE)).action
    async with bot.served() as address:
        streams = await connect(address)
        streams[1].write(head(bot, path=f"/v1/actions/{made.id}?wait=60") * 50)
        assert b"400 Bad Request" in await ended(streams)


@pytest.mark.parametrize("lines", [("Content-Length: 5000",), ("Transfer-Encoding: chunked",)])
async def test_a_connection_closes_after_an_answer_that_precedes_the_end_of_its_request(
    bot: Bot, connect: Connect, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...]
) -> None:
    monkeypatch.setattr(http_protocol, "LINGER_S", 0.05)
    async with bot.served() as address:
        streams = await connect(address)
        streams[1].write(head(bot, *lines, path="/v1/actions?limit=1"))
        said = await ended(streams)
        assert b"200 OK" in said
        assert b"connection: close" in said


async def test_an_upgrade_to_another_protocol_is_ignored(bot: Bot, connect: Connect) -> None:
    connections = Connections(20, 1)
    async with bot.served(connections) as address:
        for _ in range(3):
            streams = await connect(address)
            upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
            streams[1].write(head(bot, *upgrade, key))
            assert b"200 OK" in await ended(streams)


async def test_a_client_that_keeps_its_connection_is_served_after_a_refusal(bot: Bot) -> None:
    async with (
        bot.served() as address,
        httpx2.AsyncClient(base_url=address, headers=bot.headers, timeout=PATIENCE_S) as agent,
    ):
        for _ in range(3):
            large = await agent.post("/v1/actions", content=b"x" * 400_000)
            assert large.status_code in {413, 415}
            assert (await agent.get("/v1/actions")).status_code == 200
