"""A shown expiry answers equal proposals for a time, and pages do not start over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.policy_model import Limits
from bot.store import messages, reviews
from tests.fakes import send
from tests.integration.api.conftest import Bot

WIRE: dict[str, Any] = {"kind": "money.wire", "args": {"amount": 900, "to": "acme"}}
MAIL: dict[str, Any] = {"kind": "mail.send", "args": {"to": "acme"}}
SIGN: dict[str, Any] = {"kind": "release.sign", "args": {"version": "7"}}


async def _propose(bot: Bot, body: dict[str, Any]) -> dict[str, Any]:
    async with bot.client() as client:
        answer = await client.post("/v1/actions", json=body)
    assert answer.status_code < 300, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def _withdraw(bot: Bot, action_id: str) -> None:
    async with bot.client() as client:
        await client.post(f"/v1/actions/{action_id}/withdraw", json={"why": "to ask again"})


async def _expired(bot: Bot, body: dict[str, Any], *, shown: bool = True) -> dict[str, Any]:
    said = await _propose(bot, body)
    if shown:
        await send(bot.membrane)
    await bot.pass_time(1001)
    return said


async def test_a_shown_expiry_answers_an_equal_proposal(bot: Bot) -> None:
    """The answer says that no person refused, and nobody is asked again for an hour."""
    first = await _expired(bot, WIRE)
    again = await _propose(bot, WIRE | {"idempotency_key": "k"})
    assert again["id"] != first["id"]
    assert (again["state"], again["outcome"], again["outcome_reason"]) == (
        "aborted",
        "expired",
        "nobody_answered",
    )
    assert (again["nobody_answered"], again["remembers"]) == (True, first["id"])
    assert "this is not a refusal by a person, and nobody was asked again" in again["message"]
    assert (again["done"], again["next"], again["review"]) == (True, "stop", None)
    assert await bot.membrane.open_reviews() == 0

    await bot.pass_time(3601)
    assert (await _propose(bot, WIRE))["state"] == "waiting"


async def test_a_remembered_answer_does_not_prolong_the_memory(bot: Bot) -> None:
    await _expired(bot, WIRE)
    await bot.pass_time(3000)
    assert (await _propose(bot, WIRE))["state"] == "aborted"
    await bot.pass_time(601)
    assert (await _propose(bot, WIRE))["state"] == "waiting"


async def test_the_policy_sets_how_long_an_expiry_is_remembered(bot: Bot) -> None:
    bot.in_force.append(replace(bot.in_force[-1], limits=Limits(remember_expiry_s=60.0)))
    await _expired(bot, WIRE)
    assert (await _propose(bot, WIRE))["state"] == "aborted"
    await bot.pass_time(61)
    assert (await _propose(bot, WIRE))["state"] == "waiting"


async def test_an_unshown_expiry_is_asked_again(bot: Bot) -> None:
    await _expired(bot, WIRE, shown=False)
    assert (await _propose(bot, WIRE))["state"] == "waiting"


@pytest.mark.parametrize(
    "other", [{"args": {"amount": 901, "to": "acme"}}, {"kind": "data.delete"}], ids=["args", "kind"]
)
async def test_another_action_is_still_asked(bot: Bot, other: dict[str, Any]) -> None:
    await _expired(bot, WIRE)
    assert (await _propose(bot, WIRE | other))["state"] == "waiting"


async def test_withdrawing_a_halted_action_does_not_hide_its_expiry(bot: Bot) -> None:
    first = await _expired(bot, MAIL)
    assert (await _propose(bot, MAIL))["id"] == first["id"]
    await _withdraw(bot, first["id"])
    again = await _propose(bot, MAIL)
    assert (again["state"], again["outcome"], again["remembers"]) == ("aborted", "expired", first["id"])


async def test_a_decision_after_the_expiry_counts(bot: Bot) -> None:
    first = await _expired(bot, MAIL)
    await bot.vote(first, approve=False, note="not this one")
    again = await _propose(bot, MAIL)
    assert (again["state"], again["outcome"]) == ("rejected", "rejected")
    assert "not this one" in again["message"]


async def _page(bot: Bot) -> None:
    await bot.membrane.deadlines.page_due()
    await send(bot.membrane)


async def _pages(bot: Bot) -> int:
    """Return how many pages and posts were wanted so far."""

    def count(connection: Any) -> int:
        found = reviews.listed(connection, state=None, most=1000)
        about = [each for review in found for each in messages.of_review(connection, review.id)]
        return sum(each.kind in ("page", "post") for each in about)

    return await bot.db.read(count)


async def _all_pages_of_one(bot: Bot, body: dict[str, Any], seconds: int) -> int:
    await _propose(bot, body)
    await send(bot.membrane)
    for _ in range(seconds // 20):
        bot.clock.forward(20)
        await _page(bot)
    return await _pages(bot)


@pytest.mark.parametrize("body", [WIRE, MAIL], ids=["tier 3", "tier 2"])
@pytest.mark.parametrize("stays", [120, 300, 520, 900])
async def test_withdrawing_does_not_start_the_pages_over(
    make_bot: Any, body: dict[str, Any], stays: int
) -> None:
    """An action withdrawn and proposed again in a loop causes no more pages than one that waits."""
    alone = await make_bot()
    most = await _all_pages_of_one(alone, body, 980)
    assert most > 0

    bot = await make_bot()
    for _ in range(12):
        said = await _propose(bot, body)
        assert said["state"] == "waiting"
        await send(bot.membrane)
        for _ in range(stays // 20):
            bot.clock.forward(20)
            await _page(bot)
        await _withdraw(bot, said["id"])
        bot.clock.forward(200)
    assert await _pages(bot) <= most


async def test_pages_that_never_went_out_are_sent_for_the_next_proposal(bot: Bot) -> None:
    """Slack was unreachable: people get the pages that they missed."""
    first = await _propose(bot, WIRE)
    bot.clock.forward(300)
    await bot.membrane.deadlines.page_due()
    await _withdraw(bot, first["id"])
    second = await _propose(bot, WIRE)
    standing = await bot.membrane.proposals.standing(second["id"])
    assert standing.review is not None
    assert standing.review.position == 0


async def test_pages_start_over_once_the_policy_has_forgotten(bot: Bot) -> None:
    first = await _propose(bot, WIRE)
    await send(bot.membrane)
    bot.clock.forward(300)
    await _page(bot)
    await _withdraw(bot, first["id"])
    second = await _propose(bot, WIRE)
    standing = await bot.membrane.proposals.standing(second["id"])
    assert standing.review is not None
    assert standing.review.position == 1
    await _withdraw(bot, second["id"])
    bot.clock.forward(3700)
    third = await bot.membrane.proposals.standing((await _propose(bot, WIRE))["id"])
    assert third.review is not None
    assert third.review.position == 0


async def test_a_mandated_sign_off_is_still_paged_about(bot: Bot) -> None:
    """Its page chain has no end: after a withdrawal and a new proposal it goes on soon, with a repetition."""
    first = await _propose(bot, SIGN)
    await send(bot.membrane)
    for _ in range(300):
        bot.clock.forward(60)
        await _page(bot)
    await _withdraw(bot, first["id"])
    before = await _pages(bot)
    await _propose(bot, SIGN)
    await send(bot.membrane)
    for _ in range(60):
        bot.clock.forward(60)
        await _page(bot)
    assert await _pages(bot) > before
