"""Authentication: every request below `/v1/` needs the token of an agent or an operator.

It is pure ASGI, because each layer of Starlette's own middleware costs a task and two queues per request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.api import problems
from bot.api.fair_queue import FairQueue
from bot.api.problems import ApiError
from bot.api.token_rate_limits import BYTES_A_REQUEST, Buckets
from bot.domain.record import TokenRecord
from bot.errors import MembraneError, TooMany

GUARDED = "/v1/"
OPERATORS = "/v1/operator/"
"""Routes for operators' tokens only; agents' tokens work on all others."""
MAX_TOKEN = 200
_WRONG_ROLE = {
    True: "this is an operator's token; agents propose with their own (`membrane token create --agent NAME`)",
    False: "this is an agent's token; operators have their own (`membrane token create --operator NAME`)",
}
WITH_BODY = {"POST", "PUT", "PATCH", "DELETE"}
"""Methods whose requests take their turn only when their body has arrived."""


class Tokens(Protocol):
    """Finds the record of a token."""

    async def authenticate(self, token: str) -> TokenRecord | None:
        """Return the record of a token that is not revoked, or None."""
        ...


class Visit:
    """One request's turn in the queue, and its cost against the rate limit."""

    def __init__(self, token_id: str, queue: FairQueue, buckets: Buckets) -> None:
        self._token_id = token_id
        self._queue = queue
        self._buckets = buckets
        self._end: Callable[[], None] | None = None

    async def begin(self, size: int = 0, values: int = 0) -> None:
        """Charge for a body of `size` bytes that has arrived, and wait for the request's turn.

        `values` is how many JSON values the body holds at most. Raises TooMany.
        """
        self._buckets.charge(self._token_id, size)
        self._end = await self._queue.take(self._token_id, size, values)

    def count(self, more: int) -> None:
        """Charge for `more` further requests, which one request combines."""
        self._buckets.charge(self._token_id, more * BYTES_A_REQUEST)

    def end(self) -> None:
        """End the turn: the answer is ready, or waits for people."""
        if self._end is not None:
            self._end()


class Authentication:
    """ASGI middleware that authenticates, limits the rate, and keeps the token's record for the routes."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, buckets: Buckets) -> None:
        self._app = app
        self._queue = FairQueue()
        self._tokens = tokens
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem."""
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._admit(scope)
            visit = Visit(caller.id, self._queue, self._buckets)
            state = scope.setdefault("state", {})
            state["caller"], state["visit"] = caller, visit
            if scope["method"] not in WITH_BODY:
                await visit.begin()
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        except MembraneError as error:
            await problems.of_error(error).response()(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            visit.end()  # from here on only the client's pace counts
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            visit.end()

    async def _admit(self, scope: Scope) -> TokenRecord:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        if given is None:
            raise _unauthorized("send the agent's token as Authorization: Bearer mbr_…")
        scheme, _, token = given.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
            raise _unauthorized("the Authorization header is not Bearer and a token")
        caller = await self._tokens.authenticate(token.strip())
        if caller is None:
            raise _unauthorized("this token is unknown or revoked; `membrane token create` makes one")
        if caller.operator != scope["path"].startswith(OPERATORS):
            raise ApiError(403, "forbidden", _WRONG_ROLE[caller.operator])
        if caller.unconfirmed_since is not None:
            raise _unauthorized(
                "the database was restored from a backup, and whether this token was revoked since is not "
                f"known: an operator confirms it (`membrane token confirm {caller.id}`), or revokes it"
            )
        if wait := self._buckets.take(caller.id):
            raise TooMany("this token asks too often; slow down", retry_after=wait)
        return caller


def _unauthorized(detail: str) -> ApiError:
    return ApiError(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="membrane"'})
