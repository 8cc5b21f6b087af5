"""Delivery of clicks by socket and by HTTP, set up as the bot does it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from slack_bolt.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.routing import Route

from bot.localslack import LocalSlack
from bot.slack.inbound.signed_requests import HttpDelivery
from bot.slack.inbound.sockets import SocketDelivery
from tests.waiting import until

DRAIN_S = 0.5
"""How long a connection stays open after another has taken over."""


@asynccontextmanager
async def by_socket(
    app: AsyncApp, slack: LocalSlack, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[SocketDelivery]:
    delivery = SocketDelivery(
        app, slack.app_token, check_s=0.05, patience_s=0.5, drain_s=DRAIN_S, clock=clock
    )
    await delivery.start()
    try:
        await until(lambda: slack.sockets.count >= 2 and delivery.healthy())
        yield delivery
    finally:
        await delivery.stop()


@asynccontextmanager
async def by_http(app: AsyncApp, slack: LocalSlack) -> AsyncIterator[HttpDelivery]:
    delivery = HttpDelivery(app, slack.signing_secret)
    await delivery.start()
    web = Starlette(routes=[Route("/slack/events", delivery.handle, methods=["POST"])])
    door = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(web, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[door]))
    await until(lambda: server.started)
    slack.deliver_to(f"http://127.0.0.1:{door.getsockname()[1]}/slack/events")
    try:
        yield delivery
    finally:
        await delivery.stop()
        server.should_exit = True
        await task
        door.close()
