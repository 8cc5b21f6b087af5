"""Pieces that all routes share: the caller, JSON responses, and a route class that reads bodies itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bot.api.idempotency import KEY_HEADER
from bot.api.query_checks import Checked, checked
from bot.domain.record import TokenRecord


def caller(request: Request) -> TokenRecord:
    """Return the record of the request's token, which `bot.api.authentication` found."""
    record: TokenRecord = request.scope["state"]["caller"]
    return record


def reply(body: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), status, media_type="application/json")


class Direct(Checked):
    """A route whose endpoint takes the request and reads it itself.

    FastAPI's dependency solver, which such an endpoint does not need, would be a quarter of a passing
    proposal's cost.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a handler that calls the endpoint with the request and the path's parameters."""
        endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            response: Response = await endpoint(request, **request.path_params)
            return response

        return checked(self, handle)


def body_schema(model: str, *, keyed: bool = False) -> dict[str, Any]:
    """Return the OpenAPI description of a body that `bot.api.request_body` reads; `keyed` adds the header."""
    schema = {"schema": {"$ref": f"#/components/schemas/{model}"}}
    extra: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": schema}}}
    if keyed:
        extra["parameters"] = [KEY_HEADER]
    return extra
