"""Clicks while agents propose, and a burst of cards into one channel at Slack's own pace.

The bot is a process of its own, as an operator runs it. Slack is the workspace on this machine with Slack's
documented limits on; clicks reach the bot as signed HTTP requests. The ack's time is taken at the workspace,
from before the request is signed until its answer is read.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.localslack import LocalSlack
from tests.acceptance.agent import Agent
from tests.acceptance.company import APPROVALS, CLEO, workspace
from tests.acceptance.staging import Stage
from tests.bench.figures import Figure, p99

AGENTS = 10
CARDS = 200
PATIENCE_S = 600.0
CLICK_EVERY_S = 4.0
"""Seconds between clicks while cards still come: about as fast as a person reads one."""
BESIDE_S = 0.2
"""Between two Tier 0 proposals of an agent, all the time: fifty a second from ten agents."""
SEEN_S = 0.01
PACE = {"MEMBRANE_SLACK_PACE": "1"}
"""The courier's usual pace, which is Slack's."""
REST_S = 0.05
"""Seconds between two clicks once every card is there."""


class _Burst:
    """A burst as the workspace sees it."""

    def __init__(self, slack: LocalSlack) -> None:
        self._slack = slack
        self._clicked: set[str] = set()
        self.acks: list[float] = []
        self.redraws: list[float] = []
        self.visible_s = 0.0

    def cards(self) -> list[str]:
        """The cards that are visible, the oldest first, as their ts."""
        shown = self._slack.state.conversations[APPROVALS].messages.values()
        return [message.ts for message in shown if message.user == self._slack.state.bot_user_id]

    async def click(self, ts: str) -> float:
        """Approve a card; returns when the click was made."""
        self._clicked.add(ts)
        began = time.perf_counter()
        reply = await self._slack.people.click(CLEO, APPROVALS, ts, "approve")
        assert reply.acked, reply.reason
        self.acks.append(time.perf_counter() - began)
        return began

    async def _redrawn(self, ts: str) -> None:
        message = self._slack.state.conversations[APPROVALS].messages[ts]
        before = message.revision
        began = await self.click(ts)
        while message.revision == before:
            await asyncio.sleep(SEEN_S)
        self.redraws.append(time.perf_counter() - began)

    async def clicking(self) -> None:
        """Click one visible card after the other while more come."""
        async with asyncio.TaskGroup() as clicks:
            while len(self.cards()) < CARDS:
                fresh = [ts for ts in self.cards() if ts not in self._clicked]
                if fresh:
                    clicks.create_task(self._redrawn(random.choice(fresh)))
                await asyncio.sleep(CLICK_EVERY_S)

    async def watching(self, began: float) -> None:
        """Wait for the last card, and say on stderr how it goes."""
        said = 0
        while (seen := len(self.cards())) < CARDS:
            if seen >= said + 25:
                said = seen
                print(f"  {seen} of {CARDS} cards after {time.perf_counter() - began:.0f} s", file=sys.stderr)
            await asyncio.sleep(SEEN_S)
        self.visible_s = time.perf_counter() - began

    async def rest(self) -> None:
        """Click every card that is left, twenty a second."""
        async with asyncio.TaskGroup() as clicks:
            for ts in [each for each in self.cards() if each not in self._clicked]:
                clicks.create_task(self.click(ts))
                await asyncio.sleep(REST_S)


@asynccontextmanager
async def _fleet(stage: Stage, url: str) -> AsyncIterator[list[Agent]]:
    async with AsyncExitStack() as stack:
        names = [f"agent-{number}" for number in range(AGENTS)]
        yield [await stack.enter_async_context(Agent(url, await stage.token(name))) for name in names]


async def _beside(agent: Agent) -> None:
    """Propose Tier 0 actions for ever."""
    while True:
        await agent.propose("db.read", {"table": "orders"})
        await asyncio.sleep(BESIDE_S)


async def _run(folder: Path) -> _Burst:
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(LocalSlack(workspace(), rate_scale=1.0))
        stage = Stage(slack, folder, "http", settings=PACE)
        process = await stack.enter_async_context(stage.process())
        fleet = await stack.enter_async_context(_fleet(stage, process.url))
        beside = [asyncio.create_task(_beside(agent)) for agent in fleet]
        stack.callback(lambda: [task.cancel() for task in beside])
        burst, began = _Burst(slack), time.perf_counter()

        async def asking(agent: Agent, number: int) -> None:
            for turn in range(CARDS // AGENTS):
                await agent.propose("mail.send", {"to": f"kim{number}@acme.example", "n": turn})

        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            for number, agent in enumerate(fleet):
                group.create_task(asking(agent, number))
            group.create_task(burst.watching(began))
            group.create_task(burst.clicking())
        await burst.rest()
        return burst


async def measure() -> list[Figure]:
    """Return the ack's p99, when the last card was visible, and the p99 of a clicked card's redraw."""
    with TemporaryDirectory() as name:
        burst = await _run(Path(name))
    clicks = len(burst.acks)
    burst_of = f"burst of {CARDS} Tier 2 actions from {AGENTS} agents to one channel"
    return [
        Figure(f"click to Slack ack, p99 of {clicks}, Tier 0 beside", 1000 * p99(burst.acks), "ms", 100),
        Figure(f"{burst_of}: last card visible", burst.visible_s, "s", 240),
        Figure(
            f"redraw of a card clicked meanwhile, p99 of {len(burst.redraws)}", p99(burst.redraws), "s", 3
        ),
    ]
