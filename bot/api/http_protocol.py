"""The HTTP protocol of one connection, with limits of size and time that uvicorn lacks."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bot.api.connections import Connections

MOST_HEAD = 32 * 1024
"""Bytes of a request line and its headers."""
MOST_HEADERS = 100
MOST_MESSAGE = 2 * 1024 * 1024
"""Bytes of a whole request, with framing and trailers: a body in single-byte chunks is mostly framing."""
MOST_PIPELINED = 8
"""Requests that a client may send ahead on one connection."""
HEAD_S = 10.0
"""Seconds for a request line and its headers, counted from the connection's start or the last answer."""
WRITE_S = 30.0
"""Seconds that a client may leave an answer unread."""
LINGER_S = 1.0
"""Seconds for which input after a refusal is discarded, so that the client can read the answer."""


TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 5\r\ncontent-length: 0\r\n\r\n"
)


class _Refused(Exception):
    """Stops the parser, which passes the exception to uvicorn; uvicorn answers."""


class GuardedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, registered with the bot's `connections`, and bounded."""

    def __init__(self, *args: Any, connections: Connections, **more: Any) -> None:
        super().__init__(*args, **more)
        self._registry = connections
        self._address = ""
        self._entered = False
        self._deaf = False
        """Whether input is discarded."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._last = False
        """Whether the connection closes after the current answer."""
        self._in_head = True
        self._in_message = False
        self._head = self._fields = self._message = 0
        self._status: bytes | None = None
        """The status of a refusal, if it is not 400."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit the connection, or close it if there are too many."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._entered = self._registry.enter(self, self._address)
        if self._entered:
            self._await_head()
        else:
            self._deaf = True
            transport.write(TOO_MANY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timers()
        if self._entered:
            self._registry.leave(self, self._address)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse input within the limits."""
        self._message += len(data)
        if self._deaf and self._message > MOST_MESSAGE:
            self.transport.abort()
        if self._deaf or self.transport.is_closing():
            return
        if self.idle():
            self._await_head()
        super().data_received(data)
        if self._deaf or self.transport.is_closing():
            return
        if self._in_head and self._message > MOST_HEAD:
            self._refuse(b"431 Request Header Fields Too Large", "The headers are too large.")
        elif self._message > MOST_MESSAGE:
            self._refuse(b"413 Content Too Large", "The request is too large.")

    def idle(self) -> bool:
        """Whether no request is in progress."""
        return self.cycle is None or self.cycle.response_complete

    def drop(self) -> None:
        """Close the connection, because another needs its place."""
        self.transport.abort()

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """Reset the counters for a new request."""
        self._in_head = self._in_message = True
        self._head = self._fields = self._message = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count a piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header or a trailer."""
        self._fields += 1
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MOST_HEAD or self._fields > MOST_HEADERS:
            self._status = b"431 Request Header Fields Too Large"
            raise _Refused

    def on_headers_complete(self) -> None:
        """Stop the head's timer, and begin with the request."""
        if len(self.pipeline) >= MOST_PIPELINED:
            raise _Refused
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the whole request has arrived."""
        self._in_message, self._in_head, self._message = False, True, 0
        super().on_message_complete()

    def _start_asgi_task(self, cycle: httptools_impl.RequestResponseCycle, app: Any) -> None:
        """Handle a request, unless its peer behind a proxy has too many in progress."""
        peer = None
        if self._registry.peers.is_proxy(self._address):
            peer = self._registry.peers.of_request(self._address, cycle.scope["headers"])
            if not self._registry.begin(peer):
                peer, app = None, service_unavailable

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start" and cycle.more_body:
                # The client still sends a body that nobody reads, so this connection takes no other request.
                self._last, cycle.keep_alive = True, False
                await cycle.send(message)
                cycle.keep_alive = True  # otherwise the connection would close before the answer is sent
            else:
                await cycle.send(message)

        async def work(scope: Any, receive: Any, _: Any) -> None:
            try:
                await app(scope, receive, send)
            finally:
                if peer is not None:
                    self._registry.end(peer)

        super()._start_asgi_task(cycle, work)

    def on_response_complete(self) -> None:
        """Take the next request, or close if this one was answered before it had arrived completely."""
        if self._last:
            self._linger()
        else:
            super().on_response_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Ignore a request for another protocol. Close after the answer, as the parser reads nothing more."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    # Time

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self._too_late)

    def _too_late(self) -> None:
        self._head_timer = None
        if self.idle() and not self.transport.is_closing():
            if self._in_message:
                self._refuse(b"408 Request Timeout", "The headers did not arrive in time.")
            else:
                self.transport.close()

    def pause_writing(self) -> None:
        """Wait for the client to read, for WRITE_S at most."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(WRITE_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the timer, as the client reads again."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def _stop_timers(self) -> None:
        for timer in (self._head_timer, self._write_timer):
            if timer is not None:
                timer.cancel()

    # Refusals

    def _refuse(self, status: bytes, words: str) -> None:
        if self.idle():
            self._status = status
            self.send_400_response(words)
        else:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer a malformed request, then close. Uvicorn calls this when its parser fails."""
        status = self._status or b"400 Bad Request"
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
            b"content-length: " + str(len(msg)).encode() + b"\r\n\r\n" + msg.encode()
        )
        self._linger()

    def _linger(self) -> None:
        """Discard input for LINGER_S, then close: to close with unread data would lose the answer."""
        self._deaf = True
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.loop.call_later(LINGER_S, self.transport.close)
        self.flow.resume_reading()
