"""A workspace, and a bot made with slack-bolt in it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import Channel, LocalSlack, Person, User, UserGroup, Workspace
from tests.waiting import PATIENCE_S

SEED = Workspace(
    users=(
        User(id="U0AAA", name="ada", real_name="Ada Okafor", tz="Africa/Lagos"),
        User(id="U0BBB", name="ben", real_name="Ben Sato"),
        User(id="U0GST", name="gus", is_restricted=True),
        User(id="U0OLD", name="old", deleted=True),
        User(id="U0STR", name="stranger", is_stranger=True),
        User(id="U0BOT", name="otherbot", is_bot=True),
    ),
    channels=(
        Channel(id="C0APPR", name="agent-approvals", members=("U0AAA", "U0BBB", "U0GST", "U0STR")),
        Channel(id="C0AWAY", name="elsewhere", members=("U0AAA",), has_bot=False),
        Channel(id="C0PRIV", name="secret", members=("U0AAA",), is_private=True, has_bot=False),
        Channel(id="C0ARCH", name="attic", members=("U0AAA",), is_archived=True),
    ),
    usergroups=(
        UserGroup(id="S0FIN", handle="finance", members=("U0AAA", "U0BBB")),
        UserGroup(id="S0OFF", handle="gone", is_disabled=True),
    ),
)


class Clock:
    """A clock that tests can push forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[LocalSlack]:
    """The workspace without rate limits, and with immediate retries."""
    async with LocalSlack(
        SEED, rate_scale=None, retry_scale=0, ack_timeout=PATIENCE_S, clock=clock
    ) as server:
        yield server


@pytest.fixture
def web(slack: LocalSlack) -> AsyncWebClient:
    """The real client, without retries."""
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
async def ada(slack: LocalSlack) -> AsyncIterator[Person]:
    async with Person(slack.base_url, "U0AAA") as person:
        yield person


@pytest.fixture
async def ben(slack: LocalSlack) -> AsyncIterator[Person]:
    async with Person(slack.base_url, "U0BBB") as person:
        yield person


@pytest.fixture
def app(slack: LocalSlack, web: AsyncWebClient) -> AsyncApp:
    """A Bolt app; tests add listeners, then connect it."""
    return AsyncApp(client=web, signing_secret=slack.signing_secret)


Connect = Callable[[AsyncApp], AbstractAsyncContextManager[AsyncSocketModeHandler]]


@pytest.fixture
def connected(slack: LocalSlack) -> Connect:
    """Connects a Bolt app by Socket Mode."""

    @asynccontextmanager
    async def connect(app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
        handler: Any = AsyncSocketModeHandler(app, slack.app_token)
        await handler.connect_async()
        try:
            yield handler
        finally:
            await handler.close_async()
            await asyncio.sleep(0)

    return connect


def button(action_id: str = "approve", value: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": action_id,
        "value": value,
        "text": {"type": "plain_text", "text": "Approve"},
        **more,
    }


def card(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "section", "block_id": "what", "text": {"type": "mrkdwn", "text": "*Refund* 10 USD"}},
        {"type": "actions", "block_id": "answers", "elements": list(elements) or [button()]},
    ]
