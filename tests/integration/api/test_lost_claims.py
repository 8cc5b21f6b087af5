"""An agent repeats a claim whose answer was lost; nobody else gets that claim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest

from bot.domain.risk import Tier
from bot.store import executions, journal
from tests import fakes
from tests.integration.api.conftest import Bot


async def proposed(agent: httpx2.AsyncClient, kind: str = "db.read") -> dict[str, Any]:
    found: dict[str, Any] = (await agent.post("/v1/actions", json={"kind": kind, "args": {"id": 1}})).json()
    return found


async def claim(
    agent: httpx2.AsyncClient, action: dict[str, Any], *, secret: str | None = None, **more: Any
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    asked = {"args_digest": action["args_digest"], **more}
    return await agent.post(f"/v1/actions/{action['id']}/claim", json=asked, headers=headers)


@pytest.mark.parametrize("kind", ["db.read", "money.wire", "job.run"])
async def test_the_same_token_and_digest_get_the_same_key(
    bot: Bot, agent: httpx2.AsyncClient, kind: str
) -> None:
    action = await proposed(agent, kind)
    await bot.vote(action) if action["review"] else None
    first = (await claim(agent, action)).json()
    bot.clock.forward(60)
    again = (await claim(agent, action)).json()
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert (again["key"], again["attempt"], again["args"]) == (first["key"], 1, first["args"])
    assert again["report_within_s"] == first["report_within_s"] - 60
    (row,) = await bot.db.read(lambda connection: executions.of_action(connection, action["id"]))
    assert (row.attempt, row.key) == (1, first["key"])
    entries = await bot.db.read(lambda connection: list(journal.entries(connection, action_id=action["id"])))
    assert [each.event for each in entries[-2:]] == ["action.claimed", "action.claim_repeated"]


async def test_a_claim_cannot_be_repeated_after_the_report(agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent)
    await claim(agent, action)
    await agent.post(f"/v1/actions/{action['id']}/report", json={"receipt": "executed"})
    refused = await claim(agent, action)
    assert (refused.status_code, refused.json()["reason"]) == (409, "already_claimed")


async def test_another_token_of_the_agent_cannot_repeat_a_claim(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent)
    await claim(agent, action)
    _, secret = await bot.membrane.tokens.create("mailer", fakes.GUS)
    refused = await claim(agent, action, secret=secret)
    assert (refused.status_code, refused.json()["reason"]) == (409, "already_claimed")


async def test_another_digest_cannot_repeat_a_claim(agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent)
    await claim(agent, action)
    refused = await claim(agent, {**action, "args_digest": "0" * 64})
    assert refused.json()["reason"] == "args_changed"


async def test_processes_that_name_themselves_are_told_apart(agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent)
    first = (await claim(agent, action, claimant="worker 1")).json()
    for other in ({"claimant": "worker 2"}, {}):
        refused = await claim(agent, action, **other)
        assert (refused.status_code, refused.json()["reason"]) == (409, "already_claimed")
    again = (await claim(agent, action, claimant="worker 1")).json()
    assert (again["key"], again["repeated"]) == (first["key"], True)


async def test_a_claim_with_an_unknown_receipt_cannot_be_repeated(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    action = await proposed(agent)
    await claim(agent, action)
    await bot.pass_time(601)
    refused = await claim(agent, action)
    assert (refused.status_code, refused.json()["reason"]) == (409, "already_claimed")


async def test_a_freeze_keeps_a_claim_from_being_repeated(bot: Bot, agent: httpx2.AsyncClient) -> None:
    action = await proposed(agent)
    first = (await claim(agent, action)).json()
    await bot.membrane.freezes.freeze("mailer", why="audit", by="gus")
    refused = await claim(agent, action)
    assert (refused.status_code, refused.json()["reason"]) == (409, "frozen")
    await bot.membrane.freezes.thaw("mailer", by="gus")
    assert (await claim(agent, action)).json()["key"] == first["key"]


async def test_a_tighter_policy_keeps_a_claim_from_being_repeated(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    action = await proposed(agent)
    await claim(agent, action)
    now = bot.in_force[-1]
    stricter = replace(now.actions["db.read"], tier=Tier.SYNC_APPROVAL)
    bot.in_force.append(replace(now, actions={**now.actions, "db.read": stricter}))
    refused = await claim(agent, action)
    assert (refused.status_code, refused.json()["reason"]) == (409, "already_claimed")


async def test_an_idempotent_kind_runs_again_only_on_an_explicit_rerun(
    bot: Bot, agent: httpx2.AsyncClient
) -> None:
    action = await proposed(agent, "job.run")
    await bot.vote(action)
    await claim(agent, action)
    again = (await claim(agent, action, rerun=True)).json()
    assert (again["attempt"], again["repeated"]) == (2, False)
    repeated = (await claim(agent, action)).json()
    assert (repeated["attempt"], repeated["repeated"]) == (2, True)
