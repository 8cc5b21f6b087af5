"""Five hundred hostile requests at once: each is within the limits or just beyond, and expensive to read."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

REQUESTS = 500
SOURCES = 8
"""This machine's addresses that the requests come from."""
PATIENCE_S = 120.0


def bodies() -> list[bytes]:
    """Return bodies that are expensive to read."""
    keys = ",".join(f'"k{number}":1' for number in range(1_900))
    texts = [
        '{"kind":"db.read","args":{' + ",".join(f'"k{n}":1' for n in range(20_000)) + ',"k19999":1}}',
        '{"kind":"db.read","args":{' + keys + ',"k1899":1}}',
        '{"kind":"db.read","args":{' + keys + "}}",
        '{"kind":"data.delete","args":{"a":[' + ",".join(["[]"] * 1_900) + "]}}",
        '{"kind":"db.read","args":{"a":[' + ",".join(["{}"] * 1_900) + "]}}",
        '{"kind":"db.read","args":{"a":[' + ",".join(["1.5"] * 3_900) + "]}}",
        '{"kind":"db.read","args":{"a":[' + ",".join(["[]"] * 80_000) + "]}}",
        '{"kind":"db.read","args":{"a":' + "[" * 31 + "]" * 31 + "}}",
        '{"kind":"db.read","args":{"a":' + "9" * 200_000 + "}}",
        '{"kind":"db.read","args":{"a":0.' + "9" * 200_000 + "}}",
        "{" + ",".join(f'"f{number}":0' for number in range(1_900)) + "}",
        json.dumps({"kind": "db.read", "args": {"x" * 30_000: [1] * 3_900}}),
        json.dumps({"kind": "data.delete", "args": {"a": "\u202e<&>\n" * 7_000}}),
        json.dumps({"kind": "db.read", "args": {"a": '"\\,:[{' * 8_000}}),
        " " * 250_000,
    ]
    return [text.encode() for text in texts]


def requests(token: str) -> list[bytes]:
    """Return whole requests, one for each connection."""
    head = f"Host: membrane\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    found = [
        f"POST /v1/actions HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        for body in bodies()
    ]
    found += [f"GET /v1/actions?limit=200 HTTP/1.1\r\n{head}\r\n".encode()] * 2
    found += [f"GET /v1/actions?limit=200 HTTP/1.1\r\n{head}{'X: y' + chr(13) + chr(10)}\r\n".encode()]
    found += [b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 200_000]
    found += [b"GET /healthz HTTP/1.1\r\nHost: membrane\r\n\r\n" * 2000, b""]
    return found


async def attack(port: int, token: str) -> None:
    """Send them all at once, and wait until each is answered or cut off."""
    sent = requests(token)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(_one(port, number, sent[number % len(sent)]) for number in range(REQUESTS)))


async def _one(port: int, number: int, request: bytes) -> None:
    source = (f"127.0.0.{2 + number % SOURCES}", 0)
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
        writer.write(request)
        with suppress(OSError):
            await reader.readline()
        writer.close()
        await writer.wait_closed()
