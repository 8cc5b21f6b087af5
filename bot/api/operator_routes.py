"""The routes for operators' tokens: freeze and thaw. They refuse agents' tokens."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bot.api import request_body, request_models, response_bodies, response_models
from bot.api.authentication import OPERATORS
from bot.api.problems import documented
from bot.api.routes import Direct, body_schema, caller, reply
from bot.domain.freezing import Freeze
from bot.membrane import Membrane

FREEZES = f"{OPERATORS}freezes"
THAWS = f"{OPERATORS}thaws"


class Operators:
    """The operators' operations. Each docstring is the operation's text on the OpenAPI page."""

    def __init__(self, membrane: Membrane) -> None:
        self._membrane = membrane

    async def freeze(self, request: Request) -> Response:
        """Freeze an agent, a kind, a graph, or `all`: none of its actions passes, is claimed or starts.

        The freeze holds from this answer on, also for actions that were approved before. Frozen actions are
        parked, not refused: votes count, windows go on, and an approval that lapses meanwhile is asked again
        after the thaw.
        """
        asked = await request_body.read(request, request_models.FreezeRequest)
        until = asked.until.timestamp() if asked.until is not None else None
        made = await self._membrane.freezes.freeze(asked.name, why=asked.why, by=_by(request), until=until)
        self._membrane.wakeups.wake()
        return reply(_freeze(made), 201)

    async def frozen(self, request: Request) -> Response:  # noqa: ARG002 - every operation takes it
        """Return the freezes that hold now."""
        return reply({"freezes": [_freeze(each) for each in await self._membrane.freezes.listed()]})

    async def thaw(self, request: Request) -> Response:
        """End every freeze of a name. Frozen actions pass; approvals that are still valid can be claimed."""
        asked = await request_body.read(request, request_models.ThawRequest)
        ended = await self._membrane.freezes.thaw(asked.name, by=_by(request))
        self._membrane.wakeups.wake()
        return reply({"freezes": [_freeze(each) for each in ended]})

    def add_to(self, routes: APIRouter) -> None:
        """Add the routes."""
        common: dict[str, Any] = {"route_class_override": Direct, "tags": ["operators"]}
        routes.add_api_route(
            FREEZES,
            self.freeze,
            methods=["POST"],
            status_code=201,
            response_model=response_models.FreezeAnswer,
            responses=documented(400, 408, 413, 415, 422),
            openapi_extra=body_schema("FreezeRequest"),
            **common,
        )
        routes.add_api_route(
            FREEZES,
            self.frozen,
            methods=["GET"],
            response_model=response_models.FreezesAnswer,
            responses=documented(),
            **common,
        )
        routes.add_api_route(
            THAWS,
            self.thaw,
            methods=["POST"],
            response_model=response_models.FreezesAnswer,
            responses=documented(400, 404, 408, 413, 415, 422),
            openapi_extra=body_schema("ThawRequest"),
            **common,
        )


def _by(request: Request) -> str:
    token = caller(request)
    return f"{token.owner} ({token.agent}, {token.id})"


def _freeze(freeze: Freeze) -> dict[str, Any]:
    return {
        "id": freeze.id,
        "name": freeze.name,
        "why": freeze.why,
        "by": freeze.by,
        "since": response_bodies.instant(freeze.since),
        "until": response_bodies.instant(freeze.until),
    }
