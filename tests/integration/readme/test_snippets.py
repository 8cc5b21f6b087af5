"""The README's programs run unchanged against the real API and the real host."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import fakes
from tests.integration.api.conftest import Bot, MakeBot
from tests.integration.api.conftest import make_bot as make_bot  # noqa: PLC0414 - a fixture
from tests.integration.graph.conftest import House
from tests.integration.graph.conftest import house as house  # noqa: PLC0414 - a fixture
from tests.unit.test_readme import README, blocks

STUBS = """
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.tools import tool

@tool
def issue_refund(order: str, amount: float) -> str:
    "Refund an order."
    return "refunded"

@tool
def send_email(to: str) -> str:
    "Send a mail."
    return "sent"

shipped = []

def ship(service, version, idempotency_key):
    shipped.append((service, version, idempotency_key))
    return {"shipped": f"{service} {version}"}
"""
"""What the README's programs call, and do not show."""


def program(having: str) -> str:
    (found,) = [code for code in blocks("python") if having in code]
    return found


def requests() -> list[dict[str, Any]]:
    """Return the bodies that the README's curl commands send."""
    return [json.loads(body) for body in re.findall(r"-d '(\{.*\})'", README)]


def hosted(house: House, tmp_path: Path, name: str, code: str) -> Path:
    path = tmp_path / f"{name}.py"
    path.write_text(f"{STUBS}\n{code}")
    return path


async def test_the_readme_graph_with_a_gate_parks_and_ships_once(house: House, tmp_path: Path) -> None:
    (asked,) = requests()
    await house.open("graph", file=hosted(house, tmp_path, "deploys", program("add_gate(")))
    thread = await house.run("graph", asked["input"])
    (action,) = await house.actions(thread)
    assert (action.kind, action.state) == ("deploy.production", "waiting")
    review = (await house.standing(thread)).review
    assert review is not None
    for voter in (fakes.CLEO, fakes.DIA):
        await house.membrane.votes.cast(review.id, voter, approve=True, args_digest=review.args_digest)
    await house.settle()
    found = await house.thread(thread)
    assert found.state == "finished"
    settled = found.result["result"]["settled"]
    assert (settled["receipt"], settled["result"]) == ("executed", {"shipped": "shop 1.4"})


async def test_the_readme_langchain_agent_is_hosted_with_every_tool_gated(
    house: House, tmp_path: Path
) -> None:
    code = program("create_agent(").replace(
        '"anthropic:claude-sonnet-4-5"', "GenericFakeChatModel(messages=iter([]))"
    )
    host = await house.open("graph", file=hosted(house, tmp_path, "support", code))
    assert host.refused == {}
    assert host.graphs == ("graph",), "one with a tool that runs ungated is refused"


async def test_the_api_accepts_the_readme_body_for_a_thread(make_bot: MakeBot) -> None:
    (asked,) = requests()
    bot: Bot = await make_bot(policy=fakes.policy(graphs={"deploys": ("mailer",), "refunds": ("mailer",)}))
    async with bot.client() as agent:
        answer = await agent.post("/v1/threads", json={**asked, "graph": "refunds"})
        assert answer.status_code == 201, answer.text
        waited = await agent.get(f"/v1/threads/{answer.json()['id']}")
        assert waited.json()["done"] is False


@pytest.mark.parametrize(
    ("approve", "ends"), [(True, "executed"), (False, "Rejected by U0CLEO: not today. Do not")]
)
async def test_the_readme_loop_over_http_waits_claims_acts_and_reports(
    make_bot: MakeBot, approve: bool, ends: str
) -> None:
    bot: Bot = await make_bot()
    done: list[dict[str, Any]] = []

    def effect(**given: Any) -> dict[str, Any]:
        done.append(given)
        return {"transfer": 7}

    async with bot.served() as address:
        names: dict[str, Any] = {"token": bot.token}
        exec(program("def act(").replace("http://localhost:8484", address), names)
        acting = asyncio.create_task(
            asyncio.to_thread(names["act"], "money.wire", {"amount": 40}, effect, "order A-7")
        )
        while not (open_ones := await bot.membrane.proposals.lines("mailer", most=1)):
            await asyncio.sleep(0.01)
        standing = await bot.membrane.proposals.standing(open_ones[0].id)
        asked = {"id": standing.action.id, "args_digest": standing.action.args_digest}
        await bot.vote(asked, approve=approve, note=None if approve else "not today")
        assert (await acting).startswith(ends)
        names["api"].close()
    keys = [each.pop("idempotency_key") for each in done]
    assert done == ([{"amount": 40}] if approve else [])
    assert all(key.startswith("rev_") for key in keys)
    assert isinstance(names["api"], httpx2.Client)
