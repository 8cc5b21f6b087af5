"""The policy file is edited while the bot runs."""

from __future__ import annotations

import asyncio
import os

import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent, eventually
from tests.acceptance.company import ADMIN, APPROVALS
from tests.acceptance.staging import PROGRAM, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEDIUM = "mail.send:\n    risk: {reversible: true, blast_radius: medium}"


def edit(stage: Stage, old: str, new: str) -> None:
    """Change the file in place."""
    source = stage.policy.read_text()
    assert old in source
    stage.policy.write_text(source.replace(old, new))


async def tier_of(agent: Agent, kind: str, tier: int) -> bool:
    """Whether a new action of this kind is ruled so."""
    asked = await agent.propose(kind, {"to": "eve"})
    return bool(asked["tier"] == tier)


async def test_a_good_file_is_put_in_force_and_the_admins_are_told_what_it_loosens(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    before = await agent.propose("mail.send", {"to": "sam"})
    assert before["tier"] == 2
    edit(stage, MEDIUM, MEDIUM.replace("medium", "low"))
    told = await cleo.wait_for_message(ADMIN, "The policy was reloaded.")
    assert "mail.send" in str(told["blocks"])
    assert await tier_of(agent, "mail.send", 0)
    kept = await agent.standing(before)
    assert (kept["tier"], kept["state"]) == (2, "waiting"), "a review keeps the ruling it was born under"
    assert {row["version"] for row in stage.rows("policies")} >= {before["policy_version"]}
    assert len(stage.rows("policies")) == 2


async def test_a_bad_file_changes_nothing_and_the_admins_are_told_where_it_is_wrong(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    good = stage.policy.read_text()
    version = (await agent.propose("db.read"))["policy_version"]
    edit(stage, "blast_radius: medium", "blast_radios: medium")
    told = await cleo.wait_for_message(ADMIN, "the last good one stays in force")
    line = good.split("blast_radius: medium")[0].count("\n") + 1
    assert f"policy.yaml:{line}:" in str(told["blocks"])
    assert "blast_radius" in str(told["blocks"])
    assert "^" not in str(told["blocks"]), "a caret points nowhere among letters of different widths"
    after = await agent.propose("payment.refund", {"amount": 1})
    assert (after["tier"], after["policy_version"]) == (2, version)
    edit(stage, "blast_radios: medium", "blast_radius: medium")
    await cleo.wait_for_message(ADMIN, "The policy loads again; nothing changed.")
    stage.policy.unlink()
    await cleo.wait_for_message(ADMIN, "policy.yaml")
    assert (await agent.propose("db.read"))["policy_version"] == version


async def test_somebody_taken_out_of_the_file_can_no_longer_vote(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    asked = await agent.propose("data.delete", {"what": "old logs"})
    card = await cleo.wait_for_message(APPROVALS, "old logs")
    edit(stage, "[U0CLEO, U0DIA, U0EVE]", "[U0FINN, U0DIA, U0EVE]")
    await eventually(lambda: reloaded(stage), what="the new file in force")
    assert (await cleo.click(APPROVALS, card, "approve")).acked
    await cleo.wait_for_message(APPROVALS, "not one of the approvers")
    assert (await agent.standing(asked))["state"] == "waiting"


async def reloaded(stage: Stage) -> bool:
    return len(stage.rows("policies")) == 2


async def test_a_looser_policy_is_allowed_once(stage: Stage) -> None:
    """What was allowed, came into force and was tightened since, waits for the command again."""
    stage.settings = {"MEMBRANE_POLICY_REFUSE_LOOSER": "1"}
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:

        async def held(times: int) -> bool:
            return len(process.logged("policy.held")) == times

        async def loaded(times: int) -> bool:
            return len(process.logged("policy.loaded")) == times

        edit(stage, MEDIUM, MEDIUM.replace("medium", "low"))
        await eventually(lambda: held(1), what="that it waits")
        assert await tier_of(agent, "mail.send", 2)
        allowed = await asyncio.create_subprocess_exec(
            PROGRAM, "policy", "apply", stage.policy, env={**os.environ, **stage.environment}
        )
        assert await allowed.wait() == 0
        await eventually(lambda: loaded(1), what="the looser one")
        assert await tier_of(agent, "mail.send", 0)
        edit(stage, MEDIUM.replace("medium", "low"), MEDIUM)
        await eventually(lambda: loaded(2), what="the stricter one")
        edit(stage, MEDIUM, MEDIUM.replace("medium", "low"))
        await eventually(lambda: held(2), what="that it waits again")
        assert await tier_of(agent, "mail.send", 2)
