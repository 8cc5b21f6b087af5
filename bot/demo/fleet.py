"""The fleet: hands the day's jobs to the agents, and waits for the last of them to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.demo import day
from bot.demo.http_agent import HttpAgent, Json
from bot.demo.world import World

LOOK_AGAIN_S = 0.5
FINAL = {"finished", "failed", "gone"}

Until = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Runs the day's jobs against the bot's API.

    `tokens` are by agent. `shown` is awaited with an action's id before it is withdrawn, so that people see
    a card turn moot.
    """

    url: str
    tokens: Mapping[str, str]
    world: World
    shown: Callable[[str], Any]

    async def run(self) -> None:
        """Do everything. Returns when all of it has ended, however it ended.

        Raises RuntimeError where a hosted thread failed, or the bot refused what it should not.
        """
        async with asyncio.TaskGroup() as group:
            for hosted in day.HOSTED:
                group.create_task(self._host(hosted))
            for proposing in day.PROPOSING:
                group.create_task(self._propose(proposing))

    async def _host(self, job: day.HostedJob) -> None:
        await asyncio.sleep(job.at_s)
        async with HttpAgent(self.url, self.tokens[job.agent]) as agent:
            thread = await agent.start_thread(job.graph, job.given, job.on_behalf_of)
            while thread["state"] not in FINAL:
                await asyncio.sleep(LOOK_AGAIN_S)
                thread = await agent.thread(thread["id"])
            if thread["state"] == "failed":
                raise RuntimeError(f"a thread of {job.graph} failed: {thread['error']}")

    async def _propose(self, job: day.ProposingJob) -> None:
        await asyncio.sleep(job.at_s)
        async with HttpAgent(self.url, self.tokens[job.agent]) as agent:
            for step in job.steps:
                action = await agent.propose(step.kind, step.args, step.description)
                if job.takes_back is not None:
                    await self.shown(action["id"])
                    await agent.withdraw(action["id"], job.takes_back)
                    return
                ended = await agent.settle(action, self._act)
                if ended["receipt"] != "executed":
                    return

    async def _act(self, claim: Json) -> Any:
        return await asyncio.to_thread(
            self.world.perform, claim["kind"], claim["args"], key=claim["key"], action_id=claim["id"]
        )
