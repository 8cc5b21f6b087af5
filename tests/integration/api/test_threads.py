"""Hosted threads over HTTP: an agent starts and reads its own threads."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from bot.api.response_models import ThreadAnswer, ThreadList
from bot.domain.action import Action
from bot.domain.policy_model import Limits
from bot.domain.states import InterruptShape, ThreadState
from bot.membrane import Call, Parked
from tests import fakes
from tests.integration.api.conftest import Bot, MakeBot

START = {"graph": "refunds", "input": {"order": 1042}, "on_behalf_of": "U0ADA"}


async def test_a_thread_starts_for_the_tokens_agent(bot: Bot, agent: httpx2.AsyncClient) -> None:
    answer = await agent.post("/v1/threads", json=START)
    assert answer.status_code == 201
    started = ThreadAnswer.model_validate_json(answer.content, strict=True)
    assert (started.graph, started.state, started.on_behalf_of) == ("refunds", "wanted", "U0ADA")
    record = await bot.membrane.threads.get(started.id)
    assert (record.agent, record.owner, record.input) == ("mailer", fakes.GUS, {"order": 1042})


async def test_an_agent_starts_only_graphs_that_the_policy_allows(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    _, secret = await bot.membrane.tokens.create("other", "U0ADA")
    refused = await agent.post("/v1/threads", json=START, headers={"Authorization": f"Bearer {secret}"})
    told = refused.json()
    assert (refused.status_code, told["type"]) == (403, "urn:membrane:problem:start-refused")
    assert told["detail"].startswith(
        "the policy does not let the agent other start the graph 'refunds'; it may"
    )
    assert "graphs: {refunds: {agents: [other]}}" in told["detail"]
    bot.in_force.append(fakes.policy())
    assert (await agent.post("/v1/threads", json=START)).status_code == 403, (
        "an agent that no graph names starts none"
    )
    assert await bot.membrane.threads.unsettled() == []


async def test_the_same_key_starts_one_thread(agent: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "order-1042"}
    first = (await agent.post("/v1/threads", json=START, headers=key)).json()
    again = (await agent.post("/v1/threads", json=START, headers=key)).json()
    assert first["id"] == again["id"]
    other = await agent.post("/v1/threads", json={**START, "input": {"order": 7}}, headers=key)
    assert (other.status_code, other.json()["type"]) == (409, "urn:membrane:problem:conflict")


async def test_an_agent_with_too_many_threads_is_told_what_to_do(bot: Bot, agent: httpx2.AsyncClient) -> None:
    present = bot.in_force[-1]
    bot.in_force.append(replace(present, limits=Limits(threads_per_agent=2)))
    first, _ = [(await agent.post("/v1/threads", json=START)).json() for _ in range(2)]
    refused = await agent.post("/v1/threads", json=START)
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:membrane:problem:too-many")
    assert refused.headers["Retry-After"] == "60"
    told = refused.json()["detail"]
    assert told.startswith("mailer has 2 threads that have not ended, as many as the policy allows at once")
    assert "limits: threads_per_agent" in told
    assert "POST /v1/threads/{id}/withdraw" in told
    await agent.post(f"/v1/threads/{first['id']}/withdraw", json={"why": "nobody needs it"})
    assert (await agent.post("/v1/threads", json=START)).status_code == 201


async def test_a_thread_shows_which_of_its_actions_wait_for_a_place(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    bot.in_force.append(replace(bot.in_force[-1], limits=Limits(open_per_agent=1)))
    started = (await agent.post("/v1/threads", json=START)).json()
    for number in range(2):
        action = Action.of("money.wire", {"id": number}, agent="mailer")
        await bot.membrane.interrupts.park(
            started["id"], Parked(f"int{number}", InterruptShape.GATE, {}, (Call(action),))
        )
    answer = await agent.get(f"/v1/threads/{started['id']}")
    found = ThreadAnswer.model_validate_json(answer.content, strict=True)
    assert [line.state for line in found.actions] == ["waiting", "queued"]
    told = (await agent.get(f"/v1/actions/{found.actions[1].id}")).json()
    assert (told["state"], told["next"], told["may_start"]) == ("queued", "wait", False)
    assert "mailer has 1 open review, as many as the policy allows at once" in told["message"]


async def test_a_thread_shows_its_actions(bot: Bot, agent: httpx2.AsyncClient) -> None:
    started = (await agent.post("/v1/threads", json=START)).json()
    action = Action.of("money.wire", {"id": 1}, agent="mailer")
    await bot.membrane.interrupts.park(
        started["id"], Parked("int1", InterruptShape.GATE, {}, (Call(action),))
    )
    answer = await agent.get(f"/v1/threads/{started['id']}")
    found = ThreadAnswer.model_validate_json(answer.content, strict=True)
    assert [(line.kind, line.state) for line in found.actions] == [("money.wire", "waiting")]


async def test_another_agents_thread_is_not_found(bot: Bot, agent: httpx2.AsyncClient) -> None:
    started = (await agent.post("/v1/threads", json=START)).json()
    _, secret = await bot.membrane.tokens.create("other", "U0ADA")
    theirs = {"Authorization": f"Bearer {secret}"}
    assert (await agent.get(f"/v1/threads/{started['id']}", headers=theirs)).status_code == 404


async def test_only_its_own_agent_can_withdraw_a_thread(bot: Bot, agent: httpx2.AsyncClient) -> None:
    started = (await agent.post("/v1/threads", json=START)).json()
    _, secret = await bot.membrane.tokens.create("other", "U0ADA")
    theirs = {"Authorization": f"Bearer {secret}"}
    path, why = f"/v1/threads/{started['id']}/withdraw", {"why": "the order was cancelled"}
    assert (await agent.post(path, json=why, headers=theirs)).status_code == 404
    assert (await agent.post(path, json={})).status_code == 422
    answer = await agent.post(path, json=why)
    found = ThreadAnswer.model_validate_json(answer.content, strict=True)
    assert (found.state, found.error) == ("gone", "the order was cancelled")


@pytest.mark.parametrize("kind", ["db.read", "mail.send"])
async def test_an_agent_cannot_claim_or_report_an_action_of_a_hosted_thread_over_http(
    bot: Bot, agent: httpx2.AsyncClient, kind: str
) -> None:
    started = (await agent.post("/v1/threads", json=START)).json()
    action = Action.of(kind, {"id": 1}, agent="mailer")
    parked = Parked("int1", InterruptShape.HITL_CALL, {}, (Call(action),))
    (standing,) = await bot.membrane.interrupts.park(started["id"], parked)
    path, digest = f"/v1/actions/{standing.action.id}", standing.action.args_digest
    await bot.vote({"id": standing.action.id, "args_digest": digest})
    seen = (await agent.get(path)).json()
    assert (seen["may_start"], "Its thread starts it." in seen["message"]) == (False, True)
    claim = await agent.post(f"{path}/claim", json={"args_digest": digest})
    assert (claim.status_code, claim.json()["type"]) == (409, "urn:membrane:problem:conflict")
    assert started["id"] in claim.json()["detail"]
    await bot.membrane.claims.start(standing.action.id, digest)
    for receipt in ("executed", "failed"):
        report = await agent.post(f"{path}/report", json={"receipt": receipt})
        assert (report.status_code, report.json()["type"]) == (409, "urn:membrane:problem:conflict")
    assert (await agent.get(path)).json()["state"] == "running"


async def test_a_key_that_a_hosted_thread_would_use_is_refused(agent: httpx2.AsyncClient) -> None:
    """Otherwise an agent's proposal under that key could replace a call of the thread."""
    started = (await agent.post("/v1/threads", json=START)).json()
    body = {"kind": "db.read", "args": {"id": 1}, "idempotency_key": f"{started['id']}:msg:call"}
    answer = await agent.post("/v1/actions", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:membrane:problem:bad-action")
    assert "belong to hosted threads" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"graph": "nix"}, 404, "there is no graph 'nix'; there is refunds"),
        ({"graph": "refundz"}, 403, "the policy does not let the agent mailer start the graph 'refundz'"),
        ({"graph": ""}, 422, "body.graph: "),
        ({"graph": "refunds", "input": []}, 422, "body.input: "),
        ({"graph": "refunds", "input": {"on_behalf_of": "<@U0ADA>"}}, 422, "input.on_behalf_of is not"),
        ({"graph": "refunds", "input": {"on_behalf_of": ["U0ADA"]}}, 422, "input.on_behalf_of is not"),
        ({"graph": "refunds", "input": {"on_behalf_of": ""}}, 422, "input.on_behalf_of is not"),
        ({"graph": "refunds", "on_behalf_of": "<@U0ADA>"}, 422, "body.on_behalf_of: "),
        ({"graph": "refunds", "on_behalf_of": "U0ADA\n"}, 422, "body.on_behalf_of: "),
        ({"graph": "refunds", "input": {"a": "x" * 70_000}}, 422, "input are 70008 bytes"),
    ],
)
async def test_a_thread_that_cannot_start_is_refused(
    agent: httpx2.AsyncClient, body: dict[str, Any], status: int, says: str
) -> None:
    answer = await agent.post("/v1/threads", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(says)


async def started(agent: httpx2.AsyncClient, order: int = 1042) -> str:
    answer = await agent.post("/v1/threads", json={**START, "input": {"order": order}})
    assert answer.status_code == 201
    found: str = answer.json()["id"]
    return found


async def listed(agent: httpx2.AsyncClient, query: str = "", **headers: str) -> ThreadList:
    answer = await agent.get(f"/v1/threads{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return ThreadList.model_validate_json(answer.content, strict=True)


async def test_an_agent_lists_its_own_threads_by_state_in_pages(bot: Bot, agent: httpx2.AsyncClient) -> None:
    made = [await started(agent, order) for order in range(4)]
    await bot.membrane.threads.set_state(made[0], ThreadState.FAILED, "no such order")
    await bot.membrane.threads.set_state(made[1], ThreadState.PARKED)
    _, secret = await bot.membrane.tokens.create("other", "U0ADA")
    assert (await listed(agent, Authorization=f"Bearer {secret}")).threads == []
    assert [each.id for each in (await listed(agent)).threads] == made[::-1]
    (failed,) = (await listed(agent, "?state=failed")).threads
    assert (failed.id, failed.done, failed.error) == (made[0], True, "no such order")
    first = await listed(agent, "?state=open&limit=2")
    await started(agent, 99)
    rest = await listed(agent, f"?state=open&limit=2&cursor={first.next_cursor}")
    assert [each.id for each in (*first.threads, *rest.threads)] == made[:0:-1]
    assert rest.next_cursor is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?state=finnished", "did you mean finished?"),
        ("?state=waiting", "it is not a state"),
        ("?reference=x", "query.reference: it is not a parameter here"),
        ("?cursor=YWN0XzE", "query.cursor: it is not a cursor"),
    ],
)
async def test_a_misspelt_query_for_threads_is_refused(
    agent: httpx2.AsyncClient, query: str, says: str
) -> None:
    answer = await agent.get(f"/v1/threads{query}")
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


