"""Equal proposals while one is open share one action, one claim and one effect."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import VoteRefused
from bot.store import journal
from tests.fakes import CLEO, DIA, policy
from tests.integration.api.conftest import Bot, MakeBot

WIRE: dict[str, Any] = {"kind": "money.wire", "args": {"amount": 900, "to": "acme"}}
MAIL: dict[str, Any] = {"kind": "mail.send", "args": {"to": "acme"}}


async def _propose(bot: Bot, body: dict[str, Any], token: str | None = None) -> Any:
    headers = bot.headers if token is None else {"Authorization": f"Bearer {token}"}
    async with bot.client(headers=headers) as client:
        return await client.post("/v1/actions", json=body)


async def test_the_second_answer_is_the_first_action(bot: Bot) -> None:
    first, second = await _propose(bot, WIRE), await _propose(bot, WIRE)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert (first.json()["merged"], second.json()["merged"]) == (False, True)
    assert "so this is that proposal" in second.json()["message"]
    assert second.json()["review"] == first.json()["review"]
    assert await bot.membrane.open_reviews() == 1

    said = first.json()
    await bot.vote(said)
    claims = {"args_digest": said["args_digest"]}
    async with bot.client() as client:
        path = f"/v1/actions/{said['id']}"
        assert (await client.post(f"{path}/claim", json=claims)).status_code == 200
        again = await client.get(path)
    assert (again.json()["state"], again.json()["merged"]) == ("running", False)


@pytest.mark.parametrize("amount", ["900", "900.0", "9e2", "90.0e1", "9.00E+2"])
async def test_spellings_of_one_number_are_one(bot: Bot, amount: str) -> None:
    first = await _propose(bot, WIRE)
    text = f'{{"kind": "money.wire", "args": {{"to": "acme", "amount": {amount}}}}}'
    async with bot.client() as client:
        second = await client.post(
            "/v1/actions", content=text, headers={**bot.headers, "Content-Type": "application/json"}
        )
    assert second.json()["id"] == first.json()["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"args": {"amount": 901, "to": "acme"}},
        {"kind": "data.delete"},
        {"on_behalf_of": "U0AAA"},
        {"idempotency_key": "order-1"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_different_proposal_is_not_merged(bot: Bot, change: dict[str, Any]) -> None:
    first, second = await _propose(bot, WIRE), await _propose(bot, WIRE | change)
    assert (second.status_code, second.json()["merged"]) == (201, False)
    assert second.json()["id"] != first.json()["id"]
    third = await _propose(bot, WIRE)
    assert third.json()["id"] == first.json()["id"]


async def test_proposals_with_and_without_a_key_are_not_merged(bot: Bot) -> None:
    first, second = await _propose(bot, WIRE | {"idempotency_key": "k"}), await _propose(bot, WIRE)
    assert (second.status_code, second.json()["merged"]) == (201, False)
    assert second.json()["id"] != first.json()["id"]


async def test_two_simultaneous_equal_proposals_are_merged(bot: Bot) -> None:
    answers = await asyncio.gather(*(_propose(bot, WIRE) for _ in range(8)))
    assert sorted(each.status_code for each in answers) == [200] * 7 + [201]
    assert len({each.json()["id"] for each in answers}) == 1
    assert await bot.membrane.open_reviews() == 1


async def test_an_agent_at_its_cap_gets_the_equal_open_action(make_bot: MakeBot) -> None:
    bot = await make_bot(policy=policy(open_per_agent=1))
    first, second = await _propose(bot, WIRE), await _propose(bot, WIRE)
    assert second.json()["id"] == first.json()["id"]
    assert (await _propose(bot, MAIL)).status_code == 429


@pytest.mark.parametrize("end", ["approve", "claim", "withdraw"])
async def test_decided_or_withdrawn_actions_are_not_merged_with(bot: Bot, end: str) -> None:
    first = (await _propose(bot, WIRE)).json()
    async with bot.client() as client:
        if end == "withdraw":
            await client.post(f"/v1/actions/{first['id']}/withdraw", json={"why": "no need"})
        else:
            await bot.vote(first)
        if end == "claim":
            await client.post(f"/v1/actions/{first['id']}/claim", json={"args_digest": first["args_digest"]})
    second = await _propose(bot, WIRE)
    assert (second.status_code, second.json()["merged"]) == (201, False)
    assert second.json()["id"] != first["id"]


async def test_passing_actions_are_never_merged(bot: Bot) -> None:
    body = {"kind": "db.read", "args": {"id": 1}}
    assert (await _propose(bot, body)).json()["id"] != (await _propose(bot, body)).json()["id"]


async def test_an_open_successor_counts_as_open(bot: Bot) -> None:
    """A halted Tier 2 action can still be answered, so an equal proposal opens no second review."""
    first = (await _propose(bot, MAIL)).json()
    await bot.pass_time(1001)
    second = (await _propose(bot, MAIL)).json()
    assert (second["id"], second["state"], second["merged"]) == (first["id"], "halted", True)
    assert await bot.membrane.open_reviews() == 1


async def test_an_equal_proposal_that_is_now_stricter_is_asked(bot: Bot) -> None:
    """Merging does not lose a stricter hint or policy."""
    first = (await _propose(bot, MAIL)).json()
    hint = {"risk": {"reversible": False, "blast_radius": "high"}}
    raised = (await _propose(bot, MAIL | hint)).json()
    assert (first["tier"], raised["tier"], raised["merged"]) == (2, 3, False)
    assert (await _propose(bot, MAIL | hint)).json()["id"] == raised["id"]
    assert (await _propose(bot, MAIL)).json()["id"] == first["id"]

    before = bot.in_force[-1]
    kinds = {**before.actions, "money.wire": replace(before.actions["money.wire"], mandated=True)}
    wire = (await _propose(bot, WIRE)).json()
    bot.in_force.append(replace(before, actions=kinds))
    mandated = (await _propose(bot, WIRE)).json()
    assert (mandated["merged"], mandated["id"] == wire["id"]) == (False, False)


async def test_the_owner_behind_a_merged_proposal_cannot_vote_either(bot: Bot) -> None:
    """Two owners' tokens of one agent propose: neither owner decides, even once the token is revoked."""
    record, token = await bot.membrane.tokens.create("mailer", CLEO)
    first = (await _propose(bot, WIRE)).json()
    second = (await _propose(bot, WIRE, token)).json()
    assert second["id"] == first["id"]
    await bot.membrane.tokens.revoke(record.id)
    review = (await bot.membrane.proposals.standing(first["id"])).review
    assert review is not None
    assert CLEO in review.requesters
    with pytest.raises(VoteRefused, match="in your name or by your agent"):
        await bot.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)
    await bot.membrane.votes.cast(review.id, DIA, approve=True, args_digest=review.args_digest)


async def test_the_journal_records_a_merged_proposal(bot: Bot) -> None:
    first = (await _propose(bot, WIRE)).json()
    await _propose(bot, WIRE | {"reference": "run 2"})
    entries = await bot.db.read(lambda connection: list(journal.entries(connection, action_id=first["id"])))
    assert [each.event for each in entries][-1] == "action.merged"
    assert b"run 2" in entries[-1].body
