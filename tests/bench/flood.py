"""One agent floods a channel with Tier 3 reviews; another agent's Tier 3 card comes in between, in its turn.

The bot is a process of its own, with the courier at its usual pace. Slack is the workspace on this machine
with Slack's documented limits on: a message a second in a channel. Half of the flood pages people as well.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.localslack import LocalSlack
from tests.acceptance.agent import Agent
from tests.acceptance.company import APPROVALS, CLEO, workspace
from tests.acceptance.staging import Stage
from tests.bench.figures import Figure, p99
from tests.bench.slack import PACE

WANTED = 500
"""Cards of the flood that wait at any time."""
SAMPLES = 25
FLOOD = WANTED + 150
"""Some of the flood's cards are shown while the samples are taken."""
KINDS = ("data.delete", "deploy.production")
"""The second pages people a second after its card is shown."""
CALLERS = 8
LIMITS = "\nlimits: {open_per_agent: 10000}\n"
PATIENCE_S = 600.0
SEEN_S = 0.01
LONGEST_PAUSE_S = 2.0
"""Random delay before a proposal, so that it comes at any point of the channel's second."""


class _Channel:
    """The cards in the channel where everything is asked."""

    def __init__(self, slack: LocalSlack) -> None:
        self._slack = slack

    def cards(self) -> dict[str, str]:
        """Return what the bot's cards show, by ts."""
        state = self._slack.state
        shown = state.conversations[APPROVALS].messages.values()
        return {each.ts: repr(each.blocks) for each in shown if each.user == state.bot_user_id}

    async def seen(self, words: str) -> str:
        """Wait for a card with these words, and return its ts."""
        known: set[str] = set()
        while True:
            cards = self.cards()
            for ts in cards.keys() - known:
                if words in cards[ts]:
                    return ts
            known |= cards.keys()
            await asyncio.sleep(SEEN_S)

    async def approve(self, ts: str) -> None:
        """Approve a card."""
        reply = await self._slack.people.click(CLEO, APPROVALS, ts, "approve")
        assert reply.acked, reply.reason


async def _flood(agent: Agent) -> None:
    """Propose everything, several at a time."""
    numbers = iter(range(FLOOD))

    async def caller() -> None:
        for number in numbers:
            await agent.propose(KINDS[number % len(KINDS)], {"path": f"flood-{number}"})

    async with asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(caller())


async def _run(folder: Path) -> list[float]:
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(LocalSlack(workspace(), rate_scale=1.0))
        stage = Stage(slack, folder, "http", settings={**PACE, "MEMBRANE_RATE": "1000"})
        stage.policy.write_text(stage.policy.read_text() + LIMITS)
        process = await stack.enter_async_context(stage.process())
        flood, quiet = [
            await stack.enter_async_context(Agent(process.url, await stage.token(name)))
            for name in ("flood", "quiet")
        ]
        channel, taken = _Channel(slack), list[float]()
        async with asyncio.timeout(PATIENCE_S):
            await _flood(flood)
            for number in range(SAMPLES):
                await asyncio.sleep(random.uniform(0.0, LONGEST_PAUSE_S))
                words = f"quiet-{number}."
                await quiet.propose("data.delete", {"path": words})
                answered = time.perf_counter()
                ts = await channel.seen(words)
                taken.append(time.perf_counter() - answered)
                print(f"  card {number + 1} of {SAMPLES} after {taken[-1]:.1f} s", file=sys.stderr)
                await channel.approve(ts)
        left = FLOOD + SAMPLES - len(channel.cards())
        assert left >= WANTED, f"only {left} cards of the flood were still wanted at the end"
        return taken


async def measure() -> list[Figure]:
    """Return the p99 from the answer to a quiet agent's proposal until its card is in the channel."""
    with TemporaryDirectory() as name:
        taken = await _run(Path(name))
    return [
        Figure(
            f"another agent's Tier 3 card visible, {WANTED} of one agent wanted, p99 of {len(taken)}",
            p99(taken),
            "s",
            5,
        )
    ]
