"""The Web API: it authorises each call, applies rate limits and faults, and runs the method."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.localslack.call_log import ApiCall, CallLog
from bot.localslack.credentials import Credentials
from bot.localslack.faults import Fault, Faults
from bot.localslack.method import Call, Method
from bot.localslack.method_args import Args, read_args
from bot.localslack.method_rates import RateLimits
from bot.localslack.methods import METHODS
from bot.localslack.refusals import SlackRefusal
from bot.localslack.state import State
from bot.localslack.workspace import Json


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a method, before it becomes HTTP."""

    body: Json
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        """Return the HTTP response."""
        return web.json_response(self.body, status=self.status, headers=self.headers)


def rate_limited(seconds: int) -> Answer:
    """Return the answer to too many requests; the next may come after `seconds`."""
    return Answer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(seconds)})


def drop(request: web.Request) -> web.Response:
    """Break the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


class WebApi:
    """Serves ``/api/{method}``.

    Args:
        socket_url: makes a one-use WebSocket URL.
        spawn: runs a coroutine in the background.
    """

    def __init__(
        self,
        *,
        state: State,
        credentials: Credentials,
        scopes: frozenset[str],
        rates: RateLimits,
        faults: Faults,
        calls: CallLog,
        socket_url: Callable[[], str],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self.scopes = scopes
        self._state = state
        self._credentials = credentials
        self._rates = rates
        self._faults = faults
        self._calls = calls
        self._socket_url = socket_url
        self._spawn = spawn

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        name = request.match_info["method"]
        try:
            args = await read_args(request)
        except SlackRefusal as refusal:
            return self._refused(refusal).response()
        token = _token(request, args)

        def run() -> Answer:
            return self._answer(name, token, args)

        fault = self._faults.take(name, args.values)
        if fault is None:
            answer = run()
            self._log(name, args, str(answer.body.get("error", "")))
            return answer.response()
        self._log(name, args, fault.error if fault.kind == "error" else "", fault.kind)
        return await self._with_fault(fault, request, run)

    def _answer(self, name: str, token: str, args: Args) -> Answer:
        method = METHODS.get(name)
        if method is None:
            return self._refused(SlackRefusal("unknown_method", req_method=name))
        headers = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        if method.scopes:
            headers["x-accepted-oauth-scopes"] = ",".join(method.scopes)
        call = Call(args=args, state=self._state, scopes=self.scopes, socket_url=self._socket_url)
        try:
            self._authorise(method, token)
            call.require_scope(*method.scopes)
            channel, slow = self._channel(args.text("channel")), self._state.slow_history
            wait = self._rates.wait_for(name, method.tier, channel, slow_history=slow)
            return rate_limited(wait) if wait else Answer({"ok": True, **method.run(call)}, headers=headers)
        except SlackRefusal as refusal:
            return self._refused(refusal, headers)

    def _channel(self, name: str) -> str:
        """Return the id of a channel, since its rate does not depend on how a call names it."""
        found = self._state.named(name) or self._state.find_dm(frozenset({self._state.bot_user_id, name}))
        return found.id if found else name

    def _authorise(self, method: Method, token: str) -> None:
        kinds = {"bot": self._credentials.bot_token, "app": self._credentials.app_token}
        if method.token == "none":  # noqa: S105  (a kind of token, not a token)
            return
        if not token:
            raise SlackRefusal("not_authed")
        if token not in kinds.values():
            raise SlackRefusal("invalid_auth")
        if token != kinds[method.token]:
            raise SlackRefusal("not_allowed_token_type")

    @staticmethod
    def _refused(refusal: SlackRefusal, headers: dict[str, str] | None = None) -> Answer:
        return Answer({"ok": False, "error": refusal.error, **refusal.extra}, headers=headers or {})

    async def _with_fault(
        self, fault: Fault, request: web.Request, run: Callable[[], Answer]
    ) -> web.StreamResponse:
        if fault.kind == "rate_limit":
            return rate_limited(fault.retry_after).response()
        if fault.kind == "lands_late":
            self._spawn(self._later(fault, run))
            return drop(request)
        if fault.kind == "delay":
            early = run() if fault.after else None
            await self._faults.last(fault)
            return (early or run()).response()
        if fault.after:
            run()
        if fault.kind == "drop":
            return drop(request)
        if fault.kind == "http":
            return web.Response(
                status=fault.status, text="<html>upstream failed</html>", content_type="text/html"
            )
        return Answer({"ok": False, "error": fault.error}).response()

    async def _later(self, fault: Fault, run: Callable[[], Answer]) -> None:
        await self._faults.last(fault)
        run()

    def _log(self, name: str, args: Args, error: str, fault: str = "") -> None:
        shown = {key: value for key, value in args.values.items() if key != "token"}
        self._calls.add(ApiCall(method=name, args=shown, error=error, fault=fault, at=self._state.clock()))


def _token(request: web.Request, args: Args) -> str:
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else args.text("token")
