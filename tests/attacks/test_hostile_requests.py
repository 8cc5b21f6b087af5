"""Hostile requests and connections delay nobody else, and the bot names each refusal."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent
from tests.attacks.running import CARDS, Target, mark

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = {"Content-Type": "application/json"}
SOURCES = 8
"""This machine's addresses, from which connections come."""


def proposal(args: str) -> str:
    return f'{{"kind":"kb.search","args":{args}}}'


def pairs(count: int, last: str = "") -> str:
    return "{" + ",".join([*(f'"k{number}":1' for number in range(count)), *filter(None, [last])]) + "}"


BODIES: dict[str, Callable[[], str | bytes]] = {
    "30,500 keys, the last twice": lambda: proposal(pairs(30_500, '"k30499":1')),
    "as many as may be, the last twice": lambda: proposal(pairs(1_900, '"k1899":1')),
    "keys that differ in an escape": lambda: proposal(r'{"a":1,"\u0061":2}'),
    "80,000 empty lists": lambda: proposal('{"a":[' + ",".join(["[]"] * 80_000) + "]}"),
    "80,000 empty objects": lambda: proposal('{"a":[' + ",".join(["{}"] * 80_000) + "]}"),
    "60,000 zeros": lambda: proposal('{"a":[' + ",".join(["0"] * 60_000) + "]}"),
    "60,000 empty texts": lambda: proposal('{"a":[' + ",".join(['""'] * 60_000) + "]}"),
    "100,000 brackets": lambda: "[" * 100_000,
    "a well that is deep": lambda: proposal('{"a":' + "[" * 5_000 + "]" * 5_000 + "}"),
    "objects in objects": lambda: proposal('{"a":' * 1_900 + "1" + "}" * 1_900),
    "a number of 200,000 digits": lambda: proposal('{"a":' + "9" * 200_000 + "}"),
    "a fraction of 200,000 digits": lambda: proposal('{"a":0.' + "3" * 200_000 + "}"),
    "an exponent": lambda: proposal('{"a":1e999999999}'),
    "too many bytes": lambda: proposal('{"a":"' + "x" * 5_000_000 + '"}'),
    "unknown fields": lambda: "{" + ",".join(f'"f{number}":0' for number in range(1_900)) + "}",
    "the kind twice": lambda: '{"kind":"attack.wipe","kind":"kb.search","args":{}}',
    "the arguments twice": lambda: '{"kind":"kb.search","args":{"a":1},"args":{}}',
    "half a pair of surrogates": lambda: proposal(r'{"a":"\ud800"}'),
    "another encoding": lambda: '{"kind":"kb.search"}'.encode("utf-16"),
    "a mark of byte order": lambda: b"\xef\xbb\xbf" + b'{"kind":"kb.search"}',
    "nothing": lambda: b"",
    "spaces": lambda: b" " * 250_000,
    "NUL": lambda: b"\x00" * 1000,
    "a comment": lambda: '{"kind":"kb.search" /* x */}',
    "a list": lambda: "[" + ",".join([proposal("{}")] * 100) + "]",
    "a text": lambda: json.dumps(proposal("{}")),
}


@pytest.mark.parametrize("body", BODIES)
async def test_a_body_that_is_costly_to_read_is_refused_while_others_go_on(
    target: Target, attacker: Agent, body: str
) -> None:
    """One token sends ten at once. The bot refuses each, and another agent's actions pass meanwhile."""
    made = BODIES[body]()
    content = made.encode() if isinstance(made, str) else made

    async def send() -> int:
        try:
            return (await attacker.send("POST", "/v1/actions", content=content, headers=JSON)).status_code
        except httpx2.TransportError:
            return 413  # the bot closed the connection before the whole body was sent

    async with target.agent("somebody-else") as other:
        attack = [asyncio.create_task(send()) for _ in range(10)]
        for _ in range(5):
            assert (await other.propose("kb.search", {"q": mark()}))["state"] == "passed"
        statuses = set(await asyncio.gather(*attack))
    assert statuses <= {400, 413, 422, 429}, statuses
    assert statuses & {400, 413, 422}
    assert target.process.logged("Traceback") == []


