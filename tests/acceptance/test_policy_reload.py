"""The policy file is edited while the bot runs."""

from __future__ import annotations

import asyncio
import os
import re
from functools import partial

import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent
from tests.acceptance.company import ADMIN, APPROVALS
from tests.acceptance.staging import PROGRAM, Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEDIUM = "mail.send:\n    risk: {reversible: true, blast_radius: medium}"


def edit(stage: Stage, old: str, new: str) -> None:
    """Change the file in place."""
    source = stage.policy.read_text()
    assert old in source
    stage.policy.write_text(source.replace(old, new))


async def tier_of(agent: Agent, kind: str, tier: int) -> bool:
    """Whether the policy rules a new action of this kind so."""
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
    assert "🔴 Action needed: The policy does not load" in told["text"]
    edit(stage, "blast_radios: medium", "blast_radius: medium")
    again = await cleo.wait_for_message(ADMIN, "The policy loads again; nothing changed.")
    assert re.search(r"It is in force since (\d{4}-\d\d-\d\d )?\d\d:\d\d UTC\.", again["text"])
    assert again["text"].startswith("🔵 For information: ")
    stage.policy.unlink()
    await cleo.wait_for_message(ADMIN, "policy.yaml")
    assert (await agent.propose("db.read"))["policy_version"] == version


async def test_each_break_and_repair_is_told_even_with_the_same_text_on_the_same_day(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    good, broken, looser = "blast_radius: medium", "blast_radios: medium", MEDIUM.replace("medium", "low")

    async def told(words: str, times: int) -> bool:
        return sum(words in str(each["text"]) for each in await cleo.messages(ADMIN)) == times

    for times in (1, 2):
        edit(stage, good, broken)
        await eventually(partial(told, "stays in force", times), what="that it broke")
        edit(stage, broken, good)
        await eventually(partial(told, "The policy loads again; nothing changed", times), what="the repair")
    edit(stage, good, broken)
    await eventually(lambda: told("stays in force", 3), what="that it broke")
    stage.policy.write_text(stage.policy.read_text().replace(broken, good).replace(MEDIUM, looser))
    loosened = await cleo.wait_for_message(ADMIN, "The policy loads again. It is in force since")
    assert loosened["text"].startswith("🟠 Warning: "), "the policy is looser now"
    assert "• LOOSER: mail.send" in loosened["text"]
    assert await tier_of(agent, "mail.send", 0)


async def test_a_looser_policy_that_waited_and_was_taken_back_is_told(stage: Stage, cleo: Person) -> None:
    stage.settings = {"MEMBRANE_POLICY_REFUSE_LOOSER": "1"}
    async with stage.process():
        edit(stage, MEDIUM, MEDIUM.replace("medium", "low"))
        held = await cleo.wait_for_message(ADMIN, "it waits and the last policy stays in force")
        assert "membrane policy apply" in held["text"]
        edit(stage, MEDIUM.replace("medium", "low"), MEDIUM)
        await cleo.wait_for_message(ADMIN, "The policy loads again; nothing changed.")


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
    """A looser policy that was allowed, took effect and was tightened since needs the command again."""
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


async def test_a_group_that_is_renamed_strands_no_review(stage: Stage, agent: Agent, cleo: Person) -> None:
    """The reload names the waiting reviews, a clicker reads the remedy, and a command names another group."""
    asked = await agent.propose("data.delete", {"what": "old logs"})
    card = await cleo.wait_for_message(APPROVALS, "old logs")
    stage.policy.write_text(stage.policy.read_text().replace("release-leads", "captains"))
    told = await cleo.wait_for_message(ADMIN, "which the policy does not name")
    assert "1 open review waits for release-leads" in str(told["blocks"])
    assert "nobody can decide it" in str(told["blocks"])
    changes = await cleo.wait_for_message(ADMIN, "captains leads to the same people")
    assert "membrane reviews point release-leads captains" in str(changes["blocks"])
    assert (await cleo.click(APPROVALS, card, "approve")).acked
    await cleo.wait_for_message(APPROVALS, "The policy no longer names release-leads")
    pointed = await asyncio.create_subprocess_exec(
        PROGRAM, "reviews", "point", "release-leads", "captains", env={**os.environ, **stage.environment}
    )
    assert await pointed.wait() == 0
    card = await cleo.wait_for_message(APPROVALS, lambda each: "decides in its place" in str(each["blocks"]))
    assert (await cleo.click(APPROVALS, card, "approve")).acked

    async def counted() -> bool:
        return bool((await agent.standing(asked))["state"] != "waiting" or stage.rows("votes"))

    await eventually(counted, what="the vote")
