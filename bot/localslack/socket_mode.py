"""Socket Mode: deliveries to the bot over WebSockets instead of HTTP."""

import asyncio
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aiohttp import WSMsgType, web

from bot.localslack.faults import Faults
from bot.localslack.workspace import Json

MOST_CONNECTIONS = 10
WARNED_FOR = 10.0  # seconds between a warning and the end, as with Slack
CONNECTION_LIVES = 18_060  # seconds, as Slack says in its hello; here a socket lives until it is closed

EnvelopeType = Literal["interactive", "events_api"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a delivery to the bot.

    Attributes:
        acked: the bot answered in time.
        reason: ``ok``, ``timeout``, ``not_connected``, ``connection_failed``, ``lost`` or ``http_404`` and
            the like.
        response: the payload of the bot's acknowledgement.
    """

    acked: bool
    reason: str = "ok"
    response: Json | None = None


class Sockets:
    """The open connections of the bot, used in turn.

    `changed` is called when a connection opens or closes.
    """

    def __init__(
        self, *, app_id: str, host: str, faults: Faults, ack_timeout: float, changed: Callable[[], None]
    ) -> None:
        self.ack_timeout = ack_timeout
        self._changed = changed
        self._app_id = app_id
        self._host = host
        self._faults = faults
        self._tickets: set[str] = set()
        self._open: list[web.WebSocketResponse] = []
        self._requests: dict[web.WebSocketResponse, web.Request] = {}
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._warned: dict[web.WebSocketResponse, asyncio.Task[None]] = {}

    @property
    def count(self) -> int:
        """The number of open connections."""
        return len(self._open)

    def url(self, base: str) -> str:
        """Return a URL for one connection; `base` is the server's ``ws://`` address."""
        ticket = secrets.token_urlsafe(18)
        self._tickets.add(ticket)
        return f"{base}/link/?ticket={ticket}&app_id={self._app_id}"

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends. A spent ticket is answered 408, as Slack does."""
        if self._faults.take("sockets", {}) is not None:
            return web.Response(status=503)
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=408)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if len(self._open) >= MOST_CONNECTIONS:
            await socket.send_json(self._goodbye("too_many_websockets"))
            await socket.close()
            return socket
        self._open.append(socket)
        self._requests[socket] = request
        self._changed()
        try:
            await socket.send_json(self._hello())
            await self._listen(socket)
        finally:
            self._forget(socket)
        return socket

    async def deliver(self, kind: EnvelopeType, payload: Json, *, wants_response: bool, extra: Json) -> Reply:
        """Send a payload over one connection and wait for its acknowledgement."""
        envelope_id = str(uuid.uuid4())
        envelope = {"envelope_id": envelope_id, "payload": payload, "type": kind, **extra}
        envelope["accepts_response_payload"] = wants_response
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        try:
            if not await self._send(envelope):
                return Reply(acked=False, reason="not_connected")
            ack = await asyncio.wait_for(future, self.ack_timeout)
        except TimeoutError:
            return Reply(acked=False, reason="timeout")
        finally:
            self._waiting.pop(envelope_id, None)
        response = ack.get("payload") if wants_response else None
        return Reply(acked=True, response=response or None)

    async def announce(
        self, reason: Literal["warning", "refresh_requested"], *, most: int | None = None
    ) -> None:
        """Announce the end of all connections, or of the `most` next in turn.

        With ``refresh_requested`` they end at once, with ``warning`` after `WARNED_FOR` seconds. A warned
        connection gets nothing while another one is open.
        """
        for socket in list(self._open)[:most]:
            await socket.send_json(self._goodbye(reason))
            if reason == "refresh_requested":
                await socket.close()
            elif socket not in self._warned:
                self._warned[socket] = asyncio.create_task(self._end(socket))

    async def _end(self, socket: web.WebSocketResponse) -> None:
        await asyncio.sleep(WARNED_FOR)
        await socket.close()

    async def close(self) -> None:
        """Close every connection properly."""
        for ending in list(self._warned.values()):
            ending.cancel()
        for socket in list(self._open):
            await socket.close()

    def drop(self) -> None:
        """Abort every connection."""
        for socket in list(self._open):
            transport = self._requests[socket].transport
            self._forget(socket)
            if transport is not None:
                transport.abort()

    async def _send(self, envelope: Json) -> bool:
        while self._open:
            socket = next((each for each in self._open if each not in self._warned), self._open[0])
            self._open.remove(socket)
            self._open.append(socket)  # the next payload goes over the next connection
            try:
                await socket.send_json(envelope)
            except ConnectionError:
                self._forget(socket)
            else:
                return True
        return False

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                ack = json.loads(message.data)
            except ValueError:
                continue  # Slack ignores invalid JSON
            future = self._waiting.get(ack.get("envelope_id", "")) if isinstance(ack, dict) else None
            if future is not None and not future.done():
                future.set_result(ack)

    def _forget(self, socket: web.WebSocketResponse) -> None:
        if socket in self._open:
            self._open.remove(socket)
            self._changed()
        self._requests.pop(socket, None)
        ending = self._warned.pop(socket, None)
        if ending is not None and ending is not asyncio.current_task():
            ending.cancel()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._open),
            "debug_info": {
                "host": self._host,
                "build_number": 1,
                "approximate_connection_time": CONNECTION_LIVES,
            },
            "connection_info": {"app_id": self._app_id},
        }

    def _goodbye(self, reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": self._host}}