async def test_a_cursor_of_actions_does_not_work_for_threads(bot: Bot, agent: httpx2.AsyncClient) -> None:
    for number in range(2):
        await agent.post("/v1/actions", json={"kind": "db.read", "args": {"id": number}})
    page = (await agent.get("/v1/actions?limit=1")).json()
    assert (await agent.get(f"/v1/threads?cursor={page['next_cursor']}")).status_code == 422
    assert await bot.membrane.open_reviews() == 0


async def test_a_wait_ends_when_the_thread_moves(bot: Bot, agent: httpx2.AsyncClient) -> None:
    thread = await started(agent)
    waiting = asyncio.create_task(agent.get(f"/v1/threads/{thread}?wait=60"))
    while not bot.membrane.wakeups.is_watched(thread):
        await asyncio.sleep(0)
    await bot.membrane.threads.set_state(
        thread, ThreadState.FINISHED, result={"result": {"refund": 7}, "cut": False}
    )
    found = ThreadAnswer.model_validate_json((await waiting).content, strict=True)
    assert (found.state, found.done, found.result, found.result_cut) == (
        "finished",
        True,
        {"refund": 7},
        False,
    )
    again = (await agent.get(f"/v1/threads/{thread}?wait=60")).json()
    assert again["result"] == {"refund": 7}, "a wait for an ended thread is answered at once"


