"""The stop button over HTTP: a frozen action neither passes nor can be claimed, even if approved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from bot.domain.message_record import Message
from bot.slack.outbound import rendering
from bot.store import journal
from tests import fakes
from tests.integration.api.conftest import Bot
from tests.unit.slack.reading import read

Json = dict[str, Any]
WHY = "the ledger is wrong"


@pytest.fixture
async def operator(bot: Bot) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with an operator's token."""
    _, token = await bot.membrane.tokens.create_operator("pager", fakes.CLEO)
    async with bot.client(headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


async def propose(agent: httpx2.AsyncClient, kind: str, **args: Any) -> Json:
    found: Json = (await agent.post("/v1/actions", json={"kind": kind, "args": args or {"id": 1}})).json()
    return found


async def look(agent: httpx2.AsyncClient, action: Json) -> Json:
    found: Json = (await agent.get(f"/v1/actions/{action['id']}")).json()
    return found


async def claim(agent: httpx2.AsyncClient, action: Json, **more: Any) -> httpx2.Response:
    body = {"args_digest": action["args_digest"], **more}
    return await agent.post(f"/v1/actions/{action['id']}/claim", json=body)


async def freeze(operator: httpx2.AsyncClient, name: str, **more: Any) -> Json:
    answer = await operator.post("/v1/operator/freezes", json={"name": name, "why": WHY, **more})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def thaw(bot: Bot, operator: httpx2.AsyncClient, name: str) -> None:
    assert (await operator.post("/v1/operator/thaws", json={"name": name})).status_code == 200
    await bot.membrane.freeze_effects.follow_up()


@pytest.mark.parametrize("name", ["mail.send", "mailer", "all"])
async def test_an_approved_action_cannot_be_claimed_before_the_thaw(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient, name: str
) -> None:
    action = await propose(agent, "mail.send")
    await bot.vote(action)
    assert (await look(agent, action))["may_start"] is True
    await freeze(operator, name)
    refused = await claim(agent, action)
    assert (refused.status_code, refused.json()["reason"]) == (409, "frozen")
    assert refused.headers["Retry-After"] == "60"
    assert WHY in refused.json()["detail"]
    seen = await look(agent, action)
    assert (seen["state"], seen["may_start"], WHY in seen["frozen"]) == ("approved", False, True)
    await thaw(bot, operator, name)
    assert (await look(agent, action))["frozen"] is None
    assert (await claim(agent, action)).status_code == 200


@pytest.mark.parametrize("kind", ["db.read", "report.make"])
async def test_an_action_that_would_pass_waits_for_the_thaw(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient, kind: str
) -> None:
    before = await propose(agent, kind)
    await freeze(operator, kind)
    action = await propose(agent, kind, id=2)
    assert (action["state"], action["may_start"], WHY in action["message"]) == ("frozen", False, True)
    for each in (before, action):
        assert (await claim(agent, each)).json()["reason"] == "frozen"
    bot.clock.forward(24 * 3600)
    await thaw(bot, operator, kind)
    assert (await look(agent, action))["state"] == "passed", "its validity begins at the thaw"
    assert (await claim(agent, action)).status_code == 200


@pytest.mark.parametrize("name", ["ALL", "All", " all "])
async def test_a_freeze_of_everything_covers_every_spelling(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient, name: str
) -> None:
    assert (await freeze(operator, name))["name"] == "all"
    assert (await propose(agent, "db.read"))["state"] == "frozen"
    await thaw(bot, operator, name)
    assert (await propose(agent, "db.read", id=2))["state"] == "passed"


async def test_actions_outside_a_freeze_go_on(
    agent: httpx2.AsyncClient, operator: httpx2.AsyncClient
) -> None:
    await freeze(operator, "db.read")
    passed = await propose(agent, "report.make")
    assert (passed["state"], (await claim(agent, passed)).status_code) == ("passed", 200)


async def test_votes_and_windows_go_on_during_a_freeze(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient
) -> None:
    action, late = await propose(agent, "mail.send"), await propose(agent, "data.delete")
    await freeze(operator, "all")
    await bot.vote(action)
    assert (await look(agent, action))["state"] == "approved"
    await bot.pass_time(2000)
    assert (await look(agent, late))["state"] == "aborted"
    assert (await claim(agent, action)).json()["reason"] == "frozen"
    assert (await look(agent, action))["state"] == "approved", "nobody is asked again before the thaw"
    await thaw(bot, operator, "all")
    assert (await claim(agent, action)).json()["reason"] == "lapsed"


async def test_a_running_action_is_reported_during_a_freeze_and_not_run_again(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient
) -> None:
    action = await propose(agent, "job.run")
    await bot.vote(action)
    await claim(agent, action)
    await freeze(operator, "all")
    assert (await claim(agent, action, rerun=True)).json()["reason"] == "frozen"
    path = f"/v1/actions/{action['id']}/report"
    assert (await agent.post(path, json={"receipt": "executed"})).json()["receipt"] == "executed"


async def test_a_freeze_ends_at_its_time(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient
) -> None:
    until = datetime.fromtimestamp(bot.clock.now + 30, UTC).isoformat()
    await freeze(operator, "db.read", until=until)
    action = await propose(agent, "db.read")
    assert (await claim(agent, action)).headers["Retry-After"] == "30"
    bot.clock.forward(31)
    assert (await claim(agent, await propose(agent, "db.read", id=2))).status_code == 200, (
        "no sweep is needed"
    )
    await bot.membrane.freeze_effects.follow_up()
    assert (await look(agent, action))["state"] == "passed"
    assert (await operator.get("/v1/operator/freezes")).json() == {"freezes": []}


async def test_a_freeze_is_journaled_and_the_admins_are_told(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient
) -> None:
    await freeze(operator, "mail.send")
    await bot.membrane.freeze_effects.follow_up()
    await thaw(bot, operator, "mail.send")
    leased: list[Message] = await bot.membrane.outbox.lease(9)
    told = "\n".join(str(each.body) for each in leased if each.kind == "notice")
    assert f"Now mail.send is frozen by {fakes.CLEO} (pager" in told
    assert "mail.send is thawed by" in told
    events = await bot.db.read(lambda connection: [each.event for each in journal.entries(connection)])
    assert [event for event in events if event.startswith("freeze.")] == ["freeze.began", "freeze.ended"]


async def test_a_freeze_redraws_the_cards(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient
) -> None:
    action = await propose(agent, "mail.send")
    (card,) = await bot.membrane.outbox.lease(9)

    async def drawn() -> str:
        facts = await bot.membrane.outbox.facts(card)
        return read(rendering.draw(facts, {}).blocks)

    wanted = card.wanted
    await freeze(operator, "mailer")
    await bot.membrane.freeze_effects.follow_up()
    assert "Frozen" in await drawn()
    assert WHY in await drawn()
    await bot.vote(action)
    assert "It may not start before the thaw" in await drawn()
    await thaw(bot, operator, "mailer")
    assert "Frozen" not in await drawn()
    (again,) = [each for each in await bot.membrane.outbox.lease(9) if each.kind == "card"] or [card]
    assert again.wanted >= wanted


@pytest.mark.parametrize("path", ["/v1/actions", "/v1/threads", "/v1/actions/act_1/claim"])
async def test_an_operators_token_proposes_and_claims_nothing(
    operator: httpx2.AsyncClient, path: str
) -> None:
    answer = await operator.post(path, json={"kind": "db.read", "args": {}})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:membrane:problem:forbidden")


async def test_an_agents_token_freezes_and_thaws_nothing(
    agent: httpx2.AsyncClient, operator: httpx2.AsyncClient
) -> None:
    asked = {"name": "all", "why": "mischief"}
    assert (await agent.post("/v1/operator/freezes", json=asked)).status_code == 403
    await freeze(operator, "all")
    assert (await agent.post("/v1/operator/thaws", json={"name": "all"})).status_code == 403
    assert (await agent.get("/v1/operator/freezes")).status_code == 403


async def test_the_owner_of_an_operators_token_may_still_vote(
    bot: Bot, agent: httpx2.AsyncClient, operator: httpx2.AsyncClient
) -> None:
    """An operator's token belongs to no agent, so it makes nobody a requester under any name."""
    await bot.membrane.tokens.create_operator("mailer", fakes.CLEO)
    action = await propose(agent, "data.delete")
    assert (await bot.vote(action, voters=(fakes.CLEO,))).action.state == "approved"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "all"},
        {"name": " ", "why": "x"},
        {"name": "all", "why": "x", "until": "2001-01-01T00:00:00Z"},
        {"name": "all", "why": "x", "until": "9999-12-31T23:59:59-14:00"},
    ],
)
async def test_a_freeze_without_a_name_a_reason_or_a_future_is_refused(
    operator: httpx2.AsyncClient, body: Json
) -> None:
    assert (await operator.post("/v1/operator/freezes", json=body)).status_code == 422
    assert (await operator.post("/v1/operator/thaws", json={"name": "nobody"})).status_code == 404
