"""The routes for monitoring: liveness, readiness and metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.api import response_models
from bot.api.health import Health
from bot.api.routes import reply
from bot.metrics import Metrics

UNWELL: dict[int | str, dict[str, Any]] = {
    503: {"model": response_models.HealthAnswer, "description": "it is not; `problems` says why"}
}


class Monitoring:
    """The monitoring operations, which need no token. Each docstring is the operation's text."""

    def __init__(self, health: Health, metrics: Metrics) -> None:
        self._health = health
        self._metrics = metrics

    async def alive(self, _: Request) -> Response:
        """Say whether the process is alive: every sweep has run recently. If not, restart it."""
        return _answer(self._health.dead(), await self._health.notes())

    async def ready(self, _: Request) -> Response:
        """Say whether the bot can serve: the store answers, Slack is connected, the courier keeps up."""
        return _answer(await self._health.unready(), await self._health.notes())

    async def figures(self, _: Request) -> Response:
        """Return metrics for Prometheus."""
        return Response(await self._metrics.scrape(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def add_to(self, routes: APIRouter) -> None:
        """Add the routes."""
        for path, endpoint in (("/healthz", self.alive), ("/readyz", self.ready)):
            routes.add_api_route(
                path,
                endpoint,
                response_model=response_models.HealthAnswer,
                responses=UNWELL,
                tags=["operations"],
            )
        routes.add_api_route("/metrics", self.figures, response_class=PlainTextResponse, tags=["operations"])


def _answer(problems: dict[str, str], notes: dict[str, str]) -> Response:
    told = {"ok": not problems, "problems": problems} | ({"notes": notes} if notes else {})
    return reply(told, 503 if problems else 200)