async def test_a_wait_for_an_idle_thread_ends_at_its_timeout(bot: Bot, agent: httpx2.AsyncClient) -> None:
    thread = await started(agent)
    waiting = asyncio.create_task(agent.get(f"/v1/threads/{thread}?wait=30"))
    while not bot.membrane.wakeups.is_watched(thread):
        await asyncio.sleep(0)
    bot.clock.forward(31)
    bot.membrane.wakeups.changed(thread)
    assert (await waiting).json()["state"] == "wanted"


async def test_a_result_is_sealed_and_holds_no_redacted_values(
    make_bot: MakeBot, agent: httpx2.AsyncClient
) -> None:
    secret = "4111 1111 1111 1111"
    policy = fakes.policy(graphs={"refunds": ("mailer",)})
    kinds = {**policy.actions, "money.wire": replace(policy.actions["money.wire"], redact=("card",))}
    bot: Bot = await make_bot(policy=replace(policy, actions=kinds))
    async with bot.client() as other:
        thread = await started(other)
        action = Action.of("money.wire", {"card": secret}, agent="mailer")
        await bot.membrane.interrupts.park(
            thread, Parked("int1", InterruptShape.HITL_CALL, {}, (Call(action),))
        )
        said = {"result": {"said": f"charged {secret}", "order": "A-7"}, "cut": False}
        await bot.membrane.threads.set_state(thread, ThreadState.FINISHED, result=said)
        found = (await other.get(f"/v1/threads/{thread}")).json()
    assert secret not in str(found)
    assert found["result"]["order"] == "A-7"
    row = await bot.db.read(lambda c: c.execute(text("SELECT result FROM threads")).scalar_one())
    assert "A-7" not in row
    assert (await agent.get(f"/v1/threads/{thread}")).status_code == 404
