"""The whole bot, driven from outside through Slack's protocol, the API and a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from bot.app import Bot
from bot.localslack import LocalSlack, Person
from tests.acceptance.agent import Agent
from tests.acceptance.company import APPROVALS, CLEO, DIA, workspace
from tests.acceptance.staging import Stage
from tests.waiting import PATIENCE_S

LAUNCH = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
OFFLINE = re.compile("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET")
fixture = pytest_asyncio.fixture(loop_scope="session")
"""All tests share one loop and one browser, whose start takes longer than most tests."""
ACK_S = PATIENCE_S
"""The workspace waits longer than Slack's three seconds, which a busy machine can miss."""
expect.set_options(timeout=PATIENCE_S * 1000)
Open = Callable[..., Awaitable[Page]]


@fixture
async def slack() -> AsyncIterator[LocalSlack]:
    """The workspace, without Slack's rate limits. The bot still keeps its own pace."""
    async with LocalSlack(workspace(), rate_scale=None, retry_scale=0, ack_timeout=ACK_S) as server:
        yield server


@pytest.fixture
def way() -> str:
    """How clicks arrive at the bot."""
    return "socket"


@pytest.fixture
def stage(slack: LocalSlack, tmp_path: Path, way: str) -> Stage:
    """A stage with nothing on it yet."""
    return Stage(slack, tmp_path, way)


@fixture
async def bot(stage: Stage) -> AsyncIterator[Bot]:
    """The bot in this process."""
    async with stage.bot() as bot:
        yield bot


@fixture
async def agent(stage: Stage, bot: Bot) -> AsyncIterator[Agent]:
    """An agent of Gus's."""
    async with Agent(bot.api_url, await stage.token()) as agent:
        yield agent


@fixture
async def cleo(stage: Stage) -> AsyncIterator[Person]:
    """A release lead."""
    async with stage.person(CLEO) as person:
        yield person


@fixture
async def dia(stage: Stage) -> AsyncIterator[Person]:
    """The other release lead."""
    async with stage.person(DIA) as person:
        yield person


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    """A headless Chromium."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium_path, args=LAUNCH.split())
        yield launched
        await launched.close()


@fixture
async def open_page(slack: LocalSlack, browser: Browser) -> AsyncIterator[Open]:
    """Open the workspace's page as a person; any error in its console fails the test."""
    complaints: list[str] = []

    async def show(as_user: str = CLEO, channel: str = APPROVALS, **options: Any) -> Page:
        page = await browser.new_page(**options)
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        await page.goto(f"{slack.base_url}/?as={as_user}#{channel}")
        await expect(page.get_by_test_id("title")).not_to_be_empty()
        return page

    yield show
    assert [complaint for complaint in complaints if not OFFLINE.search(complaint)] == []
