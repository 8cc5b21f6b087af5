"""Who may come in: every request below `/v1/` carries an agent's token.

Pure ASGI, because each layer of Starlette's own middleware costs a task and two queues per request.
"""

from __future__ import annotations

from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api import problems
from bot.api.problems import ApiError
from bot.api.rates import Buckets
from bot.domain.record import TokenRecord
from bot.errors import MembraneError, TooMany

GUARDED = "/v1/"
OPERATORS = "/v1/operator/"
"""Where operators' tokens open, and no agent's."""
MAX_TOKEN = 200
_WRONG_ROLE = {
    True: "this is an operator's token; agents propose with their own (`membrane token create --agent NAME`)",
    False: "this is an agent's token; operators have their own (`membrane token create --operator NAME`)",
}


class Tokens(Protocol):
    """Who a token belongs to."""

    async def authenticate(self, token: str) -> TokenRecord | None:
        """Return the live token's record, or None."""
        ...


class Door:
    """Authenticates, limits the rate, and puts the token's record where the routes find it."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, buckets: Buckets) -> None:
        self._app = app
        self._tokens = tokens
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            try:
                scope.setdefault("state", {})["caller"] = await self._admit(scope)
            except ApiError as error:
                await error.response()(scope, receive, send)
                return
            except MembraneError as error:
                await problems.of_error(error).response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

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
