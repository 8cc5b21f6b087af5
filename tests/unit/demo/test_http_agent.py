"""The agent in another process reports in words that the membrane refused, or is unreachable."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.demo.http_agent import AgentError, HttpAgent

Json = dict[str, Any]


class Door:
    """A membrane that gives prepared answers in order and keeps the requests."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Json]] = []
        self.asked: list[tuple[str, Json]] = []

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.asked.append((f"{request.method} {request.path_qs}", json.loads(text) if text else {}))
        status, body = self.answers.pop(0)
        return web.json_response(body, status=status)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def agent(door: Door) -> AsyncIterator[HttpAgent]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", door.handle)
    async with TestServer(app) as server, HttpAgent(str(server.make_url("/")), "mbr_x") as agent:
        yield agent


def action(state: str, *, may_start: bool = False, receipt: str | None = None) -> Json:
    return {
        "id": "act_1",
        "state": state,
        "may_start": may_start,
        "receipt": receipt,
        "args_digest": "d",
        "args": {},
    }


async def refuse(_: Json) -> Any:
    raise AssertionError("this must not run")


async def test_the_agent_waits_claims_acts_and_reports(door: Door, agent: HttpAgent) -> None:
    door.answers = [
        (200, action("waiting")),
        (200, action("approved", may_start=True)),
        (200, {"key": "rev_1:d", "args": {"amount": 9}}),
        (200, action("executed", receipt="executed")),
    ]

    async def act(claim: Json) -> Any:
        return {"paid": claim["args"]["amount"]}

    ended = await agent.settle(action("waiting"), act)
    assert ended["receipt"] == "executed"
    assert [asked for asked, _ in door.asked] == [
        "GET /v1/actions/act_1?wait=20",
        "GET /v1/actions/act_1?wait=20",
        "POST /v1/actions/act_1/claim",
        "POST /v1/actions/act_1/report",
    ]
    assert door.asked[2][1] == {"args_digest": "d"}
    assert door.asked[3][1] == {"receipt": "executed", "result": {"paid": 9}}


async def test_an_effect_that_fails_is_reported(door: Door, agent: HttpAgent) -> None:
    door.answers = [(200, {"key": "k", "args": {}}), (200, action("failed", receipt="failed"))]

    async def act(_: Json) -> Any:
        raise ValueError("no such order")

    assert (await agent.settle(action("passed", may_start=True), act))["receipt"] == "failed"
    assert door.asked[1][1] == {"receipt": "failed", "detail": "no such order"}


@pytest.mark.parametrize("state", ["rejected", "aborted", "withdrawn"])
async def test_an_action_that_may_not_start_is_not_run(agent: HttpAgent, state: str) -> None:
    assert (await agent.settle(action(state), refuse))["state"] == state


async def test_a_problem_is_told_in_its_own_words(door: Door, agent: HttpAgent) -> None:
    door.answers = [(429, {"title": "Too many", "detail": "20 reviews are open; ask again later"})]
    with pytest.raises(AgentError, match="POST /v1/actions: 20 reviews are open"):
        await agent.propose("payment.refund", {})


async def test_an_unreachable_membrane_is_an_error_of_its_own() -> None:
    async with HttpAgent("http://127.0.0.1:1", "mbr_x") as agent:
        with pytest.raises(AgentError, match="GET /v1/threads/thr_1"):
            await agent.thread("thr_1")
