"""`membrane run` as an operator sees it: how it stops, refuses to start, and survives a broken graph."""

from __future__ import annotations

import asyncio
import signal

import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent
from tests.acceptance.company import ADMIN, APPROVALS
from tests.acceptance.staging import UP_S, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

STOP_S = "3600"
"""A stop may wait this long for work in progress. Only a hang takes longer than `UP_S`."""


async def test_the_bot_finishes_work_in_progress_after_sigterm(stage: Stage, cleo: Person) -> None:
    token = await stage.token()
    stage.settings["MEMBRANE_STOP_S"] = STOP_S
    async with stage.process() as process, Agent(process.url, token) as agent:
        asked = await agent.propose("data.delete", {"what": "old logs"})
        await cleo.wait_for_message(APPROVALS, "old logs")
        poll = asyncio.create_task(agent.ask("GET", f"/v1/actions/{asked['id']}", params={"wait": 60}))
        await agent.standing(asked)  # the poll was sent earlier, so it waits by now
        process.signal(signal.SIGTERM)
        assert (await poll)["state"] == "waiting"
        assert await process.ended(UP_S) == 0
        assert [line for line in process.log if line.get("level") in {"error", "critical"}] == []
    assert stage.slack.sockets.count == 0


async def test_a_second_bot_on_the_same_folder_is_refused_with_a_sentence(stage: Stage) -> None:
    async with stage.bot() as first:
        stage.settings["MEMBRANE_PORT"] = first.api_url.rpartition(":")[2]  # taken too, but not the reason
        async with stage.started() as second:
            assert await second.ended(UP_S) == 3
        (told,) = second.log
        assert told["event"].startswith("membrane: ")
        assert "another bot" in told["event"].lower()
        assert str(stage.database.parent) in told["event"]
        async with Agent(first.api_url, await stage.token()) as agent:
            assert (await agent.propose("db.read"))["state"] == "passed"


async def test_a_database_is_not_opened_under_another_secret(stage: Stage) -> None:
    """A restore without the secret, or with a wrong one, could not use the waiting actions, so it fails."""
    key = stage.database.parent / "secret"
    async with stage.bot() as running, Agent(running.api_url, await stage.token()) as agent:
        await agent.propose("db.read")
    kept = key.read_text()
    key.unlink()
    async with stage.started() as without:
        assert await without.ended(UP_S) == 2
    assert "was written with it: put it back" in without.log[-1]["event"]
    assert not key.exists(), "a new secret would hide that the old one is missing"

    key.write_text("f" * 64)
    key.chmod(0o600)
    async with stage.started() as wrong:
        assert await wrong.ended(UP_S) == 2
    assert f"{key} is not the secret that {stage.database} was written with" in wrong.log[-1]["event"]

    key.write_text(kept)
    async with stage.bot() as again, Agent(again.api_url, await stage.token("other")) as agent:
        assert (await agent.propose("db.read"))["state"] == "passed"


async def test_a_graph_that_raises_and_an_effect_that_fails_stop_nothing(
    stage: Stage, agent: Agent, cleo: Person
) -> None:
    broken = await agent.start("broken", {"why": "on purpose"})
    failed = await agent.thread(broken, "failed")
    assert failed["error"] == "ValueError: this graph is broken: on purpose"
    await cleo.wait_for_message(ADMIN, "this graph is broken: on purpose")
    full = await agent.start("ledger", {"kind": "data.delete", "args": {"fail": "the disk is full"}})
    card = await cleo.wait_for_message(APPROVALS, "the disk is full")
    await cleo.click(APPROVALS, card, "approve")
    (action,) = (await agent.thread(full, "finished"))["actions"]
    assert (action["receipt"], action["detail"]) == ("failed", "RuntimeError: the disk is full")
    await cleo.wait_for_message(APPROVALS, "RuntimeError: the disk is full")
    fine = await agent.start("ledger", {"kind": "db.read", "args": {}})
    assert (await agent.thread(fine, "finished"))["actions"][0]["receipt"] == "executed"
    assert [effect["kind"] for effect in stage.effects()] == ["data.delete", "db.read"]


@pytest.mark.parametrize("way", ["socket", "http"])
async def test_requests_to_this_machine_bypass_a_company_proxy(stage: Stage, cleo: Person) -> None:
    """Nothing listens at that proxy, so any request through it would fail."""
    dead = "http://127.0.0.1:9"
    stage.settings |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), dead)
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        asked = await agent.propose("data.delete", {"what": "old logs"})
        card = await cleo.wait_for_message(APPROVALS, "old logs")
        assert (await cleo.click(APPROVALS, card, "approve")).acked
        await agent.wait_for(asked, "approved")
        assert (await cleo.wait_for_message(APPROVALS, "You approved it."))["ephemeral"]
        card = await cleo.wait_for_message(APPROVALS, "old logs")
        await cleo.wait_for_message(APPROVALS, lambda message: "Approved" in str(message.get("blocks")))
