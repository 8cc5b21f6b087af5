"""The limits of a hostile agent, or of a person who holds its token."""

from __future__ import annotations

import httpx2

from bot.localslack import all_text
from tests.security.conftest import ADA, APPROVALS, CLEO, DIA, GUS, MAL, Scene, propose, standing

ROUTES = {
    "/v1/actions": {"get", "post"},
    "/v1/actions/batch": {"post"},
    "/v1/actions/{action_id}": {"get"},
    "/v1/actions/{action_id}/claim": {"post"},
    "/v1/actions/{action_id}/report": {"post"},
    "/v1/actions/{action_id}/withdraw": {"post"},
    "/v1/threads": {"get", "post"},
    "/v1/threads/{thread_id}": {"get"},
    "/v1/threads/{thread_id}/withdraw": {"post"},
}
"""All routes that an agent's token opens. None of them votes or changes the policy."""
OPERATORS = {"/v1/operator/freezes": {"get", "post"}, "/v1/operator/thaws": {"post"}}
"""The routes that an operator's token opens and an agent's does not."""


async def test_a_stolen_token_cannot_approve(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """No route approves: an approval is a click of a known person that Slack signs."""
    page = (await agent.get("/openapi.json")).json()
    routes = {path: set(ways) for path, ways in page["paths"].items() if path.startswith("/v1/")}
    assert routes == ROUTES | OPERATORS
    for path, ways in OPERATORS.items():
        for way in ways:
            assert (await agent.request(way, path, json={"what": "all", "why": "mine"})).status_code == 403
    asked = await propose(agent, "data.delete", {"id": 1})
    for path in ("approve", "vote", "votes"):
        response = await agent.post(f"/v1/actions/{asked['id']}/{path}", json={"approve": True})
        assert response.status_code == 404
    claim = await agent.post(f"/v1/actions/{asked['id']}/claim", json={"args_digest": asked["args_digest"]})
    assert (claim.status_code, claim.json()["reason"]) == (409, "not_approved")


async def test_another_agents_token_opens_nothing_of_this_one(
    scene: Scene, agent: httpx2.AsyncClient
) -> None:
    asked = await propose(agent, "data.delete", {"id": 1})
    await scene.click(asked, CLEO, "approve")
    assert (await standing(agent, asked, wait=20))["state"] == "approved"
    async with scene.agent("mal-agent", MAL) as mal:
        for method, path, body in (
            ("GET", "", None),
            ("POST", "/claim", {"args_digest": asked["args_digest"]}),
            ("POST", "/report", {"receipt": "executed"}),
            ("POST", "/withdraw", {"why": "mine"}),
        ):
            response = await mal.request(method, f"/v1/actions/{asked['id']}{path}", json=body)
            assert response.status_code == 404, path
    assert (await standing(agent, asked))["state"] == "approved"


async def test_naming_somebody_else_wins_no_vote(scene: Scene) -> None:
    """The agent names the person it acts for, and the token names its owner. Neither of them may vote."""
    async with scene.agent("mal-agent", CLEO) as mal:
        asked = await propose(mal, "data.delete", {"id": 1}, on_behalf_of=MAL)
        for field in ("owner", "agent", "requesters"):
            body = {"kind": "data.delete", "args": {}, field: GUS}
            assert (await mal.post("/v1/actions", json=body)).status_code == 422
        await scene.click(asked, CLEO, "approve")
        await scene.click(asked, MAL, "approve")
        assert (await standing(mal, asked))["state"] == "waiting"
        async with scene.person(DIA) as dia:
            card = await dia.wait_for_message(APPROVALS, "data.delete")
            assert "mal-agent" in all_text(card)
            assert MAL in str(card["blocks"])
        await scene.click(asked, DIA, "approve")
        assert (await standing(mal, asked, wait=20))["decided_by"] == [DIA]


async def test_a_flood_stops_at_the_door(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """A cap limits the waiting actions, and a rejected action gets no second card."""
    first = await propose(agent, "data.delete", {"id": 0})
    await scene.click(first, CLEO, "reject")
    assert (await standing(agent, first, wait=20))["state"] == "rejected"
    again = await propose(agent, "data.delete", {"id": 0})
    assert (again["state"], again["remembers"], again["review"]) == ("rejected", first["id"], None)
    answers = [
        (await agent.post("/v1/actions", json={"kind": "data.delete", "args": {"id": number}})).status_code
        for number in range(1, 24)
    ]
    assert answers == [201] * 20 + [429] * 3
    assert (await agent.post("/v1/actions", json={"kind": "card.look", "args": {}})).status_code == 201


async def test_arguments_cannot_be_swapped_nor_an_approval_used_twice(
    scene: Scene, agent: httpx2.AsyncClient
) -> None:
    asked = await propose(agent, "data.delete", {"id": 1})
    large = await propose(agent, "data.delete", {"id": "*"})
    await scene.click(asked, CLEO, "approve")
    assert (await standing(agent, asked, wait=20))["state"] == "approved"
    path = f"/v1/actions/{asked['id']}/claim"
    swapped = await agent.post(path, json={"args_digest": large["args_digest"]})
    assert swapped.json()["reason"] == "args_changed"
    assert (await agent.post(path, json={"args_digest": asked["args_digest"]})).json()["args"] == {"id": 1}
    replayed = await agent.post(path, json={"args_digest": asked["args_digest"], "rerun": True})
    assert replayed.json()["reason"] == "already_claimed"


async def test_a_signed_click_that_is_sent_again_counts_once(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """A click with another action's digest, or by a person who may not vote, does not count."""
    asked, other = [await propose(agent, "data.delete", {"id": number}) for number in (1, 2)]
    await scene.click(asked, CLEO, "approve", d=other["args_digest"])
    await scene.click(asked, ADA, "approve")
    await scene.click(asked, GUS, "approve")
    assert (await standing(agent, asked))["state"] == "waiting"
    for _ in range(3):
        assert await scene.click(asked, CLEO, "approve") == 200
    decided = await standing(agent, asked, wait=20)
    assert (decided["state"], decided["review"]["approvals"]) == ("approved", 1)
    await scene.click(asked, DIA, "reject")
    assert (await standing(agent, asked))["state"] == "approved"
    assert (await standing(agent, other))["state"] == "waiting"
