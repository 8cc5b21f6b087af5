"""The fleet: gives the day's jobs to the agents, and waits until all have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from bot.demo import day
from bot.demo.colleague import NotSeen
from bot.demo.http_agent import AgentError, HttpAgent, Json
from bot.demo.world import World

LOOK_AGAIN_S = 1.0
FINAL = {"finished", "failed", "gone"}


@dataclass(frozen=True, slots=True)
class Fleet:
    """Runs the day's jobs against the bot's API.

    `tokens` are by agent. `shown` is awaited before an action is withdrawn, so that people first see its
    card.
    """

    url: str
    tokens: Mapping[str, str]
    world: World
    shown: Callable[[day.Step], Awaitable[None]]

    async def run(self) -> list[str]:
        """Run all jobs. Return a sentence for each job that failed.

        A rejected or unanswered action is not a failure.
        """
        async with AsyncExitStack() as stack:
            agents = {
                name: await stack.enter_async_context(HttpAgent(self.url, token))
                for name, token in self.tokens.items()
            }
            jobs = [self._host(job, agents[job.agent]) for job in day.HOSTED]
            jobs += [self._propose(job, agents[job.agent]) for job in day.PROPOSING]
            found = await asyncio.gather(*(_told(job) for job in jobs))
        return [trouble for trouble in found if trouble is not None]

    async def _host(self, job: day.HostedJob, agent: HttpAgent) -> None:
        await asyncio.sleep(job.at_s)
        thread = await agent.start_thread(job.graph, job.given, job.on_behalf_of)
        while thread["state"] not in FINAL:
            await asyncio.sleep(LOOK_AGAIN_S)
            thread = await agent.thread(thread["id"])
        if thread["state"] == "failed":
            raise AgentError(f"a thread of {job.graph} failed: {thread['error']}")

    async def _propose(self, job: day.ProposingJob, agent: HttpAgent) -> None:
        await asyncio.sleep(job.at_s)
        for step in job.steps:
            action = await agent.propose(step.kind, step.args, step.description)
            if job.takes_back is not None:
                await self.shown(step)
                await agent.withdraw(action["id"], job.takes_back)
                return
            ended = await agent.settle(action, self._act)
            if ended["receipt"] != "executed":
                return

    async def _act(self, claim: Json) -> Any:
        return await asyncio.to_thread(
            self.world.perform, claim["kind"], claim["args"], key=claim["key"], action_id=claim["id"]
        )


async def _told(job: Coroutine[Any, Any, None]) -> str | None:
    try:
        await job
    except (AgentError, NotSeen) as error:
        return f"an agent failed: {error}"
    return None
