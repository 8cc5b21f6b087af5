"""The stage: Northwind's Slack, the bot and the fleet of agents, all in this process.

The traffic between bot and workspace is real: Socket Mode over a WebSocket, the Web API over HTTP, with
Slack's documented rate limits.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bot.app import Bot
from bot.demo import day
from bot.demo.colleague import Colleague
from bot.demo.company import GUS
from bot.demo.fleet import Fleet
from bot.demo.folder import Folder
from bot.demo.world import VARIABLE, World
from bot.errors import SettingsError
from bot.localslack import LocalSlack, northwind
from bot.package_files import DEMO_POLICY, package_file
from bot.settings import Settings

GRAPHS = Path(__file__).parent / "graphs"
HOSTED = (
    f"support={GRAPHS / 'support.py'}:graph",
    f"ops={GRAPHS / 'ops.py'}:graph",
    str(GRAPHS / "langgraph.json"),
)
"""The graphs that the bot hosts: two by path, one in a `langgraph.json`."""
SWEEP_S = 0.25
"""The demo's windows last seconds, so the bot sweeps four times a second."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running parts. `began` is in epoch seconds."""

    slack: LocalSlack
    bot: Bot
    world: World
    fleet: Fleet
    began: float


@asynccontextmanager
async def staged(folder: Folder, port: int, *, ends_at: float) -> AsyncIterator[Stage]:
    """Start everything, and stop it at the end. `ends_at` is in monotonic seconds.

    Raises SettingsError if the port is taken, and the errors of the bot's start.
    """
    began = time.time()
    world = World(folder.books)
    world.found()
    os.environ[VARIABLE] = str(folder.books)
    slack = LocalSlack(northwind(), port=port)
    async with _listening(slack, port), Bot(_settings(slack, folder)) as running:
        tokens = {agent: (await running.membrane.tokens.create(agent, GUS))[1] for agent in day.AGENTS}
        async with Colleague(slack.base_url, GUS, ends_at) as gus:

            async def shown(step: day.Step) -> None:
                await gus.sees(step.kind, *step.words)

            fleet = Fleet(running.api_url, tokens, world, shown)
            yield Stage(slack, running, world, fleet, began)


@asynccontextmanager
async def _listening(slack: LocalSlack, port: int) -> AsyncIterator[None]:
    try:
        await slack.start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise SettingsError(
            f"port {port} is taken, so Northwind's Slack cannot open there; choose another with --port, or "
            "0 for a free one"
        ) from error
    try:
        yield
    finally:
        await asyncio.shield(slack.stop())


class _Settings(Settings):
    """Settings without the environment, which may belong to a real bot."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _settings(slack: LocalSlack, folder: Folder) -> Settings:
    return _Settings.model_validate(
        {
            "slack_bot_token": slack.bot_token,
            "slack_app_token": slack.app_token,
            "slack_api_url": slack.api_url,
            "data": folder.path,
            "policy": package_file(DEMO_POLICY),
            "port": 0,
            "rate": 0,
            "graphs": HOSTED,
            "sweep_s": SWEEP_S,
        }
    )
