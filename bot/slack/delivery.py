"""How clicks reach the bot: by Socket Mode, or by HTTP requests that Slack signs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import Response

from bot.errors import SettingsError
from bot.slack.failures import CallFailed, Kind, ask

CONNECTIONS = 2
"""Slack closes each every few hours; the other one takes what comes meanwhile."""
CHECK_S = 1.0
PATIENCE_S = 15.0
"""How long a connection may be down before it is replaced; twice as long after each attempt in vain."""
LONGEST_PATIENCE_S = 120.0
CLOSE_S = 5.0
MOST_BYTES = 1_000_000
"""Of one request; Slack's largest payloads are far smaller."""
NOT_SIGNED = (
    "its signature is missing or wrong, or it is older than five minutes; if it was Slack's, mend "
    "SLACK_SIGNING_SECRET or this machine's clock"
)

_log = structlog.get_logger(__name__)


class Delivery(Protocol):
    """A way for clicks to come in."""

    async def start(self) -> None:
        """Begin. Raises SettingsError where Slack refuses what is set."""
        ...

    async def stop(self) -> None:
        """Take nothing more."""
        ...

    def healthy(self) -> bool:
        """Whether a click would arrive now."""
        ...


@dataclass(slots=True)
class _Line:
    """One of the connections: who handles it, and since when it is down."""

    handler: AsyncSocketModeHandler
    connecting: asyncio.Task[None]
    down_since: float | None
    patience_s: float


class SocketDelivery:
    """Several Socket Mode connections, and a watch over them.

    The SDK goes on for ever with a connection ticket that is spent (3.47.0), so a line that stays down is
    replaced by a new one.
    """

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        *,
        connections: int = CONNECTIONS,
        check_s: float = CHECK_S,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._connections = connections
        self._check_s = check_s
        self._patience_s = patience_s
        self._clock = clock
        self._lines: list[_Line] = []
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Returns at once where Slack cannot be reached; the watch goes on trying."""
        first = self._handler()
        try:
            first.client.wss_uri = await ask("apps.connections.open", first.client.issue_new_wss_url())
        except CallFailed as failed:
            if failed.failure.kind in (Kind.TOKEN, Kind.REFUSED):
                await _close(first)
                raise SettingsError(
                    f"SLACK_APP_TOKEN does not work ({failed.failure.error}): on the app's page Basic "
                    "Information make an app-level token with the scope connections:write (xapp-…)."
                ) from failed
        self._lines = [self._connect(first)]
        self._lines += [self._connect(self._handler()) for _ in range(self._connections - 1)]
        self._watching = asyncio.create_task(self._watch(), name="socket mode watch")

    async def stop(self) -> None:
        """Close every connection."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await asyncio.gather(*(self._hang_up(line) for line in self._lines))
        self._lines = []

    def healthy(self) -> bool:
        """Whether at least one connection is up."""
        return any(line.down_since is None for line in self._lines)

    def _handler(self) -> AsyncSocketModeHandler:
        return AsyncSocketModeHandler(self._app, self._app_token)

    def _connect(self, handler: AsyncSocketModeHandler, patience_s: float | None = None) -> _Line:
        connecting = asyncio.create_task(_connected(handler), name="socket mode connect")
        return _Line(handler, connecting, self._clock(), patience_s or self._patience_s)

    async def _watch(self) -> None:
        while True:
            for place, line in enumerate(self._lines):
                try:
                    self._lines[place] = await self._checked(line)
                except Exception as error:  # noqa: BLE001 - the watch must outlive what it watches
                    _log.warning("socket_mode_check_failed", error=str(error))
            await asyncio.sleep(self._check_s)

    async def _checked(self, line: _Line) -> _Line:
        """Return the line, or the one that takes its place."""
        if await line.handler.client.is_connected():
            line.down_since = None
            line.patience_s = self._patience_s
            return line
        now = self._clock()
        if line.down_since is None:
            line.down_since = now
        if now - line.down_since < line.patience_s:
            return line
        _log.warning("socket_mode_replaced", down_s=round(now - line.down_since, 1))
        patience_s = min(LONGEST_PATIENCE_S, 2 * line.patience_s)
        fresh = self._connect(self._handler(), patience_s)
        await self._hang_up(line)
        return fresh

    async def _hang_up(self, line: _Line) -> None:
        line.connecting.cancel()
        with suppress(asyncio.CancelledError):
            await line.connecting
        await _close(line.handler)


async def _connected(handler: AsyncSocketModeHandler) -> None:
    # The SDK's own method says nothing of what it returns.
    await handler.connect_async()  # type: ignore[no-untyped-call]


async def _close(handler: AsyncSocketModeHandler) -> None:
    """Close a connection and what belongs to it, even if the other end does not answer."""
    client: Any = handler.client
    try:
        async with asyncio.timeout(CLOSE_S):
            await client.close()
    except (TimeoutError, OSError, RuntimeError) as error:
        _log.warning("socket_mode_not_closed", error=str(error))
    finally:
        await client.aiohttp_client_session.close()


class HttpDelivery:
    """Requests to `POST /slack/events`: clicks, modals, and Slack's check of the address.

    Raises SettingsError without a signing secret: anybody could sign with none.
    """

    def __init__(self, app: AsyncApp, signing_secret: str) -> None:
        if not signing_secret:
            raise SettingsError(
                "SLACK_SIGNING_SECRET is not set; delivery by http takes only signed requests."
            )
        self._app = app
        self._verifier = SignatureVerifier(signing_secret)
        self._open = False

    async def start(self) -> None:
        """Take requests."""
        self._open = True

    async def stop(self) -> None:
        """Refuse requests from now on, so that Slack tries an event again later."""
        self._open = False

    def healthy(self) -> bool:
        """Whether requests are taken."""
        return self._open

    async def handle(self, request: Request) -> Response:
        """Answer one request. One that is not signed by Slack gets nowhere."""
        if not self._open:
            return Response("the bot is not up", status_code=503)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return Response("too large", status_code=413)
        if not self._signed(request, bytes(body)):
            _log.warning("slack_request_refused", why=NOT_SIGNED)
            return Response("not signed by Slack", status_code=401)
        try:
            answer = await self._app.async_dispatch(to_async_bolt_request(request, bytes(body)))
        except Exception as error:  # noqa: BLE001 - Bolt reads a body's parts all over, trusting their types
            _log.warning("slack_request_not_read", error=f"{type(error).__name__}: {error}")
            return Response("not a request of Slack's", status_code=400)
        if answer.status >= 500:  # Bolt's own stumble, which it has logged: our listeners raise nothing
            return Response("not a request of Slack's", status_code=400)
        return to_starlette_response(answer)

    def _signed(self, request: Request, body: bytes) -> bool:
        """Whether Slack signed it, lately. Before Bolt looks at it, which reads the body first."""
        try:
            return self._verifier.is_valid_request(body, dict(request.headers))
        except (TypeError, ValueError):  # a timestamp that is no number, a signature that is not ASCII
            return False