async def test_a_list_of_actions_shows_no_arguments_and_has_an_end(attacker: Agent, target: Target) -> None:
    large = {"rows": ["x" * 50] * 500, "q": mark()}
    for _ in range(5):
        await attacker.propose("kb.search", large)
    answer = await attacker.send("GET", "/v1/actions", params={"limit": 200})
    assert answer.status_code == 200
    assert "x" * 50 not in answer.text
    for query in (
        "limit=0",
        "limit=-1",
        "limit=201",
        "limit=1e9",
        "limit=" + "9" * 400,
        "limit=１",
        "limit=x",
    ):
        refused = await attacker.send("GET", f"/v1/actions?{query}")
        assert refused.status_code in {400, 422}, (query, refused.status_code)
    for path in ("/v1/actions/act_x?wait=1e308", "/v1/actions/act_x?wait=nan", "/v1/actions/" + "x" * 4000,
                 "/v1/actions/%00", "/v1/actions/..%2f..%2fhealthz", "/v1/threads/thr_x%0d%0a"):  # fmt: skip
        assert 400 <= (await attacker.send("GET", path)).status_code < 500, path
    await target.well()


TIMESTAMPS = [
    "9" * 309, "-" + "9" * 309, "1e400", "inf", "nan", "-1", "0", "", "0x10", "1_000", "１７００００００００",
    "1795880000.5", "\u0661", "+1795880000", "1795880000,0", "9223372036854775808", "1" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("timestamp", TIMESTAMPS, ids=range(len(TIMESTAMPS)))
async def test_an_invalid_timestamp_is_refused(target: Target, timestamp: str) -> None:
    """A timestamp of 309 digits overflows a float."""
    body = urlencode({"payload": json.dumps({"type": "block_actions"})}).encode()
    try:
        answer = await target.signed(body, timestamp=timestamp)
    except UnicodeEncodeError:
        answer = await target.signed(body, timestamp=str(timestamp.encode()))
    assert answer.status_code in {400, 401, 431}, answer.text
    assert target.process.logged("Traceback") == []


@pytest.mark.parametrize(
    "signature", ["", "v0=", "v0=" + "0" * 64, "v1=" + "0" * 64, "v0=" + "é" * 5, "x" * 5000]
)
async def test_an_invalid_signature_is_refused(target: Target, signature: str) -> None:
    with suppress(UnicodeEncodeError):
        assert (await target.signed(b"payload={}", signature=signature)).status_code == 401


def payloads() -> dict[str, bytes]:
    """Return bodies that Slack signed and that make no sense."""
    deep = "[" * 50_000 + "]" * 50_000
    return {
        "no JSON": b"payload=%7B",
        "a deep one": urlencode({"payload": deep}).encode(),
        "a list": urlencode({"payload": "[]"}).encode(),
        "a number": urlencode({"payload": "9" * 5_000}).encode(),
        "nobody": urlencode({"payload": json.dumps({"type": "block_actions", "actions": []})}).encode(),
        "odd types": urlencode(
            {"payload": json.dumps({"type": "block_actions", "user": 5, "team": []})}
        ).encode(),
        "many fields": ("payload=%7B%7D&" + "&".join(f"a{number}=1" for number in range(20_000))).encode(),
        "no form": b"\xff\xfe\x00",
        "nothing": b"",
    }


@pytest.mark.parametrize("name", payloads())
async def test_a_malformed_signed_request_changes_nothing(target: Target, name: str) -> None:
    before = len(target.stage.rows("votes"))
    answer = await target.signed(payloads()[name])
    assert answer.status_code < 500, answer.text
    assert target.process.logged("Traceback") == []
    assert len(target.stage.rows("votes")) == before


@pytest.mark.parametrize("body", [b"\xff\xfe", b"payload=\xff", b"\x00", "ü".encode("latin-1")])
async def test_an_unsigned_body_that_is_not_text_is_refused(target: Target, body: bytes) -> None:
    """The body is unsigned and its headers have the right form, so the signature check has to read it."""
    assert (await target.signed(body, signature="v0=" + "0" * 64)).status_code == 401


@asynccontextmanager
async def connections(target: Target, count: int, say: bytes = b"") -> AsyncIterator[list[socket.socket]]:
    """Open connections from several addresses that send these bytes and nothing more."""
    host, _, port = target.url.removeprefix("http://").partition(":")
    loop = asyncio.get_running_loop()
    opened: list[socket.socket] = []
    try:
        for number in range(count):
            one = socket.socket()
            opened.append(one)
            one.setblocking(False)
            one.bind((f"127.0.0.{2 + number % SOURCES}", 0))
            with suppress(OSError):
                await loop.sock_connect(one, (host, int(port)))
                if say:
                    await loop.sock_sendall(one, say)
        yield opened
    finally:
        for one in opened:
            one.close()


HALVES = {
    "silent": b"",
    "half a request line": b"POST /v1/act",
    "half a header": b"GET /healthz HTTP/1.1\r\nHost: membra",
    "half a body": b"POST /v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{",
    "half a chunk": b"POST /v1/actions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n{",
}


@pytest.mark.parametrize("half", HALVES)
async def test_connections_that_never_end_stop_neither_clicks_nor_cards(
    target: Target, attacker: Agent, cleo: Person, half: str
) -> None:
    """1,100 connections meet a limit of 1,024 descriptors."""
    lines, word = len(target.process.log), mark()
    count = 1100 if half == "silent" else 400
    async with connections(target, count, HALVES[half]), target.agent("somebody-else") as other:
        asked = await other.propose("attack.wipe", {"note": word})
        card = await target.card(cleo, word)
        assert (await cleo.click(CARDS, card, "approve")).acked
        await other.wait_for(asked, "approved")
    assert len(target.process.log) - lines < 300
    await target.well()


async def raw(target: Target, *pieces: bytes) -> bytes:
    """Send raw bytes, and return the first line of the answer."""
    host, _, port = target.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        with suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        with suppress(OSError):
            return await asyncio.wait_for(reader.readline(), 60)
        return b""
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


HEADS: dict[str, Any] = {
    "a header without end": [b"GET /healthz HTTP/1.1\r\nX: ", *[b"x" * 65_536] * 300],
    "headers without end": [b"GET /healthz HTTP/1.1\r\n", *[b"X-A: b\r\n" * 8_000] * 50],
    "a name without end": [b"GET /healthz HTTP/1.1\r\n", *[b"x" * 65_536] * 300],
    "a path without end": [b"GET /", *[b"x" * 65_536] * 300],
    "a method without end": [b"G" * 65_536] * 300,
    "two lengths": [
        b"POST /v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}"
    ],
    "a length and chunks": [
        b"POST /v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    "a negative length": [b"POST /v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}"],
    "trailers without end": [
        b"POST /v1/actions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        *[b"X-A: b\r\n" * 8_000] * 50,
    ],
    "TLS": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500],
}


