"""Deep Agents give their sub-agents all the tools and none of the middleware."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("deepagents", reason="the lock names it; an older environment has to be set up again")

from tests.fakes import policy
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say
from tests.integration.graph.test_guard import KINDS, stops

DEEP = Path(__file__).parent / "deep_agents.py"
FILES = ("ls", "read_file", "write_file", "edit_file", "delete", "glob", "grep", "execute", "write_todos")


@pytest.fixture(autouse=True)
def _kinds(house: House) -> None:
    made = policy(tools={**KINDS, "task": "agent.run", **dict.fromkeys(FILES, "db.read")})
    run = replace(made.actions["db.read"], name="agent.run", idempotent=True)
    house.in_force.append(replace(made, actions={**made.actions, "agent.run": run}))


async def test_the_general_purpose_sub_agent_is_found_at_start(house: House) -> None:
    """The refusal says what to write, and the test below shows that this works."""
    await house.open("default", file=DEEP)
    why = house.host.refused["default"]
    assert "the tool pay would run ungated" in why
    assert "GENERAL_PURPOSE_SUBAGENT" in why


@pytest.mark.parametrize("agent", ["general", "asks nobody", "compiled"])
async def test_invariant_15_the_tools_of_a_hidden_sub_agent_do_not_run(house: House, agent: str) -> None:
    await house.open("hidden", file=DEEP)
    await house.run("hidden", {"agent": agent})
    assert ran == []
    assert [(stop["tool"], stop["why"]) for stop in await stops(house)] == [("pay", "no claim")]


async def test_the_advice_of_the_refusal_works(house: House) -> None:
    await house.open("gated", file=DEEP)
    assert house.host.refused == {}
    thread = await house.run("gated", say("general"))
    assert [action.kind for action in await house.actions(thread)] == ["agent.run", "mail.send"]
    assert ran == []
    await house.vote(thread, 1)
    await house.settle()
    assert ran == [("pay", 9000.0, "EUR")]
    assert await house.states(thread) == ["executed", "executed"]
    assert (await house.thread(thread)).state == "finished"
    assert await stops(house) == []
