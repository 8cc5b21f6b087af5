"""Assembles the HTTP API from its routes, middleware and error handlers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from bot.api import openapi, problems
from bot.api.action_routes import Actions
from bot.api.authentication import Authentication
from bot.api.health import Health
from bot.api.long_polls import Polls
from bot.api.monitoring_routes import Monitoring
from bot.api.operator_routes import Operators
from bot.api.problems import ApiError
from bot.api.query_checks import Checked
from bot.api.request_body import invalid
from bot.api.response_bodies import CardLink, no_link
from bot.api.thread_routes import Host, Threads
from bot.api.token_rate_limits import Buckets
from bot.errors import MembraneError
from bot.membrane import Membrane
from bot.metrics import Metrics

DESCRIPTION = """
Agents propose actions; the policy rules them; actions that are hard to undo wait for a person.

1. `POST /v1/actions` proposes. State `passed`: go on with 3. State `waiting`: people are asked.
2. `GET /v1/actions/{id}?wait=30` waits until `outcome` is set, or for as long as you like.
3. `POST /v1/actions/{id}/claim` with the `args_digest` starts it, once. **Only then may the effect happen.**
4. `POST /v1/actions/{id}/report` says what happened.

An outcome `expired` is not a refusal by a person: `outcome_reason` says why nobody decided in time.
Errors are RFC 9457 problems. Their `type` is stable; their `detail` is for people.
"""

log = structlog.get_logger(__name__)


def build_api(
    membrane: Membrane,
    *,
    health: Health,
    metrics: Metrics,
    host: Host | None = None,
    rate: float = 0.0,
    closing: asyncio.Event | None = None,
    version: str = "0",
    clock: Callable[[], float] = time.time,
    card_link: CardLink = no_link,
) -> FastAPI:
    """Return the HTTP API.

    `host` runs the hosted graphs; without one there are no routes for threads. `rate` is in requests a
    second for one token, 0 for no limit. `closing` is set when the bot stops, and ends the long polls.
    `card_link` makes links to cards.
    """
    api = FastAPIOffline(  # FastAPI's own page loads scripts from another host
        title="Checkpoint Membrane", version=version, description=DESCRIPTION, redoc_url=None,
        generate_unique_id_function=lambda route: route.name, redirect_slashes=False,
    )  # fmt: skip
    api.router.route_class = Checked
    polls = Polls(closing or asyncio.Event())
    Actions(membrane, polls, clock, card_link).add_to(api.router)
    if host is not None:
        Threads(membrane, host, polls, card_link).add_to(api.router)
    Operators(membrane).add_to(api.router)
    Monitoring(health, metrics).add_to(api.router)
    api.add_middleware(Authentication, tokens=membrane.tokens, buckets=Buckets(rate))
    _translate_errors(api)

    def described() -> dict[str, Any]:
        return openapi.describe(api)

    api.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to extend its page
    return api


def _translate_errors(api: FastAPI) -> None:
    async def membrane_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, MembraneError)
        problem = problems.of_error(error)
        if problem.status == 500:
            log.error("an error has no problem type, so the agent got status 500", error=str(error))
        return problem.response()

    async def api_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return error.response()

    async def invalid_parameter(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid(error.errors()).response()

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = None
        if error.status_code == 404:
            detail = f"there is nothing at {request.url.path}; /docs shows what there is"
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = allowed = ", ".join(_methods(api, request))
            detail = f"{request.url.path} takes {allowed}, not {request.method}"
        return problems.of_status(error.status_code, detail, headers).response()

    async def unexpected(_: Request, __: Exception) -> Response:
        # The server logs the traceback; the client gets no internal detail.
        return ApiError(500, "internal", "the bot failed; its log has the error").response()

    api.add_exception_handler(MembraneError, membrane_error)
    api.add_exception_handler(ApiError, api_error)
    api.add_exception_handler(RequestValidationError, invalid_parameter)
    api.add_exception_handler(HTTPException, http_error)
    api.add_exception_handler(Exception, unexpected)


def _methods(api: FastAPI, request: Request) -> list[str]:
    """Return every method of a path; the framework names only those of the first matching route."""
    fitting = [route for route in api.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in fitting for method in getattr(route, "methods", None) or ()})
