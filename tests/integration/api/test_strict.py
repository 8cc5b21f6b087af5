"""A strict policy refuses a misspelt argument; any other policy's card names it first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.policy import Policy
from bot.policyfile import parse
from tests.integration.api.conftest import Bot, MakeBot
from tests.unit.policyfile.making import BASE

REFUND = """
  payment.refund:
    risk: {reversible: true, blast_radius: low, cost_usd: $amount}
    reviewed: {by: U0CCC, on: 2026-06-01, why: small}
    args:
      amount: {type: number, unit: USD}
      order: {type: string}
      to: {type: list, of: email, required: false}
    tools: [refund_order]
"""
FINE = {"amount": 140, "order": "A-1"}
SLIPS: list[tuple[str, dict[str, Any], str, str, str | None]] = [
    (
        "payment.refund",
        {"amout": 140, "order": "A-1"},
        "body.args.amout",
        "one of amount, order, to",
        "amount",
    ),
    ("payment.refund", {"order": "A-1"}, "body.args.amount", "a number", None),
    ("payment.refund", {**FINE, "amount": "140"}, "body.args.amount", "a number, without quotes", None),
    ("payment.refund", {**FINE, "amount": None}, "body.args.amount", "a number", None),
    (
        "payment.refund",
        {**FINE, "to": ["a@acme.example", "b"]},
        "body.args.to[1]",
        "an email, as eve@acme.example, one address without a name",
        None,
    ),
    ("payment.refnd", FINE, "body.kind", "an action kind of the policy", "payment.refund"),
    ("Payment_Refund", FINE, "body.kind", "an action kind of the policy", "payment.refund"),
    ("refund_order", FINE, "body.kind", "an action kind of the policy", "payment.refund"),
    ("refund_ordr", FINE, "body.kind", "an action kind of the policy", "payment.refund"),
    ("rocket.launch", FINE, "body.kind", "an action kind of the policy", None),
]


def _policy(*, strict: bool) -> Policy:
    return replace(parse(BASE + REFUND), strict=strict)


async def _propose(bot: Bot, kind: str, args: dict[str, Any], **more: Any) -> Any:
    async with bot.client() as client:
        return await client.post("/v1/actions", json={"kind": kind, "args": args, **more})


@pytest.mark.parametrize(("kind", "args", "where", "expected", "meant"), SLIPS)
async def test_a_strict_policy_refuses_a_slip_without_a_review(
    make_bot: MakeBot, kind: str, args: dict[str, Any], where: str, expected: str, meant: str | None
) -> None:
    """The answer is 422 with the path, the values that fit and a suggestion; no action, no review."""
    bot = await make_bot(policy=_policy(strict=True))
    answer = await _propose(bot, kind, args)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "urn:membrane:problem:unfit-action"
    first = problem["errors"][0]
    assert (first["where"], first["expected"], first["did_you_mean"]) == (where, expected, meant)
    assert first["what"] in problem["detail"]
    assert await bot.membrane.open_reviews() == 0
    assert await bot.membrane.proposals.listed("mailer", most=10) == []
    assert (await _propose(bot, "payment.refund", {"amount": 0.5, "order": "A-1"})).json()["tier"] == 0


@pytest.mark.parametrize(("kind", "args", "where", "expected", "meant"), SLIPS)
async def test_a_policy_that_is_not_strict_names_the_slip_as_the_first_reason(
    make_bot: MakeBot, kind: str, args: dict[str, Any], where: str, expected: str, meant: str | None
) -> None:
    """The missing cost alone would make it Tier 3, but the agent can correct the slip."""
    bot = await make_bot(policy=_policy(strict=False))
    said = (await _propose(bot, kind, args)).json()
    assert (said["state"], said["tier"]) == ("waiting", 3)
    assert said["rule"] in {"unknown-kind", "undeclared-argument", "missing-argument", "wrong-type"}
    if meant is not None:
        assert meant in said["reason"]
    assert said["reason"] in said["message"]


async def test_a_key_that_was_used_before_the_policy_became_strict_still_answers(make_bot: MakeBot) -> None:
    bot = await make_bot(policy=_policy(strict=False))
    first = (await _propose(bot, "payment.refnd", FINE, idempotency_key="k1")).json()
    bot.in_force.append(_policy(strict=True))
    bot.clock.forward(1)
    again = await _propose(bot, "payment.refnd", FINE, idempotency_key="k1")
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert (await _propose(bot, "payment.refnd", FINE, idempotency_key="k2")).status_code == 422


async def test_many_slips_are_counted_and_odd_names_not_repeated(make_bot: MakeBot) -> None:
    bot = await make_bot(policy=_policy(strict=True))
    many = {"<!channel>": 1, **{f"x{index}": 1 for index in range(500)}}
    problem = (await _propose(bot, "payment.refund", many)).json()
    assert len(problem["errors"]) == 20
    assert problem["errors"][0]["where"] == "body.args"
    assert "<!channel>" not in problem["detail"]
