"""One running bot serves all attacks that must not stop it. A test that stops the bot starts its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.localslack import LocalSlack, Person
from tests.acceptance.agent import Agent
from tests.acceptance.company import CLEO, DIA, FINN
from tests.acceptance.staging import Stage
from tests.attacks.running import Target, set_up, workspace_open

shared = pytest_asyncio.fixture(scope="session", loop_scope="session")
fresh = pytest_asyncio.fixture(loop_scope="session")


@shared
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """The bot that all tests attack in turn."""
    async with workspace_open() as slack:
        stage = set_up(slack, tmp_path_factory.mktemp("target"))
        stage.descriptors = 1024
        async with stage.process() as process:
            yield Target(stage, process)


@fresh
async def attacker(target: Target) -> AsyncIterator[Agent]:
    """The agent that may start the hostile graphs."""
    async with target.agent() as agent:
        yield agent


@shared
async def finn(target: Target) -> AsyncIterator[Person]:
    """Somebody in finance: approves Tier 2."""
    async with target.stage.person(FINN) as person:
        yield person


@shared
async def cleo(target: Target) -> AsyncIterator[Person]:
    """A release lead: approves Tier 2 and 3."""
    async with target.stage.person(CLEO) as person:
        yield person


@shared
async def dia(target: Target) -> AsyncIterator[Person]:
    """The other release lead."""
    async with target.stage.person(DIA) as person:
        yield person


@fresh
async def slack() -> AsyncIterator[LocalSlack]:
    """A workspace for one test's own bot."""
    async with workspace_open() as opened:
        yield opened


@pytest.fixture
def stage(slack: LocalSlack, tmp_path: Path) -> Stage:
    """A stage for one test's own bot, without hosted graphs unless the test names some."""
    return set_up(slack, tmp_path, ())
