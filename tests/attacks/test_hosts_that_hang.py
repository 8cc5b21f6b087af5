"""Each test has its own bot: tools hang, a tool changes its kind, an agent fills the store."""

from __future__ import annotations

import json
import signal

import pytest

from tests.acceptance.agent import Agent
from tests.acceptance.company import CLEO
from tests.acceptance.staging import Stage
from tests.attacks.running import GRAPHS, HOSTILE, Target, command, mark, say, token
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

HANGING = 12
"""More calls than the loop's default executor has threads."""


@pytest.fixture
def hosting(stage: Stage) -> Stage:
    """A stage that hosts the graphs."""
    stage.settings["MEMBRANE_GRAPHS"] = ",".join(f"{name}={HOSTILE}:{name}" for name in GRAPHS)
    return stage


async def test_tools_that_hang_delay_neither_cards_nor_the_stop(hosting: Stage) -> None:
    """Cards come, clicks count, /readyz tells the truth, and SIGTERM ends the process without a kill."""
    hosting.settings["MEMBRANE_STOP_S"] = "5"
    bearer = await token(hosting)
    async with hosting.process() as process, hosting.person(CLEO) as cleo:
        target, word = Target(hosting, process), mark()
        async with Agent(process.url, bearer) as agent:
            script = say([["hang", {"note": word}]], "done")
            for _ in range(HANGING):
                await agent.start("idling", script)

            async def hang() -> bool:
                return len(target.effects(word)) >= 1

            await eventually(hang, what="a tool that hangs")
            asked = await agent.propose("attack.wipe", {"note": word})
            await target.approve(word, cleo)
            await agent.wait_for(asked, "approved")
            await agent.claim(asked)
            process.signal(signal.SIGTERM)
        assert await process.ended() == 0


@pytest.mark.parametrize("graph", ["gated", "stock"])
async def test_a_tool_that_changes_its_kind_never_runs_under_the_old_approval(
    hosting: Stage, graph: str
) -> None:
    """A call that was approved as one kind never runs as another, and no answer says that it may start."""
    bearer, word = await token(hosting), mark()
    async with hosting.process() as process, hosting.person(CLEO) as cleo:
        target = Target(hosting, process)
        async with Agent(process.url, bearer) as agent:
            started = await agent.start(graph, say([["pay", {"amount": 5, "note": word}]], "done"))
            await target.card(cleo, word)
            before, text = len(hosting.rows("policies")), hosting.policy.read_text(encoding="utf-8")
            moved = text.replace("tools: [pay, slow_pay]", "tools: [slow_pay]")
            hosting.policy.write_text(moved.replace("tools: [wipe,", "tools: [pay, wipe,"), encoding="utf-8")

            async def loaded() -> bool:
                return len(hosting.rows("policies")) > before

            await eventually(loaded, what="the new policy")
            await target.approve(word, cleo)

            async def answered() -> bool:
                states = [each["state"] for each in (await agent.standing_of_thread(started))["actions"]]
                return states[0] not in {"waiting", "approved"}

            await eventually(answered, what="the end of the old action")
            thread = await agent.standing_of_thread(started)
            assert thread["actions"][0]["receipt"] != "executed"
            assert target.effects(word) == []


async def test_an_agent_fills_no_more_than_its_share(stage: Stage) -> None:
    """The agent reaches its cap, and another agent's actions go on."""
    stage.settings["MEMBRANE_AGENT_MB_A_DAY"] = "0.2"
    greedy, modest = await token(stage, "greedy"), await token(stage, "modest")
    async with (
        stage.process() as process,
        Agent(process.url, greedy) as agent,
        Agent(process.url, modest) as other,
    ):
        statuses = []
        for number in range(20):
            body = {"kind": "kb.search", "args": {"q": f"{number}" + "x" * 30_000}}
            statuses.append((await agent.send("POST", "/v1/actions", json=body)).status_code)
        assert statuses[0] < 300
        assert statuses[-1] == 429
        assert (await other.propose("kb.search", {"q": mark()}))["state"] == "passed"


async def test_the_doctor_lists_how_each_tool_is_gated(hosting: Stage) -> None:
    """The doctor reads only the files. It lists each graph, and a reason for each refused one."""
    hosting.settings["MEMBRANE_GRAPHS"] += f",ungated={HOSTILE}:ungated"
    said = await command(hosting, "doctor", "--no-slack", "--json", code=None)
    text = json.dumps(json.loads(said.out))
    assert "ungated" in text
    assert "pay" in text
    assert said.code == 1
