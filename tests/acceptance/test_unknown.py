"""An agent starts an action and never reports it, so a person says what happened."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import ADMIN, APPROVALS, CLEO
from tests.acceptance.staging import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = "    more_args: true\n    report_within: 1s\n"


@pytest.fixture(autouse=True)
def _impatient(stage: Stage) -> None:
    """Let a report be overdue after a second instead of ten minutes."""
    stage.policy.write_text(stage.policy.read_text().replace("    more_args: true\n", SOON))


async def asked(person: Person, channel: str, action_id: str = "it_happened") -> Json:
    """The newest message in a channel that has this button."""
    found: Json = await person.wait_for_message(
        channel, lambda message: f'"action_id": "{action_id}"' in json.dumps(message["blocks"])
    )
    return found


async def started(agent: Agent, person: Person, kind: str = "data.delete", **args: Any) -> Json:
    """An action that was approved and claimed; then its agent falls silent."""
    action = await agent.propose(kind, args or {"what": "old logs"})
    if action["state"] == "waiting":
        await person.click(APPROVALS, await asked(person, APPROVALS, "approve"), "approve")
        await agent.wait_for(action, "approved")
    claim = await agent.claim(action)
    assert (await agent.wait_for(action, "unknown"))["receipt"] == "unknown"
    return {**action, "key": claim["key"]}


async def test_a_person_says_that_it_happened(agent: Agent, cleo: Person) -> None:
    action = await started(agent, cleo)
    card = await asked(cleo, APPROVALS)
    assert (await cleo.click(APPROVALS, card, "it_happened")).acked
    answer = await agent.wait_for(action, "executed")
    assert answer["receipt"] == "executed"
    assert answer["detail"] == f"{CLEO} says that it happened; the agent never reported it"
    words = "says that *it happened*"
    after = await cleo.wait_for_message(APPROVALS, lambda message: words in json.dumps(message["blocks"]))
    assert after["ts"] == card["ts"]


async def test_a_person_says_that_it_did_not_and_the_agent_starts_it_once_more(
    agent: Agent, cleo: Person
) -> None:
    action = await started(agent, cleo)
    assert (await cleo.click(APPROVALS, await asked(cleo, APPROVALS), "it_did_not")).acked
    again = await agent.wait_for(action, "approved")
    assert again["decided_by"] == [CLEO]
    assert (await agent.claim(action))["key"] != action["key"], "a new approval has a new key"
    await agent.report(action)
    assert (await agent.standing(action))["receipt"] == "executed"
    assert (await agent.claim(action, expect=409))["reason"] == "already_claimed"


async def test_the_admins_are_asked_about_an_unreported_passed_action(
    agent: Agent, cleo: Person, stage: Stage
) -> None:
    action = await started(agent, cleo, "db.read", table="users")
    assert (await cleo.click(ADMIN, await asked(cleo, ADMIN), "it_did_not")).acked
    await agent.wait_for(action, "passed")
    claim = await agent.claim(action)
    assert (claim["key"], claim["attempt"]) == (action["key"], 2)
    await agent.report(action)
    await stage.shown()
    assert stage.journal().count("action.resolved") == 1
