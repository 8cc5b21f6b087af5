"""Receives clicks by Socket Mode. `bot.slack.inbound.signed_requests` receives them over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from bot.domain.message_answers import FailureKind
from bot.errors import SettingsError
from bot.proxies import proxy_for
from bot.slack.failures import CallFailed
from bot.slack.inbound import other_bots
from bot.slack.web_api import Calls

CONNECTIONS = 2
"""Slack closes each connection every few hours; the other one takes the clicks meanwhile."""
CHECK_S = 1.0
PATIENCE_S = 15.0
"""How long a connection may be down before it is replaced; doubled after each failed attempt."""
LONGEST_PATIENCE_S = 120.0
FIRST_S = 5.0
"""How long the start waits to hear whether the app token is good."""
REST_S = 1.0
"""Minimum delay before reconnecting, in seconds; doubled if Slack ended the connection soon."""
SOON_S = 10.0
DRAIN_S = 30.0
"""How long an ending connection is listened to; Slack ends it about ten seconds after its notice."""
CLOSE_S = 5.0

_log = structlog.get_logger(__name__)


class Delivery(Protocol):
    """A way for clicks to come in."""

    async def start(self) -> None:
        """Start. Raises SettingsError if Slack refuses a token."""
        ...

    async def stop(self) -> None:
        """Stop."""
        ...

    def healthy(self) -> bool:
        """Whether a click would arrive now."""
        ...

    def others(self) -> int:
        """Return how many connections of the app certainly belong to another bot."""
        ...


@dataclass(slots=True)
class _Line:
    """One of the connections: its client, since when it is down, and the line that takes over."""

    handler: AsyncSocketModeHandler
    connecting: asyncio.Task[None]
    made_at: float
    down_since: float | None
    patience_s: float
    rest_s: float = REST_S
    ending_at: float | None = None
    """When it ended, or when Slack announced its end."""
    relief: _Line | None = None

    @property
    def with_reliefs(self) -> list[_Line]:
        """This line and its successors."""
        return [self, *(self.relief.with_reliefs if self.relief is not None else [])]


class SocketDelivery:
    """Several Socket Mode connections, and a watch over them.

    Each is used once. The SDK (3.47.0) closes one that Slack is about to end before it makes another, so that
    clicks are lost in between: here another takes over first, and the old one is listened to until Slack ends
    it. And the SDK goes on for ever with a ticket that is spent, so one that does not come up is replaced.
    """

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        *,
        connections: int = CONNECTIONS,
        check_s: float = CHECK_S,
        patience_s: float = PATIENCE_S,
        drain_s: float = DRAIN_S,
        waits: other_bots.Waits = other_bots.USUAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._calls = Calls(app.client, clock)
        self._connections = connections
        self._check_s = check_s
        self._patience_s = patience_s
        self._drain_s = drain_s
        self._clock = clock
        self._others = other_bots.Others(clock, waits)
        self._lines: list[_Line] = []
        self._hanging_up: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Returns at once if Slack cannot be reached; the watch keeps trying."""
        first = self._handler()
        try:
            await self._ask_first(first)
        except BaseException:
            await _close(first)
            raise
        self._lines = [self._connect(first)]
        self._lines += [self._connect(self._handler()) for _ in range(self._connections - 1)]
        self._watching = asyncio.create_task(self._watch(), name="socket mode watch")

    async def _ticket(self, handler: AsyncSocketModeHandler) -> str:
        """Get an address for one connection. The SDK's own way ignores the limits of other connections."""
        opening = self._calls.client.apps_connections_open
        told = await self._calls.call("apps.connections.open", opening, app_token=self._app_token)
        address = str(told["url"])
        handler.client.proxy = proxy_for(address)
        return address

    async def _ask_first(self, handler: AsyncSocketModeHandler) -> None:
        """Get the first ticket, to learn whether the token is good. Raises SettingsError if it is not."""
        try:
            async with asyncio.timeout(FIRST_S):
                handler.client.wss_uri = await self._ticket(handler)
        except TimeoutError:
            _log.warning("socket_mode_slow_to_open")
        except CallFailed as failed:
            if failed.failure.kind in (FailureKind.TOKEN, FailureKind.REFUSED):
                raise SettingsError(
                    f"SLACK_APP_TOKEN does not work ({failed.failure.error}): on the app's page Basic "
                    "Information make an app-level token with the scope connections:write (xapp-…)."
                ) from failed

    async def stop(self) -> None:
        """Close every connection."""
        if self._watching is not None:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        for draining in self._hanging_up:
            draining.cancel()
        closing = [_hang_up(each) for line in self._lines for each in line.with_reliefs]
        await asyncio.gather(*self._hanging_up, *closing, return_exceptions=True)
        self._lines = []

    def healthy(self) -> bool:
        """Whether at least one connection is up."""
        return any(line.down_since is None for line in self._lines)

    def others(self) -> int:
        """Return how many connections Slack counts that are not this bot's; 0 until that is certain."""
        return self._others.count

    def _handler(self) -> AsyncSocketModeHandler:
        return AsyncSocketModeHandler(self._app, self._app_token)

    def _connect(self, handler: AsyncSocketModeHandler, patience_s: float | None = None) -> _Line:
        connecting = asyncio.create_task(_connected(handler), name="socket mode connect")
        connecting.add_done_callback(lambda _: self._news.set())
        now = self._clock()
        line = _Line(handler, connecting, now, now, patience_s or self._patience_s)

        async def ending(*, force: bool = False) -> None:  # noqa: ARG001 - as the SDK calls it
            """Note that Slack ends the connection. This replaces the SDK's reconnecting."""
            if line.ending_at is None:
                line.ending_at = self._clock()
            self._news.set()

        async def hear(_client: object, message: dict[str, Any], _raw: str | None) -> None:
            if message.get("type") == "hello" and isinstance(message.get("num_connections"), int):
                self._others.greeted(message["num_connections"])

        handler.client.message_listeners.append(hear)
        self._others.opened(handler)
        handler.client.connect_to_new_endpoint = ending  # type: ignore[method-assign, assignment]

        async def ticket() -> str:
            return await self._ticket(handler)

        handler.client.issue_new_wss_url = ticket  # type: ignore[method-assign]
        return line

    async def _watch(self) -> None:
        while True:
            self._news.clear()
            for place, line in enumerate(self._lines):
                try:
                    self._lines[place] = await self._checked(line)
                except Exception as error:  # noqa: BLE001 - the watch must outlive the connections
                    _log.warning("socket_mode_check_failed", error=str(error))
            self._ask_for_a_greeting()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._check_s):
                    await self._news.wait()

    def _ask_for_a_greeting(self) -> None:
        """Replace a healthy connection: Slack then says how many it counts."""
        well = [line for line in self._lines if line.ending_at is None and line.down_since is None]
        if len(well) == len(self._lines) and self._others.wants_greeting():
            well[0].ending_at = self._clock()

    async def _checked(self, line: _Line) -> _Line:
        """Return the line, or its replacement."""
        now = self._clock()
        up = await line.handler.client.is_connected()
        if up:
            line.down_since = None
        elif line.down_since is None:
            line.down_since = line.ending_at = now
        if line.ending_at is not None:
            return await self._relieved(line)
        if up:
            line.patience_s = self._patience_s
            return line
        if line.down_since is None or now - line.down_since < line.patience_s:
            return line
        _log.warning("socket_mode_replaced", down_s=round(now - line.down_since, 1))
        self._begin_hanging_up(line, 0.0)
        return self._connect(self._handler(), min(LONGEST_PATIENCE_S, 2 * line.patience_s))

    async def _relieved(self, line: _Line) -> _Line:
        """Replace a line that Slack is about to end. Returns the new one once it is up."""
        if line.relief is None:
            if self._clock() - line.made_at >= line.rest_s:
                line.relief = self._connect(self._handler())
                if line.ending_at is not None and line.ending_at - line.made_at < SOON_S:
                    line.relief.rest_s = min(LONGEST_PATIENCE_S, 2 * line.rest_s)
            return line
        line.relief = await self._checked(line.relief)
        if line.relief.down_since is not None:
            return line
        self._begin_hanging_up(line, self._drain_s)
        return line.relief

    def _begin_hanging_up(self, line: _Line, drain_s: float) -> None:
        task = asyncio.create_task(self._drained(line, drain_s), name="socket mode hang up")
        self._hanging_up.add(task)
        task.add_done_callback(self._hanging_up.discard)

    async def _drained(self, line: _Line, drain_s: float) -> None:
        """Listen until Slack ends the connection, then close it."""
        try:
            until = self._clock() + drain_s
            while self._clock() < until and await line.handler.client.is_connected():  # noqa: ASYNC110 - no event
                await asyncio.sleep(self._check_s)
        finally:
            await _hang_up(line)
            self._others.closed(line.handler)


async def _hang_up(line: _Line) -> None:
    line.connecting.cancel()
    with suppress(asyncio.CancelledError):
        await line.connecting
    await _close(line.handler)


async def _connected(handler: AsyncSocketModeHandler) -> None:
    # The SDK's own method says nothing of what it returns.
    await handler.connect_async()  # type: ignore[no-untyped-call]


async def _close(handler: AsyncSocketModeHandler) -> None:
    """Close a connection and its tasks, even if the other end does not answer."""
    client: Any = handler.client
    try:
        async with asyncio.timeout(CLOSE_S):
            await client.close()
    except (TimeoutError, OSError, RuntimeError) as error:
        _log.warning("socket_mode_not_closed", error=str(error))
    finally:
        await client.aiohttp_client_session.close()
