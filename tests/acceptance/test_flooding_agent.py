"""One agent asks for far too much. People see its cards up to the cap, and other agents' at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from bot.localslack import Person
from tests.acceptance import flooding
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import APPROVALS
from tests.acceptance.staging import GRAPHS, Stage
from tests.integration.graph.scripted import say
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

CAP = 20


@pytest.fixture(autouse=True)
def flooded(stage: Stage) -> None:
    stage.settings["MEMBRANE_GRAPHS"] = f"{GRAPHS},flood={flooding.__file__}:flood"


def states(stage: Stage) -> Counter[str]:
    return Counter(row["state"] for row in stage.rows("actions") if row["agent"] == "ops-agent")


async def cards_seen(person: Person) -> list[Json]:
    """Return the cards in the channel, without ephemeral messages."""
    found = await person.messages(APPROVALS, limit=2 * flooding.CALLS)
    return [message for message in found if not message["ephemeral"]]


async def until(stage: Stage, **wanted: int) -> None:
    """Wait until the flooding agent's actions are in these states."""

    async def look() -> bool:
        return states(stage) == wanted

    await eventually(look, what=f"{wanted}, not {states(stage)}")


async def test_500_calls_in_one_message_make_no_more_cards_than_the_cap(stage: Stage, cleo: Person) -> None:
    token, other = await stage.token(), await stage.token("quiet-agent")
    async with stage.bot() as bot, Agent(bot.api_url, token) as agent, Agent(bot.api_url, other) as quiet:
        thread = await agent.start("flood", say("all"))
        await until(stage, waiting=CAP)
        asked = await quiet.propose("data.delete", {"row": "of another agent"})
        await stage.shown()
        cards = await cards_seen(cleo)
        assert len(cards) == CAP + 1
        await asyncio.gather(*(cleo.click(APPROVALS, card, "approve") for card in cards))
        assert (await quiet.wait_for(asked, "approved"))["state"] == "approved"
        await agent.thread(thread, "finished")
        await stage.shown()
        assert states(stage) == {"executed": CAP}
        assert len(await cards_seen(cleo)) == CAP + 1


async def test_withdrawing_and_starting_again_in_a_loop_floods_no_channel(stage: Stage, cleo: Person) -> None:
    """Unposted cards are dropped with their thread, and withdrawn actions count towards the cap."""
    token = await stage.token()
    async with stage.bot() as bot, Agent(bot.api_url, token) as agent:
        first = await agent.start("flood", say("all"))
        await until(stage, waiting=CAP)
        await agent.ask("POST", f"/v1/threads/{first['id']}/withdraw", json={"why": "again"})
        for _ in range(3):
            thread = await agent.start("flood", say("all"))
            await agent.thread(thread, "parked")
            await agent.ask("POST", f"/v1/threads/{thread['id']}/withdraw", json={"why": "again"})
        last = await agent.start("flood", say("all"))
        await agent.thread(last, "parked")
        await stage.shown()
        assert states(stage) == {"withdrawn": 4 * CAP, "queued": CAP}
        assert len(await cards_seen(cleo)) <= CAP
        assert await bot.membrane.open_reviews() == 0
