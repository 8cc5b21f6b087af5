"""Small pieces that routes share: who asks, a JSON reply, a long poll that notices when nobody listens."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import orjson
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from bot.api import models
from bot.api.problems import ApiError
from bot.domain.record import TokenRecord
from bot.errors import TooMany

T = TypeVar("T")

KEY_NAME = "Idempotency-Key"
KEY = re.compile(models.KEY)
KEY_HEADER = {
    "name": KEY_NAME,
    "in": "header",
    "required": False,
    "description": "as in the body; either will do",
    "schema": {"type": "string", "pattern": models.KEY},
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


class Direct(APIRoute):
    """A route whose endpoint takes the request as it is and reads it by itself.

    Solving dependencies that an endpoint does not have would be a quarter of a passing proposal's cost.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what calls the endpoint with the request and the path's parameters."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, **request.path_params)
            return response

        return handle


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
    header = request.headers.get(KEY_NAME)
    if header is None:
        return in_body
    if not KEY.fullmatch(header):
        raise ApiError(422, "invalid", f"{KEY_NAME}: it is not 1 to 200 printable ASCII characters")
    if in_body not in (None, header):
        raise ApiError(409, "conflict", f"{KEY_NAME}: it differs from body.idempotency_key")
    return header


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
