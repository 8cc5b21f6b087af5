"""Slack is down, at the start or later. The store is the truth, and Slack is a view of it."""

from __future__ import annotations

import pytest

from bot.app import Bot
from bot.localslack import LocalSlack, Person
from bot.slack import facade
from bot.slack.inbound.sockets import SocketDelivery
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import ADA, APPROVALS, CLEO, DIGEST
from tests.acceptance.staging import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the bot retry at once."""
    monkeypatch.setattr(facade, "AGAIN_S", 0.1)
    usual = SocketDelivery.__init__.__kwdefaults__ or {}
    soon = {**usual, "patience_s": 0.3, "check_s": 0.1}
    monkeypatch.setattr(SocketDelivery.__init__, "__kwdefaults__", soon)


async def test_invariant_10_tiers_0_and_1_pass_at_once_while_slack_is_down_and_the_queue_is_full(
    stage: Stage, slack: LocalSlack
) -> None:
    """Slack is down from the start and twenty actions wait for people, yet other actions pass."""
    token = await stage.token()
    await slack.stop()
    async with stage.bot(alone=True) as bot, Agent(bot.api_url, token) as agent:
        queue = [await agent.propose("data.delete", {"n": n}) for n in range(20)]
        await agent.ask("POST", "/v1/actions", json={"kind": "data.delete", "args": {"n": 20}}, expect=429)
        for kind, args in (("db.read", {}), ("report.generate", {"name": "churn", "cost": 5})):
            passed = await agent.propose(kind, args)
            assert passed["state"] == "passed"
            await agent.claim(passed)
            assert (await agent.report(passed))["receipt"] == "executed"
            thread = await agent.start("ledger", {"kind": kind, "args": args})
            await agent.thread(thread, "finished")
        assert {(await agent.standing(asked))["state"] for asked in queue} == {"waiting"}
        assert len(stage.effects()) == 2
        assert "Slack" in (await agent.problems())["slack"]


async def test_slack_that_is_down_at_the_start_gets_its_cards_when_it_comes(
    stage: Stage, slack: LocalSlack
) -> None:
    """Windows that end meanwhile are handled without Slack, and no card asks about them later."""
    token = await stage.token()
    await slack.stop()
    async with stage.bot(alone=True) as bot, Agent(bot.api_url, token) as agent:
        asked = await agent.propose("data.delete", {"what": "old logs"})
        ran_out = await agent.propose("message.broadcast", {"text": "hello"})
        aborted = await agent.wait_for(ran_out, "aborted")
        assert (aborted["outcome"], aborted["outcome_reason"]) == ("expired", "never_shown")
        await slack.start()
        async with stage.person(CLEO) as cleo:
            card = await cleo.wait_for_message(APPROVALS, "old logs")
            assert not [each for each in await cleo.messages(APPROVALS) if "broadcast" in each["text"]]
            await eventually(lambda: clicked(cleo, card["ts"], "approve"), what="a click that arrives")
        assert (await agent.wait_for(asked, "approved"))["decided_by"] == [CLEO]
        assert await agent.problems() == {}


async def clicked(person: Person, ts: str, action_id: str) -> bool:
    return (await person.click(APPROVALS, ts, action_id)).acked


@pytest.mark.parametrize("way", ["socket", "http"])
async def test_a_slack_outage_loses_nothing(
    stage: Stage, slack: LocalSlack, bot: Bot, agent: Agent, way: str
) -> None:
    """After ten changes during the outage Slack shows the present state: one card each, and one digest."""
    before = await agent.propose("data.delete", {"what": "asked before"})
    async with stage.person(CLEO) as cleo:
        card = await cleo.wait_for_message(APPROVALS, "asked before")
    await stage.shown()
    await slack.stop()
    await agent.ask("POST", f"/v1/actions/{before['id']}/withdraw", json={"why": "not needed any more"})
    meanwhile = await agent.propose("service.restart", {"service": "asked meanwhile"})
    thread = await agent.start("ledger", {"kind": "data.delete", "args": {"what": "asked by a thread"}})
    for n in range(3):
        await agent.propose("report.generate", {"name": f"report {n}", "cost": 5})
    await agent.thread(thread, "parked")
    await eventually(lambda: wanted(stage, "digest", "page"), what="a digest and a page that wait")
    await slack.start()
    async with stage.person(CLEO) as cleo, stage.person(ADA) as ada:
        await cleo.wait_for_message(APPROVALS, "not needed any more")
        await ada.wait_for_message("dm", "asked meanwhile")
        await cleo.wait_for_message(DIGEST, "3 actions passed")
        for words in ("asked meanwhile", "asked by a thread"):
            found = await cleo.wait_for_message(APPROVALS, words)
            await eventually(lambda ts=found["ts"]: clicked(cleo, ts, "approve"))  # type: ignore[misc]
        assert (await agent.wait_for(meanwhile, "approved"))["decided_by"] == [CLEO]
        await agent.thread(thread, "finished")
        await stage.shown()
        cards = [message for message in await cleo.messages(APPROVALS) if message.get("blocks")]
        assert len(cards) == 3
        assert cards[0]["ts"] == card["ts"]
        assert len(await ada.messages("dm")) == 1


async def wanted(stage: Stage, *kinds: str) -> bool:
    """Whether messages of these kinds wait to be sent."""
    return set(kinds) <= {row["kind"] for row in stage.rows("messages") if row["ts"] is None}


async def test_invariant_11_slack_is_a_view(
    stage: Stage, slack: LocalSlack, agent: Agent, cleo: Person
) -> None:
    """Cards are deleted in Slack. The reviews stay, and an open one is redrawn when it changes."""
    decided = await agent.propose("data.delete", {"what": "decided before"})
    old = await cleo.wait_for_message(APPROVALS, "decided before")
    assert (await cleo.click(APPROVALS, old, "approve")).acked
    asked = await agent.propose("service.restart", {"service": "billing"})
    card = await cleo.wait_for_message(APPROVALS, "billing")
    async with stage.person(ADA) as ada:
        page = await ada.wait_for_message("dm", "billing")
        await stage.shown()
        before = stage.everything()
        for ts in list(slack.state.conversations[APPROVALS].messages):
            slack.state.remove_message(slack.state.conversations[APPROVALS], ts)
        assert stage.everything() == before
        assert (await agent.standing(decided))["state"] == "approved"
        assert (await agent.standing(asked))["review"]["state"] == "pending"
        assert (await ada.click("dm", page, "acknowledge")).acked
    again = await cleo.wait_for_message(APPROVALS, "is on it")
    assert again["ts"] != card["ts"]
    assert arguments(again) == arguments(card)
    assert (await cleo.click(APPROVALS, again, "approve")).acked
    assert (await agent.wait_for(asked, "approved"))["decided_by"] == [CLEO]
    assert len([each for each in await cleo.messages(APPROVALS) if each.get("blocks")]) == 1


def arguments(card: Json) -> Json:
    """The block of a card that shows the arguments."""
    found: Json = card["blocks"][1]
    return {**found, "block_id": ""}
