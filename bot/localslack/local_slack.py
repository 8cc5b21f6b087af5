"""The local workspace as a server."""

import asyncio
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bot.localslack.bot_delivery import BotDelivery
from bot.localslack.browser import Browser
from bot.localslack.call_log import CallLog
from bot.localslack.client_state import ClientState
from bot.localslack.credentials import Credentials
from bot.localslack.faults import Faults
from bot.localslack.loopback_guard import LoopbackGuard, check_loopback
from bot.localslack.method_rates import RateLimits
from bot.localslack.methods import ALL_SCOPES
from bot.localslack.people_acts import PeopleActs
from bot.localslack.person import Person
from bot.localslack.responses import Responses
from bot.localslack.slack_api import WebApi
from bot.localslack.socket_mode import Sockets
from bot.localslack.state import Clock, State
from bot.localslack.workspace import RequestUrls, Workspace

ACK_TIMEOUT = 3.0  # seconds in which Slack wants an answer


class LocalSlack:
    """A Slack workspace on this machine. Use it as an async context manager, or `start` and `stop` it.

    Args:
        workspace: the people and channels it starts with.
        port: 0 picks a free one.
        scopes: the scopes of the bot token; by default all that the methods need.
        rate_scale: 1.0 for Slack's documented limits, 2.0 for twice as much, None for no limits.
        retry_scale: a factor on the minutes between retries of an event.
        ack_timeout: seconds in which the bot must acknowledge.
        subscriptions: the events that the app subscribes to: ``app_home_opened``, ``message.im``,
            ``message.channels``, ``message.groups``, ``message.mpim``.
        clock: unix seconds, for trigger ids, response URLs, rates and timestamps.

    Raises:
        ValueError: `host` is not a loopback address.
    """

    def __init__(
        self,
        workspace: Workspace,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        scopes: frozenset[str] = ALL_SCOPES,
        rate_scale: float | None = 1.0,
        retry_scale: float = 1.0,
        ack_timeout: float = ACK_TIMEOUT,
        subscriptions: frozenset[str] = frozenset({"app_home_opened"}),
        credentials: Credentials | None = None,
        clock: Clock = time.time,
    ) -> None:
        check_loopback(host)
        self._host = host
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        self._guard = LoopbackGuard()
        self.workspace = workspace
        self.credentials = credentials or Credentials()
        self.state = State(workspace, clock)
        self.faults = Faults()
        self.calls = CallLog()
        self.rates = RateLimits(clock, rate_scale)
        self.sockets = self._make_sockets(ack_timeout)
        self.delivery = self._make_delivery(retry_scale)
        self.people = PeopleActs(
            state=self.state,
            delivery=self.delivery,
            base_url=lambda: self.base_url,
            subscriptions=subscriptions,
        )
        self._api = self._make_api(scopes)

    def _make_sockets(self, ack_timeout: float) -> Sockets:
        return Sockets(
            app_id=self.app_id,
            host="localslack",
            faults=self.faults,
            ack_timeout=ack_timeout,
            changed=self.state.changes.note,
        )

    def _make_delivery(self, retry_scale: float) -> BotDelivery:
        return BotDelivery(
            target=self.workspace.delivery,
            sockets=self.sockets,
            signing_secret=self.signing_secret,
            faults=self.faults,
            spawn=self._spawn,
            retry_scale=retry_scale,
        )

    def _make_api(self, scopes: frozenset[str]) -> WebApi:
        return WebApi(
            state=self.state,
            credentials=self.credentials,
            scopes=scopes,
            rates=self.rates,
            faults=self.faults,
            calls=self.calls,
            socket_url=lambda: self.sockets.url(self.base_url.replace("http", "ws", 1)),
            spawn=self._spawn,
        )

    @property
    def base_url(self) -> str:
        """The web page, ``http://127.0.0.1:PORT``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def api_url(self) -> str:
        """The argument for ``AsyncWebClient(base_url=…)``."""
        return f"{self.base_url}/api/"

    @property
    def bot_token(self) -> str:
        """``xoxb-…``"""
        return self.credentials.bot_token

    @property
    def app_token(self) -> str:
        """``xapp-…``, for Socket Mode."""
        return self.credentials.app_token

    @property
    def signing_secret(self) -> str:
        """The secret that signs requests to the bot."""
        return self.credentials.signing_secret

    @property
    def bot_user_id(self) -> str:
        """The user id under which the app posts."""
        return self.workspace.bot.user_id

    @property
    def app_id(self) -> str:
        """The app's id."""
        return self.workspace.bot.app_id

    @property
    def team_id(self) -> str:
        """The workspace's id."""
        return self.workspace.team_id

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of the bot token. They can be set at any time."""
        return self._api.scopes

    @scopes.setter
    def scopes(self, scopes: frozenset[str]) -> None:
        self._api.scopes = scopes

    def deliver_to(self, target: str | RequestUrls) -> None:
        """Deliver to ``"socket"`` or to the bot's request URL(s) from now on."""
        self.delivery.target = target

    def person(self, user_id: str) -> Person:
        """Return a client that acts as this person over the page's protocol. Close it after use."""
        return Person(self.base_url, user_id)

    async def start(self) -> None:
        """Start to listen.

        Raises:
            OSError: the port is taken.
        """
        self._closing.clear()
        app = web.Application(middlewares=[self._guard.middleware])
        app.on_shutdown.append(self._end_waiting)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening and drop running work. The state stays, and `start` continues with it."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _routes(self) -> list[web.RouteDef]:
        browser = Browser(
            state=self.state,
            people=self.people,
            client=ClientState(self.state, self._bot_connected),
            guard=self._guard,
            closing=self._closing,
        )
        responses = Responses(state=self.state, faults=self.faults)
        return [
            web.route("*", "/api/{method}", self._api.handle),
            web.get("/link/", self.sockets.accept),
            web.post("/actions/{team}/{secret}", responses.handle),
            *browser.routes(),
        ]

    def _bot_connected(self) -> bool:
        return self.delivery.target != "socket" or self.sockets.count > 0

    async def _end_waiting(self, _app: web.Application) -> None:
        self._closing.set()
        self.state.changes.note()
        await self.sockets.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
