"""The HTTP server: uvicorn with the bot's own limits, start and stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

from bot.api.connections import Connections
from bot.api.http_protocol import GuardedProtocol
from bot.errors import SettingsError

ACCEPT_AT_ONCE = 16
"""Connections that are accepted in one iteration of the event loop."""
QUEUE = 1024
"""Connections that the operating system queues until they are accepted."""


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket that is bound to an address. Raises SettingsError if that fails.

    The socket names TCP as its protocol, because asyncio sets TCP_NODELAY only on such sockets. Without it,
    a second write waits until the client has acknowledged the first (40 ms on Linux).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"the API cannot listen on {host}:{port} ({error.strerror}); "
                "set MEMBRANE_HOST or MEMBRANE_PORT"
            ) from error
        yield listening


class Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the bot has its own, and stops in its own order."""

    def __init__(self, api: FastAPI, connections: Connections, *, grace_s: int | None = None) -> None:
        config = uvicorn.Config(
            api,
            backlog=ACCEPT_AT_ONCE,
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # `bot.api.peers` finds the peer behind a proxy
            timeout_graceful_shutdown=grace_s,
            ws="none",
        )
        config.load()
        guarded: Any = partial(GuardedProtocol, connections=connections)
        config.http_protocol_class = guarded
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the sockets."""
        await super().startup(sockets=sockets)
        for each in sockets or ():
            each.listen(QUEUE)  # asyncio's backlog is how many it accepts at once, so the queue is set here
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield
