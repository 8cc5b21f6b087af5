"""An agent proposes the calls of one turn together: all or none, and each card names the others."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from bot.api.response_models import BatchAnswer
from bot.domain.action import Action
from bot.domain.states import InterruptShape
from bot.membrane import Call, Parked
from bot.slack.outbound.rendering import draw
from tests import fakes
from tests.integration.api.conftest import Bot, MakeBot
from tests.unit.slack.reading import read


def wish(kind: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "args": {"id": number}, **more}


async def batch(agent: httpx2.AsyncClient, *wishes: Any, status: int = 201) -> dict[str, Any]:
    answer = await agent.post("/v1/actions/batch", json={"actions": list(wishes)})
    assert answer.status_code == status, answer.text
    if status < 400:
        BatchAnswer.model_validate_json(answer.content, strict=True)
    found: dict[str, Any] = answer.json()
    return found


async def count(agent: httpx2.AsyncClient) -> int:
    return len((await agent.get("/v1/actions?limit=200")).json()["actions"])


async def test_each_action_of_a_batch_is_ruled_by_itself_in_order(agent: httpx2.AsyncClient) -> None:
    wishes = (wish("money.wire"), wish("db.read", reference="call-2"), wish("mail.send"))
    found = (await batch(agent, *wishes))["actions"]
    assert [(each["kind"], each["state"]) for each in found] == [
        ("money.wire", "waiting"),
        ("db.read", "passed"),
        ("mail.send", "waiting"),
    ]
    assert [each["next"] for each in found] == ["wait", "claim", "wait"]
    assert found[1]["reference"] == "call-2"
    assert len({each["turn"] for each in found}) == 1
    assert found[0]["turn"].startswith("trn_")


async def test_a_batch_of_one_is_no_turn(agent: httpx2.AsyncClient) -> None:
    (found,) = (await batch(agent, wish("db.read")))["actions"]
    assert found["turn"] is None


async def test_the_cards_of_a_turn_name_each_other(bot: Bot, agent: httpx2.AsyncClient) -> None:
    wishes = [wish("money.wire", 7), wish("money.wire", 7), wish("db.read", 9), *(wish("mail.send", 3),) * 4]
    await batch(agent, *wishes)
    await agent.post("/v1/actions", json=wish("data.delete", 8))
    cards = [await bot.membrane.outbox.facts(each) for each in await bot.membrane.outbox.lease(9)]
    texts = {draw(each, {}).text: read(draw(each, {}).blocks) for each in cards}
    (alone,) = [text for summary, text in texts.items() if "data.delete" in summary]
    assert "together" not in alone
    wire = next(text for summary, text in texts.items() if "money.wire" in summary)
    assert " of 7 actions that the agent asked for together. The others: " in wire
    assert "• money.wire `id 7`" in wire
    assert "• db.read `id 9`" in wire
    assert "and 2 more" in wire


@pytest.mark.parametrize(
    ("wishes", "where", "says"),
    [
        ([wish("db.read"), {"kind": "db.read", "argz": {}}], "body.actions.1.argz", "did you mean args?"),
        ([wish("db.read"), wish("no kind")], "body.actions.1.kind", "String should match"),
        (
            [wish("db.read"), wish("db.read", idempotency_key="a\nb")],
            "body.actions.1.idempotency_key",
            "U+000A",
        ),
        ([wish("db.read"), {"kind": "db.read", "args": {"a": "x" * 70_000}}], "body.actions.1", "args are"),
        ([wish("db.read", idempotency_key="thr_1"), wish("db.read")], "body.actions.0", "hosted threads"),
        (
            [wish("db.read", idempotency_key="k"), wish("db.read"), wish("db.read", 2, idempotency_key="k")],
            "body.actions.2",
            "action 0 of the batch has the idempotency key 'k'",
        ),
        ([wish("db.read"), "x"], "body.actions.1", "Input should be"),
    ],
)
async def test_one_faulty_action_refuses_the_whole_batch(
    agent: httpx2.AsyncClient, wishes: list[Any], where: str, says: str
) -> None:
    problem = await batch(agent, *wishes, status=409 if "of the batch has" in says else 422)
    (fault,) = problem["errors"]
    assert fault["where"] == where
    assert says in fault["what"]
    assert await count(agent) == 0


async def test_every_faulty_action_is_named(agent: httpx2.AsyncClient) -> None:
    await agent.post("/v1/actions", json=wish("db.read", 1, idempotency_key="used"))
    wishes = [
        wish("db.read", 2, idempotency_key="used"),
        wish("db.read"),
        wish("db.read", 3, idempotency_key="used"),
    ]
    again = await batch(agent, *wishes, status=409)
    assert [each["where"] for each in again["errors"]] == ["body.actions.2"], "twice in one batch"
    conflict = await batch(agent, *wishes[:2], status=409)
    assert conflict["type"] == "urn:membrane:problem:batch-refused"
    assert [each["where"] for each in conflict["errors"]] == ["body.actions.0"]
    assert "was used for another action" in conflict["errors"][0]["what"]
    assert await count(agent) == 1


async def test_each_action_of_a_batch_has_its_own_idempotency_key(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    wishes = [wish("money.wire", number, idempotency_key=f"клuч {number}") for number in range(3)]
    first = (await batch(agent, *wishes))["actions"]
    bot.clock.forward(1)
    again = (await batch(agent, *wishes, status=200))["actions"]
    assert [each["id"] for each in again] == [each["id"] for each in first]
    more = (await batch(agent, *wishes, wish("money.wire", 9)))["actions"]
    assert [each["id"] for each in more[:3]] == [each["id"] for each in first]
    assert await bot.membrane.open_reviews() == 4


async def test_a_key_for_the_whole_batch_is_refused(agent: httpx2.AsyncClient) -> None:
    answer = await agent.post(
        "/v1/actions/batch", json={"actions": [wish("db.read")]}, headers={"Idempotency-Key": "k"}
    )
    assert (answer.status_code, "one for each" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("wishes", [[], [wish("db.read")] * 51])
async def test_a_batch_has_a_maximum_size(agent: httpx2.AsyncClient, wishes: list[Any]) -> None:
    problem = await batch(agent, *wishes, status=422)
    assert problem["errors"][0]["where"] == "body.actions"


async def test_the_cap_of_open_reviews_applies_to_a_batch(make_bot: MakeBot) -> None:
    bot: Bot = await make_bot(policy=fakes.policy(open_per_agent=3))
    async with bot.client() as agent:
        await agent.post("/v1/actions", json=wish("money.wire"))
        full = await agent.post(
            "/v1/actions/batch", json={"actions": [wish("money.wire", number) for number in range(2, 5)]}
        )
        assert (full.status_code, full.json()["type"]) == (429, "urn:membrane:problem:too-many")
        assert int(full.headers["Retry-After"]) > 0
        assert await bot.membrane.open_reviews() == 1, "all or none"
        found = await batch(
            agent, wish("money.wire", 2), *[wish("db.read", n) for n in range(9)], wish("mail.send")
        )
        assert len(found["actions"]) == 11
        never = await batch(agent, *[wish("mail.send", number) for number in range(4)], status=409)
        assert (
            "4 of these actions need approval, and the policy allows mailer 3 open reviews" in never["detail"]
        )
        assert await bot.membrane.open_reviews() == 3


async def test_the_rate_limit_counts_each_action_of_a_batch(make_bot: MakeBot) -> None:
    bot: Bot = await make_bot(rate=10.0)
    async with bot.client() as agent:
        await batch(agent, *[wish("db.read", number) for number in range(50)])
        assert (await agent.get("/v1/actions")).status_code == 429


async def test_a_recent_rejection_is_remembered_in_a_batch(bot: Bot, agent: httpx2.AsyncClient) -> None:
    (first,) = (await batch(agent, wish("money.wire")))["actions"]
    await bot.vote(first, approve=False)
    again = (await batch(agent, wish("money.wire"), wish("db.read")))["actions"]
    assert [each["state"] for each in again] == ["rejected", "passed"]
    assert again[0]["remembers"] == first["id"]


async def test_the_cards_of_a_hosted_batch_name_each_other_too(bot: Bot, agent: httpx2.AsyncClient) -> None:
    started = (await agent.post("/v1/threads", json={"graph": "refunds"})).json()
    calls = (
        Action.of("money.wire", {"id": 1}, agent="mailer"),
        Action.of("mail.send", {"id": 2}, agent="mailer"),
    )
    parked = Parked(
        "int1", InterruptShape.HITL_BATCH, {}, tuple(Call(each, place) for place, each in enumerate(calls))
    )
    await bot.membrane.interrupts.park(started["id"], parked)
    cards = [await bot.membrane.outbox.facts(each) for each in await bot.membrane.outbox.lease(9)]
    texts = [read(draw(each, {}).blocks) for each in cards]
    assert any("1 of 2 actions" in text and "• mail.send `id 2`" in text for text in texts)
    assert any("2 of 2 actions" in text and "• money.wire `id 1`" in text for text in texts)


async def test_a_strict_policy_names_each_slip_by_its_path(make_bot: MakeBot) -> None:
    bot: Bot = await make_bot(policy=fakes.policy(strict=True))
    async with bot.client() as agent:
        problem = await batch(agent, wish("db.read"), wish("money.wier"), wish("rocket.launch"), status=422)
        assert [each["where"] for each in problem["errors"]] == ["body.actions.1.kind", "body.actions.2.kind"]
        assert problem["errors"][0]["did_you_mean"] == "money.wire"
        assert await count(agent) == 0


async def test_the_calls_of_a_turn_are_never_merged(bot: Bot, agent: httpx2.AsyncClient) -> None:
    alone = (await agent.post("/v1/actions", json=wish("money.wire"))).json()
    (merged,) = (await batch(agent, wish("money.wire"), status=200))["actions"]
    assert (merged["id"], merged["merged"]) == (alone["id"], True), "one alone is no turn"
    turn = (await batch(agent, wish("money.wire"), wish("money.wire")))["actions"]
    assert len({alone["id"], *(each["id"] for each in turn)}) == 3
    assert await bot.membrane.open_reviews() == 3
