"""`membrane run` is killed like a power cut and restarted: nothing is lost, and nothing runs twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import APPROVALS, CLEO
from tests.acceptance.staging import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


ASKED = ("by thread", "by agent", "answered")


@asynccontextmanager
async def running(stage: Stage, token: str) -> AsyncIterator[Agent]:
    """Run the bot as a process, and kill it at the end."""
    async with stage.process() as process, Agent(process.url, token) as agent:
        yield agent
        await process.kill()


async def approve(person: Person, words: str) -> None:
    """Approve the newest card with these words."""
    card = await person.wait_for_message(APPROVALS, words)
    assert (await person.click(APPROVALS, card, "approve")).acked


async def test_a_thread_parked_before_a_kill_is_approved_later_and_runs_once(
    stage: Stage, cleo: Person
) -> None:
    """A hosted thread and an agent's own action wait, with cards that were posted before the kill.

    A third was approved just before it, so the kill falls between the click's answer and the effect.
    """
    token = await stage.token()
    async with running(stage, token) as agent:
        thread = await agent.start("ledger", {"kind": "data.delete", "args": {"what": "by thread"}})
        asked = await agent.propose("data.delete", {"what": "by agent"})
        answered = await agent.start("ledger", {"kind": "data.delete", "args": {"what": "answered"}})
        cards = {words: await cleo.wait_for_message(APPROVALS, words) for words in ASKED}
        await agent.thread(thread, "parked")
        await stage.shown()
        assert (await cleo.click(APPROVALS, cards["answered"], "approve")).acked
    assert not (await cleo.click(APPROVALS, cards["by agent"], "approve")).acked

    async with running(stage, token) as agent:
        last = await agent.thread(answered, "finished")
        assert last["actions"][0]["receipt"] in {"executed", "unknown"}
        for words in ("by thread", "by agent"):
            assert (await cleo.click(APPROVALS, cards[words], "approve")).acked
        done = await agent.thread(thread, "finished")
        assert [each["receipt"] for each in done["actions"]] == ["executed"]
        assert done["result"]["settled"]["receipt"] == "executed"
        await agent.wait_for(asked, "approved")
        claimed = await agent.claim(asked)
        assert claimed["args"] == {"what": "by agent"}
        again = await agent.claim(asked)  # as an agent does that lost the answer
        assert (again["key"], again["repeated"]) == (claimed["key"], True)
        assert (await agent.report(asked))["receipt"] == "executed"
        assert (await agent.claim(asked, expect=409))["reason"] == "already_claimed"
        effects = [effect["args"]["what"] for effect in stage.effects()]
        assert effects.count("by thread") == 1
        assert effects.count("answered") <= 1
        assert len({claimed["key"], *(effect["key"] for effect in stage.effects())}) == 1 + len(effects)
        shown = [message["ts"] for message in await cleo.messages(APPROVALS) if message.get("blocks")]
        assert shown == sorted(card["ts"] for card in cards.values()), "no card was posted twice"


@pytest.mark.parametrize("way", ["http"])
async def test_windows_that_ran_out_while_the_bot_was_down_are_handled_at_the_start(
    stage: Stage, cleo: Person
) -> None:
    """The shown reviews have all three defaults: abort, safe-halt, and a sign-off that stays open."""
    stage.policy.write_text(stage.policy.read_text().replace("expires_in: 2s", "expires_in: 8s"))
    token = await stage.token()
    async with running(stage, token) as agent:
        thread = await agent.start("ledger", {"kind": "message.broadcast", "args": {"text": "hello"}})
        halted = await agent.propose("config.flag", {"flag": "new-checkout"})
        mandated = await agent.propose("deploy.production", {"version": "2.4"})
        await agent.thread(thread, "parked")
        last = await eventually(lambda: last_window(stage), what="every review shown")
    await asyncio.sleep(max(0.0, last - time.time()))
    assert {row["state"] for row in stage.rows("reviews")} == {"pending"}

    async with running(stage, token) as agent:
        ended = await agent.thread(thread, "finished")
        assert [each["state"] for each in ended["actions"]] == ["aborted"]
        assert stage.effects() == []
        found = await agent.wait_for(halted, "halted")
        assert (found["outcome"], found["nobody_answered"], found["decided_by"]) == ("expired", True, [])
        overdue = await eventually(lambda: is_overdue(agent, mandated), what="overdue")
        assert (overdue["state"], overdue["outcome"]) == ("waiting", None)
        await cleo.wait_for_message(APPROVALS, "Aborted: nobody answered in time")
        await cleo.wait_for_message(APPROVALS, "Overdue sign-off, Tier 3")
        await approve(cleo, "Halted and waiting for an answer, Tier 2")
        assert (await agent.wait_for(halted, "approved"))["decided_by"] == [CLEO]
        await approve(cleo, "Overdue sign-off, Tier 3")
        assert (await agent.wait_for(mandated, "approved"))["decided_by"] == [CLEO]


async def last_window(stage: Stage) -> float | None:
    """Return the end of the last window, once every review was shown, which starts its window."""
    found = stage.rows("reviews")
    return None if any(row["shown_at"] is None for row in found) else max(row["expires_at"] for row in found)


async def is_overdue(agent: Agent, action: Json) -> Json | None:
    found = await agent.standing(action)
    return found if found["review"]["overdue_at"] else None
