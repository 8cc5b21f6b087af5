"""A bot on a data folder, beside a Slack workspace whose messages can be kept and put back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bot.app import Bot
from bot.localslack import LocalSlack
from bot.localslack.conversation import Conversation, Message
from bot.localslack.open_views import View
from bot.settings import Settings
from tests.acceptance.agent import Agent
from tests.releases import graphs
from tests.waiting import eventually

Json = dict[str, Any]
GRAPHS = ",".join(
    f"{name}={graphs.__file__}:{name}" for name in ("one", "order", "batched", "per_call", "wrapped")
)
PACE = 50.0
"""The local workspace has no rate limits, so cards need not wait for each other."""
CARD = "4242424242424242"
"""Values that the policy redacts."""


@dataclass
class Place:
    """A data folder with a policy, and the workspace beside it. `more` are further arguments of the bot."""

    slack: LocalSlack
    folder: Path
    clock: Callable[[], float] | None = None

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def effects_file(self) -> Path:
        """The file where the graphs record their effects."""
        return self.folder / "effects.jsonl"

    def settings(self) -> Settings:
        """Return the bot's settings."""
        given = {
            "slack_bot_token": self.slack.bot_token,
            "slack_signing_secret": self.slack.signing_secret,
            "slack_api_url": self.slack.api_url,
            "delivery": "http",
            "data": self.data,
            "policy": self.folder / "policy.yaml",
            "port": 0,
            "graphs": GRAPHS,
            "sweep_s": 0.1,
            "slack_pace": PACE,
        }
        return Settings.model_validate(given)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Bot]:
        """Run the bot, until it is ready for clicks and after."""
        os.environ[graphs.VARIABLE] = str(self.effects_file)
        more: Json = {"clock": self.clock} if self.clock is not None else {}
        async with Bot(self.settings(), **more) as bot:
            self.slack.deliver_to(f"{bot.api_url}/slack/events")
            async with Agent(bot.api_url) as anybody:

                async def ready() -> bool:
                    return not await anybody.problems()

                await eventually(ready, what="readiness")
            yield bot

    def effects(self) -> list[tuple[str, Json]]:
        """Return the hosted graphs' effects, in order."""
        if not self.effects_file.exists():
            return []
        return [(what, args) for what, args in map(json.loads, self.effects_file.read_text().splitlines())]


class Later:
    """A clock that runs from a given instant, independent of the machine's time."""

    def __init__(self, start: float) -> None:
        self._start, self._since = start, time.monotonic()

    def __call__(self) -> float:
        return self._start + time.monotonic() - self._since


def kept(slack: LocalSlack) -> Json:
    """Return the workspace's conversations with their messages, and its open modals."""
    state = slack.state
    stacks = {user: [asdict(view) for view in stack] for user, stack in state.views.stacks.items() if stack}
    return {"conversations": [asdict(each) for each in state.conversations.values()], "views": stacks}


def put_back(slack: LocalSlack, was: Json) -> None:
    """Restore into a workspace what `kept` returned."""
    state = slack.state
    for each in was["conversations"]:
        shelves = {
            shelf: {ts: Message(**message) for ts, message in each[shelf].items()}
            for shelf in ("messages", "ephemerals")
        }
        state.conversations[each["id"]] = Conversation(**{**each, **shelves})
    for user, stack in was["views"].items():
        state.views.stacks[user] = [View(**view) for view in stack]
    for _ in range(1000):
        state.new_id("")  # skip the ids of the restored messages
    state.changes.note()