@pytest.mark.parametrize("head", HEADS)
async def test_a_malformed_request_head_is_refused(target: Target, head: str) -> None:
    """The bot refuses it or closes the connection, and its memory hardly grows."""
    before = _resident(target)
    first = await raw(target, *HEADS[head])
    assert first[9:10] in {b"", b"4"}, first
    assert _resident(target) - before < 40_000_000
    await target.well()


def _resident(target: Target) -> int:
    return int(Path(f"/proc/{target.process.pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_a_forwarded_header_without_trusted_proxies_is_plain_text(
    target: Target, attacker: Agent, header: str
) -> None:
    """Without trusted proxies such a header has no effect, however long or odd."""
    for value in ("127.0.0.1", ",".join(["10.0.0.1"] * 500), "x" * 5_000, "for=unknown", "::ffff:127.0.0.1"):
        answer = await attacker.send("GET", "/v1/actions", params={"limit": 1}, headers={header: value})
        assert answer.status_code in {200, 400, 431}
    await target.well()


async def test_malformed_tokens_are_refused(target: Target) -> None:
    async with Agent(target.url) as nobody:
        for given in (
            "",
            "Bearer",
            "Bearer x",
            "Basic eDp4",
            "Bearer " + "x" * 7_000,
            "Bearer a b",
            'Bearer "x"',
        ):
            answer = await nobody.send("GET", "/v1/actions", headers={"Authorization": given})
            assert answer.status_code in {400, 401}, given
        assert (await nobody.send("POST", "/v1/actions", content=b"{" * 100_000)).status_code == 401
