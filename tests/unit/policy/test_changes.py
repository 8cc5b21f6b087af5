"""A change of policy in sentences, each marked looser or stricter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.escalation import Rotation
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.people import OnCall, Users
from bot.domain.policy_changes import changes_between
from bot.domain.policy_model import DeclaredRisk, Limits, OwnSettings, Reviewed
from bot.domain.policy_notes import notes_of
from bot.domain.risk import BlastRadius, Tier
from tests.unit.policy.making import (
    LARGE,
    MEDIUM,
    NUMBER,
    OTHER_CHAIN,
    SMALL,
    STRING,
    TIERS,
    kind,
    policy,
    rule,
)

RULED = kind(args={"amount": NUMBER}, rules=(rule(3),))
COSTLY = DeclaredRisk(reversible=True, blast_radius=BlastRadius.LOW, cost_usd=9.0)


def _of_kind(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    old, new = policy(kind(**before)), policy(kind(**after))
    return [str(change) for change in changes_between(old, new)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"risk": MEDIUM}, {"risk": SMALL}, "LOOSER: payment.refund: tier 2 is now 0"),
        ({"risk": SMALL}, {"risk": LARGE}, "payment.refund: tier 0 is now 3"),
        ({"tier": Tier.ASYNC_REVIEW}, {}, "LOOSER: payment.refund: tier 1 is now 0"),
        ({"risk": COSTLY}, {}, "LOOSER: payment.refund: its cost is 0 USD; it was 9"),
        (
            {"risk": COSTLY, "args": {"amount": NUMBER}},
            {"risk": replace(COSTLY, cost_usd=None, cost_arg="amount"), "args": {"amount": NUMBER}},
            "MAYBE LOOSER: payment.refund: its cost is in amount; it was 9 USD",
        ),
        (
            {"risk": LARGE, "mandated": True},
            {"risk": LARGE},
            "LOOSER: payment.refund: its sign-off is no longer mandated",
        ),
        ({}, {"idempotent": True}, "LOOSER: payment.refund: may be run again unasked"),
        ({"args": {}}, {}, "LOOSER: payment.refund: declares no arguments any more, so any pass"),
        ({}, {"args": {}}, "payment.refund: declares its arguments now; what is not as declared is tier 3"),
        (
            {"args": {}},
            {"args": {}, "more_args": True},
            "LOOSER: payment.refund: takes arguments that are not declared",
        ),
        (
            {"args": {"a": STRING}},
            {"args": {"a": Arg(ArgType.STRING, required=False)}},
            "LOOSER: payment.refund: argument a is no longer required",
        ),
        (
            {"args": {"a": STRING}},
            {"args": {"a": NUMBER}},
            "MAYBE LOOSER: payment.refund: argument a is of type number now; it was string",
        ),
        (
            {"args": {"a": STRING}},
            {"args": {}},
            "MAYBE LOOSER: payment.refund: argument a is no longer declared",
        ),
        (
            {"args": {"amount": NUMBER}, "rules": (rule(3),)},
            {"args": {"amount": NUMBER}},
            "LOOSER: payment.refund: rule large is gone: it was to tier 3 when amount > 500",
        ),
        (
            {"args": {"amount": NUMBER}},
            {"args": {"amount": NUMBER}, "rules": (rule(3),)},
            "payment.refund: rule large is new: to tier 3 when amount > 500",
        ),
        (
            {"rules": (rule(3),)},
            {"rules": (rule(2),)},
            "LOOSER: payment.refund: rule large raises to tier 2; it was 3",
        ),
        (
            {"rules": (rule(3),)},
            {"rules": (rule(3, because="x"),)},
            "payment.refund: rule large gives another reason",
        ),
        ({"report_within_s": 60.0}, {}, "payment.refund: report_within 1m is now 10m"),
        (
            {},
            {"reviewed": Reviewed("U0DIA", kind().reviewed.on, "y")},  # type: ignore[union-attr]
            "payment.refund: reviewed by U0DIA on 2026-06-01 now",
        ),
        (
            {"risk": LARGE},
            {"risk": LARGE, "settings": OwnSettings(quorum=1)},
            "LOOSER: payment.refund: quorum 2 is now 1",
        ),
        (
            {"risk": LARGE},
            {"risk": LARGE, "valid_for_s": 7200.0},
            "LOOSER: payment.refund: an approval is good for 2h; it was for 30m",
        ),
        (
            {"risk": LARGE, "settings": OwnSettings(approvers=("finance",))},
            {"risk": LARGE, "settings": OwnSettings(approvers=("leads", "finance"))},
            "LOOSER: payment.refund: leads is approver now",
        ),
    ],
)
def test_a_change_of_a_kind(before: dict[str, Any], after: dict[str, Any], said: str) -> None:
    assert said in _of_kind(before, after)


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        (Condition(Op.GT, 500), Condition(Op.GT, 900), "looser"),
        (Condition(Op.GT, 500), Condition(Op.GT, 100), "stricter"),
        (Condition(Op.LTE, 5), Condition(Op.LTE, 4), "looser"),
        (Condition(Op.IN, ("a", "b")), Condition(Op.IN, ("a",)), "looser"),
        (Condition(Op.IN, ("a",)), Condition(Op.IN, ("a", "b")), "stricter"),
        (Condition(Op.DOMAIN_NOT_IN, ("a",), "x"), Condition(Op.DOMAIN_NOT_IN, ("a", "b"), "x"), "looser"),
        (Condition(Op.DOMAIN_NOT_IN, ("a", "b")), Condition(Op.DOMAIN_NOT_IN, ("a",)), "stricter"),
        (Condition(Op.IN, ("a",)), Condition(Op.IN, ("b",)), "maybe looser"),
        (Condition(Op.EQ, 5), Condition(Op.EQ, 6), "maybe looser"),
        (Condition(Op.EXISTS, True), Condition(Op.EXISTS, False), "maybe looser"),
        (
            Condition(Op.ANY, (Condition(Op.EQ, 1),)),
            Condition(Op.ANY, (Condition(Op.EQ, 2),)),
            "maybe looser",
        ),
        (Condition(Op.MATCHES, ("a",)), Condition(Op.MATCHES, ("a", "b")), "stricter"),
        (Condition(Op.IN, ("a",), "x"), Condition(Op.IN, ("a",), "y"), "different"),
    ],
)
def test_a_change_of_a_condition(before: Condition, after: Condition, direction: str) -> None:
    old, new = policy(kind(rules=(rule(3, "x", before),))), policy(kind(rules=(rule(3, "x", after),)))
    assert [change.direction for change in changes_between(old, new)] == [direction]


def test_a_further_condition_is_looser_and_one_less_is_stricter() -> None:
    one, two = (Condition(Op.GT, 5),), (Condition(Op.GT, 5), Condition(Op.LT, 9))
    old, new = policy(kind(rules=(rule(3, "x", *one),))), policy(kind(rules=(rule(3, "x", *two),)))
    assert [change.direction for change in changes_between(old, new)] == ["looser"]
    assert [change.direction for change in changes_between(new, old)] == ["stricter"]


def test_a_removed_kind_lists_the_settings_it_loses() -> None:
    """A half-written file lacks its last kinds and all of their demands."""
    settings = OwnSettings(quorum=5)
    strict = kind("a.a", LARGE, mandated=True, redact=("card",), settings=settings, valid_for_s=1.0)
    found = changes_between(policy(strict), policy())
    assert sorted(change.what for change in found if change.loosens) == [
        "an approval is good for 30m; it was for 1s",
        "its sign-off is no longer mandated",
        "no longer redacts card",
        "quorum 5 is now 2",
    ]


def test_added_and_removed_kinds_are_changes() -> None:
    """A new kind was Tier 3 while it was unknown, so naming it can loosen."""
    small, large = policy(kind("a.a")), policy(kind("b.b", LARGE))
    assert [str(change) for change in changes_between(small, large)] == [
        "a.a: not in the policy any more, and so tier 3",
        "b.b: unknown until now, and so tier 3; now it is tier 3",
    ]
    assert (
        str(changes_between(large, small)[0])
        == "LOOSER: a.a: unknown until now, and so tier 3; now it is tier 0"
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cost_threshold_usd": 5.0}, "LOOSER: cost_threshold_usd: 1 USD is now 5"),
        ({"limits": Limits(30)}, "LOOSER: limits: open_per_agent 20 is now 30"),
        ({"limits": Limits(20, 60.0)}, "LOOSER: limits: remember_rejection_for 1h is now 1m"),
        ({"admins": ("leads",)}, "LOOSER: admins: leads is admin now"),
        ({"admin_channel": "#new"}, "admin_channel: None is now #new"),
        (
            {"digest_every_s": 7200.0},
            "LOOSER: tier 1: the digest goes to #digest every 2h; it was #digest every 1h",
        ),
        ({"tools": {"rm": "a.a"}}, "MAYBE LOOSER: tool rm: was ruled as rm, and now is as a.a"),
    ],
)
def test_a_change_of_the_whole(changed: dict[str, Any], said: str) -> None:
    assert [str(change) for change in changes_between(policy(kind()), policy(kind(), **changed))] == [said]


def test_a_change_of_people() -> None:
    old = policy(kind())
    new = policy(
        kind(), people={**old.people, "leads": Users(("U0CLEO", "U0DIA", "U0NEW")), "more": Users(("U0X",))}
    )
    assert [str(change) for change in changes_between(old, new)] == [
        "LOOSER: people leads: U0NEW joined",
        "people leads: U0EVE left",
        "people more: is new",
    ]
    turns = policy(kind(), people={**old.people, "finance": OnCall(Rotation(("U0A",), 60.0, 0.0))})
    assert [str(change) for change in changes_between(old, turns)] == [
        "MAYBE LOOSER: people finance: leads to others than before"
    ]
    gone = "people more: is gone; they can no longer vote by it, on reviews that are open neither"
    assert gone in map(str, changes_between(new, old))


def test_a_change_of_a_tier_is_said_once() -> None:
    """Kinds that follow their tier do not repeat it."""
    tiers = {
        **TIERS,
        Tier.SYNC_APPROVAL: replace(TIERS[Tier.SYNC_APPROVAL], quorum=1, chain=OTHER_CHAIN, window_s=60.0),
    }
    said = [
        str(change)
        for change in changes_between(
            policy(kind(), kind("b.b", LARGE)), policy(kind(), kind("b.b", LARGE), tiers=tiers)
        )
    ]
    assert said == [
        "LOOSER: tier 3: quorum 2 is now 1",
        "tier 3: an approval is good for 1m; it was for 30m",
        "tier 3: window 30m is now 1m",
        "tier 3: escalation is now money (5s finance); it was platform (50% leads, then every 1m, 3 times)",
    ]


def test_notes_name_allowed_settings_that_deserve_a_look() -> None:
    tiers = {
        **TIERS,
        Tier.SYNC_APPROVAL: replace(TIERS[Tier.SYNC_APPROVAL], window_s=4.0, chain=OTHER_CHAIN),
    }
    people = {**policy(kind()).people, "guests": Users(("U0GUS",))}
    assert notes_of(policy(kind(), tiers=tiers, people=people)) == (
        "tier 3: the window ends before the step of money at 5s, which never happens",
        "people guests: nothing asks, pages or names them",
    )
    assert notes_of(policy(kind())) == ()


def test_changes_say_which_agents_may_start_a_graph() -> None:
    old, new = (
        policy(graphs={"refunds": ("mailer",)}),
        policy(graphs={"refunds": ("clerk",), "ops": ("clerk",)}),
    )
    assert [str(change) for change in changes_between(old, new)] == [
        "LOOSER: graph ops: clerk may start it now",
        "LOOSER: graph refunds: clerk may start it now",
        "graph refunds: mailer may not start it any more",
    ]
    assert new.may_start("clerk", "ops")
    assert not new.may_start("mailer", "ops")
    assert not new.may_start("clerk", "none")
    assert old.version != new.version != policy().version


def test_a_graph_that_nobody_may_start_is_noted() -> None:
    assert "graph ops: no agent may start it" in notes_of(policy(graphs={"ops": ()}))
