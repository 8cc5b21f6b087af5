"""An agent lists its own actions by state and reference, in stable pages."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from bot.api.response_models import ActionList
from bot.store import messages
from tests import fakes
from tests.fakes import placed
from tests.integration.api.conftest import Bot


async def propose(agent: httpx2.AsyncClient, kind: str, number: int = 1, **more: Any) -> dict[str, Any]:
    answer = await agent.post("/v1/actions", json={"kind": kind, "args": {"id": number}, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(agent: httpx2.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await agent.get(f"/v1/actions{query}")
    assert answer.status_code == 200, answer.text
    ActionList.model_validate_json(answer.content, strict=True)
    found: dict[str, Any] = answer.json()
    return found


async def test_a_list_of_open_actions_leaves_out_the_ended_ones(bot: Bot, agent: httpx2.AsyncClient) -> None:
    waiting = await propose(agent, "money.wire", 1)
    approved = await propose(agent, "money.wire", 2)
    await bot.vote(approved)
    rejected = await propose(agent, "money.wire", 3)
    await bot.vote(rejected, approve=False)
    passed = await propose(agent, "db.read")
    found = (await listed(agent, "?state=open"))["actions"]
    assert [line["id"] for line in found] == [approved["id"], waiting["id"]]
    steps = [(line["state"], line["outcome"], line["next"], line["done"]) for line in found]
    assert steps == [("approved", "approved", "claim", False), ("waiting", None, "wait", False)]
    both = (await listed(agent, "?state=rejected&state=passed"))["actions"]
    assert [line["id"] for line in both] == [passed["id"], rejected["id"]]
    assert [(line["outcome"], line["done"]) for line in both] == [(None, False), ("rejected", True)]


@pytest.mark.parametrize("kind", ["db.read", "report.make", "mail.send", "data.delete", "release.sign"])
async def test_a_line_agrees_with_the_full_answer(bot: Bot, agent: httpx2.AsyncClient, kind: str) -> None:
    action = await propose(agent, kind, reference="run 7")
    shared = ("id", "kind", "tier", "state", "done", "next", "outcome", "receipt", "reference", "proposed_at")

    async def same() -> dict[str, Any]:
        (line,) = (await listed(agent))["actions"]
        whole = (await agent.get(f"/v1/actions/{action['id']}")).json()
        assert {name: line[name] for name in shared} == {name: whole[name] for name in shared}
        review = whole["review"]
        pending = review is not None and review["state"] == "pending"
        assert line["expires_at"] == (review["expires_at"] if pending else None)
        found: dict[str, Any] = line
        return found

    await same()
    await bot.membrane.freezes.freeze("mailer", why="audit", by="gus")
    assert (await same())["next"] == "wait"
    await bot.membrane.freezes.thaw("mailer", by="gus")
    if action["state"] == "waiting":
        if kind == "mail.send":
            await bot.pass_time(1001)
            assert (await same())["state"] == "halted"
        await bot.vote(action)
        assert (await same())["outcome"] == "approved"
    claim = await agent.post(f"/v1/actions/{action['id']}/claim", json={"args_digest": action["args_digest"]})
    assert claim.status_code == 200
    assert (await same())["state"] == "running"
    await bot.pass_time(601)
    assert (await same())["state"] == "unknown"
    await agent.post(f"/v1/actions/{action['id']}/report", json={"receipt": "failed"})
    assert (await same())["done"] is True


async def test_a_line_marks_an_action_that_passed_too_long_ago(bot: Bot, agent: httpx2.AsyncClient) -> None:
    await propose(agent, "db.read")
    await bot.pass_time(3601)
    (line,) = (await listed(agent, "?state=passed"))["actions"]
    assert (line["done"], line["next"]) == (True, "stop")


async def test_a_line_links_to_its_card(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await propose(agent, "money.wire")
    assert (await listed(agent))["actions"][0]["card"] is None
    (card,) = await bot.membrane.outbox.lease(1)
    await placed(bot.membrane, card.id, channel_id="C0APPROVE", ts="1800000000.000100")
    (line,) = (await listed(agent))["actions"]
    assert (line["id"], line["card"]) == (action["id"], "https://t/archives/C0APPROVE/p1800000000000100")
    assert await bot.db.read(lambda connection: messages.get(connection, card.id))


async def test_pages_are_stable_while_more_is_proposed(agent: httpx2.AsyncClient) -> None:
    made = [(await propose(agent, "mail.send", number))["id"] for number in range(5)]
    await propose(agent, "db.read")
    first = await listed(agent, "?state=waiting&limit=2")
    await propose(agent, "mail.send", 9)
    second = await listed(agent, f"?state=waiting&limit=2&cursor={first['next_cursor']}")
    third = await listed(agent, f"?limit=2&state=waiting&cursor={second['next_cursor']}")
    ids = [line["id"] for page in (first, second, third) for line in page["actions"]]
    assert ids == made[::-1]
    assert third["next_cursor"] is None


async def test_a_cursor_works_only_for_its_own_list(agent: httpx2.AsyncClient) -> None:
    for number in range(3):
        await propose(agent, "mail.send", number, reference="a")
    page = await listed(agent, "?state=waiting&limit=1")
    for query in ("?state=halted", "?state=waiting&reference=a", "?limit=1"):
        answer = await agent.get(f"/v1/actions{query}&cursor={page['next_cursor']}")
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("query.cursor: it is of another list")


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "%00", "YWN0XzE", "YWN0XzE=", "%F0%9F%91%8D", "a" * 200])
async def test_an_invalid_cursor_is_refused(agent: httpx2.AsyncClient, cursor: str) -> None:
    answer = await agent.get(f"/v1/actions?cursor={cursor}")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("query.cursor: ")


async def test_another_agents_cursor_shows_none_of_its_actions(bot: Bot, agent: httpx2.AsyncClient) -> None:
    for number in range(3):
        await propose(agent, "mail.send", number)
    page = await listed(agent, "?limit=1")
    _, secret = await bot.membrane.tokens.create("other", "U0ADA")
    theirs = {"Authorization": f"Bearer {secret}"}
    answer = await agent.get(f"/v1/actions?cursor={page['next_cursor']}", headers=theirs)
    assert answer.json()["actions"] == []


async def test_a_misspelt_state_is_refused(agent: httpx2.AsyncClient) -> None:
    answer = await agent.get("/v1/actions?state=wating")
    assert answer.status_code == 422
    assert "did you mean waiting?" in answer.json()["detail"]


async def test_cursor_and_before_exclude_each_other(agent: httpx2.AsyncClient) -> None:
    answer = await agent.get("/v1/actions?cursor=x&before=act_1")
    assert (answer.status_code, answer.json()["detail"]) == (422, "query.before: give it or cursor, not both")


@pytest.mark.parametrize("reference", ["run-8121", "Sitzung 3/ü", "注文 7"])
async def test_a_reference_is_stored_shown_and_searchable(
    bot: Bot, agent: httpx2.AsyncClient, reference: str
) -> None:
    ours = await propose(agent, "money.wire", reference=reference)
    await propose(agent, "money.wire", 2, reference="another")
    assert ours["reference"] == reference
    answer = await agent.get("/v1/actions", params={"reference": reference, "state": "open"})
    assert [line["id"] for line in answer.json()["actions"]] == [ours["id"]]
    assert (await bot.membrane.proposals.standing(ours["id"])).action.reference == reference


@pytest.mark.parametrize("reference", ["", "x" * 201, "a\nb", "\u202e", " a"])
async def test_an_invalid_reference_is_refused(agent: httpx2.AsyncClient, reference: str) -> None:
    answer = await agent.post("/v1/actions", json={"kind": "db.read", "reference": reference})
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "body.reference")
    asked = await agent.get("/v1/actions", params={"reference": reference})
    assert (asked.status_code, asked.json()["errors"][0]["where"]) == (422, "query.reference")


async def test_a_reference_changes_no_args_digest(agent: httpx2.AsyncClient) -> None:
    one, two = await propose(agent, "db.read", reference="a"), await propose(agent, "db.read", reference="b")
    assert one["args_digest"] == two["args_digest"]
    assert fakes.SECRET.decode() not in str(one)
