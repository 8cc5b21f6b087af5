"""Proposing: the answer of each tier, idempotency keys, and limits against floods."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from bot.api.response_models import ActionAnswer
from tests import fakes
from tests.integration.api.conftest import Bot, MakeBot


async def propose(by: httpx2.AsyncClient, kind: str, status: int = 201, **more: Any) -> dict[str, Any]:
    answer = await by.post("/v1/actions", json={"kind": kind, "args": {"id": 1}, **more})
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    if status < 400:
        ActionAnswer.model_validate_json(answer.content, strict=True)
    return body


async def test_tier_0_passes_and_may_start(agent: httpx2.AsyncClient) -> None:
    found = await propose(agent, "db.read")
    assert (found["tier"], found["tier_name"], found["state"]) == (0, "transparent", "passed")
    assert found["may_start"] is True
    assert found["review"] is None
    assert found["outcome"] is None
    assert found["message"] == (
        "It passes (transparent): it is reversible, small and cheap. Claim it, then act."
    )


async def test_tier_1_passes(agent: httpx2.AsyncClient) -> None:
    found = await propose(agent, "report.make")
    assert (found["tier"], found["state"], found["may_start"]) == (1, "passed", True)


async def test_tier_2_waits_and_announces_a_halt(agent: httpx2.AsyncClient) -> None:
    found = await propose(agent, "mail.send")
    assert (found["tier"], found["state"], found["may_start"]) == (2, "waiting", False)
    review = found["review"]
    assert review["if_nobody_answers"] == "safe_halt"
    assert review["if_nobody_answers_text"] == "it is halted, its state kept; it can still be answered later"
    assert (review["approvers"], review["quorum"], review["approvals"]) == (["oncall", "leads"], 1, 0)
    assert review["channel"] == "#agent-approvals"
    assert found["proposed_at"] == "2027-01-15T08:00:00Z"
    assert review["expires_at"] == "2027-01-15T08:33:20Z"


async def test_tier_3_waits_and_announces_an_abort(agent: httpx2.AsyncClient) -> None:
    found = await propose(agent, "money.wire")
    assert (found["tier"], found["state"]) == (3, "waiting")
    assert found["review"]["if_nobody_answers"] == "abort"
    assert found["message"] == (
        "It waits for leads (0 of 2 approvals). "
        "If nobody answers within 16 minutes 40 seconds, it is aborted and does not run."
    )


async def test_a_mandated_sign_off_announces_an_escalation(agent: httpx2.AsyncClient) -> None:
    found = await propose(agent, "release.sign")
    assert found["review"]["if_nobody_answers"] == "escalate"
    assert found["review"]["if_nobody_answers_text"].startswith("it stays pending, and more people are paged")


async def test_an_unknown_kind_is_tier_3_and_no_error(agent: httpx2.AsyncClient) -> None:
    assert (await propose(agent, "rocket.launch"))["tier"] == 3


async def test_a_hint_can_only_raise(agent: httpx2.AsyncClient) -> None:
    worse = {"reversible": False, "blast_radius": "high", "cost_usd": 3}
    better = {"reversible": True, "blast_radius": "low"}
    assert (await propose(agent, "db.read", risk=worse))["tier"] == 3
    assert (await propose(agent, "money.wire", risk=better))["tier"] == 3


async def test_the_token_names_the_agent_and_its_owner(bot: Bot, agent: httpx2.AsyncClient) -> None:
    found = await propose(agent, "money.wire", on_behalf_of="U0ADA")
    record = (await bot.membrane.proposals.standing(found["id"])).action
    assert (record.agent, record.owner, record.on_behalf_of) == ("mailer", fakes.GUS, "U0ADA")
    refused = await propose(agent, "db.read", 422, agent="somebody-else", owner="U0CLEO")
    assert [fault["where"] for fault in refused["errors"]] == ["body.agent", "body.owner"]


@pytest.mark.parametrize("in_header", [True, False])
async def test_a_repeated_key_returns_the_first_answer(
    bot: Bot, agent: httpx2.AsyncClient, in_header: bool
) -> None:
    headers = {"Idempotency-Key": "order-1"} if in_header else {}
    body = {"kind": "money.wire", "args": {"id": 1}} | ({} if in_header else {"idempotency_key": "order-1"})
    first = await agent.post("/v1/actions", json=body, headers=headers)
    bot.clock.forward(1)
    second = await agent.post("/v1/actions", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert await bot.membrane.open_reviews() == 1


async def test_the_same_key_for_another_action_is_a_conflict(agent: httpx2.AsyncClient) -> None:
    first = await propose(agent, "db.read", idempotency_key="k")
    problem = await propose(agent, "report.make", 409, idempotency_key="k")
    assert problem["type"] == "urn:membrane:problem:conflict"
    assert first["id"] in problem["detail"]


async def test_two_different_keys_in_one_request_are_refused(agent: httpx2.AsyncClient) -> None:
    body = {"kind": "db.read", "idempotency_key": "a"}
    answer = await agent.post("/v1/actions", json=body, headers={"Idempotency-Key": "b"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Idempotency-Key: it differs from body.idempotency_key"


@pytest.mark.parametrize(
    "key", ["", " ", "x ", "x" * 201, "a\nb", "a\u202eb", "a\u2028b", "\u200b", "\ufeffa", "\ufdd0"]
)
async def test_a_key_of_the_wrong_shape_is_refused(agent: httpx2.AsyncClient, key: str) -> None:
    header = {"Idempotency-Key": f"UTF-8''{quote(key)}"}
    answer = await agent.post("/v1/actions", json={"kind": "db.read"}, headers=header)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "header.Idempotency-Key"
    assert (await propose(agent, "db.read", 422, idempotency_key=key))["errors"][0]["where"] == (
        "body.idempotency_key"
    )


@pytest.mark.parametrize(
    "key",
    [
        "überweisung 7",
        "заказ-42",
        "注文",
        "order/7?x=%20",
        "👩\u200d👩\u200d👧",
        "نامه\u200cها",
        "x" * 200,
        "\U0001fae9",
    ],
)
async def test_a_key_of_any_script_is_the_same_in_the_body_and_encoded_in_the_header(
    bot: Bot, agent: httpx2.AsyncClient, key: str
) -> None:
    first = await propose(agent, "money.wire", idempotency_key=key)
    bot.clock.forward(1)
    body = {"kind": "money.wire", "args": {"id": 1}}
    header = {"Idempotency-Key": f"utf-8''{quote(key)}"}
    again = await agent.post("/v1/actions", json=body, headers=header)
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    both = await agent.post("/v1/actions", json={**body, "idempotency_key": key}, headers=header)
    assert (both.status_code, both.json()["id"]) == (200, first["id"])


async def test_an_ascii_key_in_the_header_is_used_verbatim(agent: httpx2.AsyncClient) -> None:
    """This holds even if it looks encoded, so keys of older clients keep their meaning."""
    first = await propose(agent, "money.wire", idempotency_key="a%20b")
    body = {"kind": "money.wire", "args": {"id": 1}}
    again = await agent.post("/v1/actions", json=body, headers={"Idempotency-Key": "a%20b"})
    assert again.json()["id"] == first["id"]


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ([(b"Idempotency-Key", "ü".encode("latin-1"))], "a header holds ASCII only; put the key into body"),
        ([(b"Idempotency-Key", "ü".encode())], "a header holds ASCII only; put the key into body"),
        ([(b"Idempotency-Key", b"UTF-8''%FC")], "its percent-encoded bytes are not UTF-8"),
        ([(b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"a")], "it is given 2 times"),
    ],
)
async def test_a_header_that_two_readers_could_read_differently_is_refused(
    agent: httpx2.AsyncClient, headers: list[tuple[bytes, bytes]], says: str
) -> None:
    answer = await agent.post("/v1/actions", json={"kind": "db.read"}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"Idempotency-Key: {says}")


async def test_too_many_open_reviews_are_answered_429_with_a_retry_time(make_bot: MakeBot) -> None:
    bot: Bot = await make_bot(policy=fakes.policy(open_per_agent=1))
    async with bot.client() as agent:
        await propose(agent, "money.wire")
        answer = await agent.post("/v1/actions", json={"kind": "money.wire"})
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "30"
        assert answer.json()["type"] == "urn:membrane:problem:too-many"
        assert "1 open review," in answer.json()["detail"]
        await propose(agent, "db.read")


async def test_a_remembered_rejection_is_told_apart_from_an_expiry(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    first = await propose(agent, "money.wire")
    await bot.vote(first, approve=False, note="not this month")
    again = await propose(agent, "money.wire")
    assert (again["state"], again["outcome"], again["nobody_answered"]) == ("rejected", "rejected", False)
    assert again["review"] is None
    assert again["remembers"] == first["id"]
    assert "not this month" in again["message"]


async def test_the_list_has_the_agents_own_actions_newest_first_in_pages(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    _, other = await bot.membrane.tokens.create("other", "U0ADA")
    made = [(await propose(agent, "db.read"))["id"] for _ in range(3)]
    theirs = {"Authorization": f"Bearer {other}"}
    await agent.post("/v1/actions", json={"kind": "db.read"}, headers=theirs)
    page = (await agent.get("/v1/actions?limit=2")).json()
    assert [line["id"] for line in page["actions"]] == made[:0:-1]
    rest = (await agent.get("/v1/actions", params={"before": page["next_before"]})).json()
    assert [line["id"] for line in rest["actions"]] == made[:1]
    assert rest["next_before"] is None
