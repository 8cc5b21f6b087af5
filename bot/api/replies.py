"""Small pieces that routes share: who asks, a JSON reply, a long poll that notices when nobody listens."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from bot.api.problems import ApiError
from bot.api.queries import Checked, checked
from bot.domain.labels import what_is_wrong
from bot.domain.record import TokenRecord
from bot.errors import TooMany

T = TypeVar("T")

KEY_NAME = "Idempotency-Key"
ENCODED = "UTF-8''"
"""How a header's value begins that is percent-encoded, as RFC 8187 writes it."""
KEY_HEADER = {
    "name": KEY_NAME,
    "in": "header",
    "required": False,
    "description": "As `idempotency_key` in the body; either will do. A header holds ASCII, taken as it "
    "is. A key in another script goes into the body, or is percent-encoded here as RFC 8187 has it: "
    "`UTF-8''%C3%BCberweisung-7` is `überweisung-7`.",
    "schema": {"type": "string", "pattern": r"^[!-~]([ -~]{0,198}[!-~])?$"},
}
MOST_POLLS = 100
"""Long polls that one token may have open at once."""
RETRY_POLL_S = 5.0


def caller(request: Request) -> TokenRecord:
    """Return whose token the request carries; the door put it there."""
    record: TokenRecord = request.scope["state"]["caller"]
    return record


def reply(body: Any, status: int = 200) -> Response:
    """Return JSON."""
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), status, media_type="application/json")


class Direct(Checked):
    """A route whose endpoint takes the request as it is and reads it by itself.

    Solving dependencies that an endpoint does not have would be a quarter of a passing proposal's cost.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what calls the endpoint with the request and the path's parameters."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, **request.path_params)
            return response

        return checked(self, handle)


def body_schema(model: str, *, keyed: bool = False) -> dict[str, Any]:
    """Return the OpenAPI description of a body that `bot.api.body` reads; `keyed` adds the header."""
    schema = {"schema": {"$ref": f"#/components/schemas/{model}"}}
    extra: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": schema}}}
    if keyed:
        extra["parameters"] = [KEY_HEADER]
    return extra


def key_of(request: Request, in_body: str | None) -> str | None:
    """Return the idempotency key, wherever it stands.

    Raises ApiError where it has no right shape, or where header and body differ.
    """
    given = request.headers.getlist(KEY_NAME)
    if not given:
        return in_body
    key = _key_in(given)
    if in_body not in (None, key):
        raise ApiError(409, "conflict", f"{KEY_NAME}: it differs from body.idempotency_key")
    return key


def _key_in(given: list[str]) -> str:
    """Return the key that a header holds. Raises ApiError."""
    if len(given) > 1:
        raise _bad_key(f"it is given {len(given)} times")
    key = given[0]
    if not key.isascii():
        raise _bad_key(
            "a header holds ASCII alone; put the key into body.idempotency_key, or percent-encode it as "
            f"{ENCODED}%C3%BC"
        )
    if key[: len(ENCODED)].upper() == ENCODED:
        try:
            key = unquote(key[len(ENCODED) :], errors="strict")
        except UnicodeDecodeError as error:
            raise _bad_key("its percent-encoded bytes are not UTF-8") from error
    if (wrong := what_is_wrong(key)) is not None:
        raise _bad_key(wrong)
    return key


def _bad_key(why: str) -> ApiError:
    fault = {"where": f"header.{KEY_NAME}", "what": why}
    return ApiError(422, "invalid", f"{KEY_NAME}: {why}", {"errors": [fault]})


class Polls:
    """The long polls that are open: so many for each token, and all ended when the bot stops."""

    def __init__(self, closing: asyncio.Event) -> None:
        self._closing = closing
        self._open: Counter[str] = Counter()

    async def poll(self, request: Request, work: Awaitable[T]) -> T | None:
        """Wait for `work`; None where the client went away, or the bot stops, before it was done."""
        token = caller(request).id
        if self._open[token] >= MOST_POLLS:
            asyncio.ensure_future(work).cancel()
            raise TooMany(f"this token has {MOST_POLLS} requests waiting already", retry_after=RETRY_POLL_S)
        self._open[token] += 1
        request.scope["state"]["visit"].end()  # who waits for people holds up no machine
        try:
            return await self._first(asyncio.ensure_future(work), request.receive)
        finally:
            self._open[token] -= 1
            if not self._open[token]:
                del self._open[token]

    async def _first(self, working: asyncio.Future[T], receive: Receive) -> T | None:
        others: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(_gone(receive)),
            asyncio.ensure_future(self._closing.wait()),
        }
        try:
            await asyncio.wait([working, *others], return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            tasks: set[asyncio.Future[Any]] = {working, *others}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
