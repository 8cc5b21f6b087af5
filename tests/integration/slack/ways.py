"""The two ways in for clicks, set up as the bot sets them up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from slack_bolt.async_app import AsyncApp
from starlette.applications import Starlette
from starlette.routing import Route

from bot.localslack import LocalSlack
from bot.slack.inbound.signed_requests import HttpDelivery
from bot.slack.inbound.sockets import SocketDelivery


@asynccontextmanager
async def by_socket(app: AsyncApp, slack: LocalSlack) -> AsyncIterator[SocketDelivery]:
    delivery = SocketDelivery(app, slack.app_token, check_s=0.05, patience_s=0.5, drain_s=0.5)
    await delivery.start()
    try:
        async with asyncio.timeout(60):
            while slack.sockets.count < 2 or not delivery.healthy():
                await asyncio.sleep(0.01)
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
    while not server.started:
        await asyncio.sleep(0.01)
    slack.deliver_to(f"http://127.0.0.1:{door.getsockname()[1]}/slack/events")
    try:
        yield delivery
    finally:
        await delivery.stop()
        server.should_exit = True
        await task
        door.close()
