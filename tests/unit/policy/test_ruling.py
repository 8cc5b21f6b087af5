"""A policy's ruling on one action: each source of a tier, and each invariant that a policy can hold."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.action import Action
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.policy_model import DeclaredRisk, Kind, OwnSettings
from bot.domain.risk import BlastRadius, Risk, Tier
from bot.domain.ruling import AbsentDefault, Ruling
from tests.unit.policy.making import (
    CHAIN,
    LARGE,
    MEDIUM,
    NUMBER,
    OTHER_CHAIN,
    SMALL,
    STRING,
    TIERS,
    kind,
    names,
    policy,
    rule,
    ruling,
)

COSTLY = DeclaredRisk(reversible=True, blast_radius=BlastRadius.LOW, cost_arg="amount")


def test_invariant_1_unknown_is_strictest() -> None:
    """A kind that the policy does not name is Tier 3, with all that Tier 3 has."""
    said = policy(kind()).rule(_action("payment.frobnicate"))
    assert (said.tier, said.rule) == (Tier.SYNC_APPROVAL, "unknown-kind")
    assert said.reason == "payment.frobnicate is not in the policy; unknown is strictest"
    assert (said.approvers, said.quorum, said.window_s) == (("leads",), 2, 1800.0)
    assert (said.default, said.chain, said.channel) == (AbsentDefault.ABORT, CHAIN, "#strict")
    assert policy(kind()).strictest("payment.frobnicate") == Tier.SYNC_APPROVAL


def test_invariant_2_only_up() -> None:
    """Neither a rule that does not hold nor a mild hint lowers the tier below the risk's."""
    mild = Risk(reversible=True, blast_radius=BlastRadius.LOW)
    harmless = kind(risk=MEDIUM, args={"amount": NUMBER}, rules=(rule(3),))
    assert ruling(harmless, {"amount": 1}, hint=mild).tier == Tier.ASYNC_APPROVAL
    assert ruling(harmless, {"amount": 501}, hint=mild).tier == Tier.SYNC_APPROVAL


def test_invariant_3_down_needs_a_declaration() -> None:
    """Without a reviewed block below Tier 3 there is no policy at all; at Tier 3 none is needed."""
    with pytest.raises(ValueError, match="below Tier 3 and nobody has reviewed"):
        policy(Kind("db.read", SMALL))
    assert policy(Kind("data.delete", LARGE)).own_tier("data.delete") == Tier.SYNC_APPROVAL


@pytest.mark.parametrize("mandated", [False, True])
@pytest.mark.parametrize("risk", [SMALL, MEDIUM, LARGE, COSTLY])
def test_invariant_5_no_expiry_proceeds(risk: DeclaredRisk, mandated: bool) -> None:
    """Whatever a kind sets, an unanswered Tier 2 or 3 action is halted, aborted or escalated."""
    own = OwnSettings(quorum=1, window_s=5.0)
    tier = Tier.SYNC_APPROVAL if mandated else Tier.TRANSPARENT
    of = kind(risk=risk, tier=tier, mandated=mandated, settings=own, idempotent=True, valid_for_s=1e6)
    for hint in (None, Risk(True, BlastRadius.MEDIUM), Risk(False, BlastRadius.LOW)):
        said = ruling(of, {"amount": 3}, hint=hint)
        assert (said.default is not None) == said.tier.waits
    assert {each.value for each in AbsentDefault} == {"safe_halt", "abort", "escalate"}


@pytest.mark.parametrize(
    ("of", "default"),
    [
        (kind(risk=MEDIUM), AbsentDefault.SAFE_HALT),
        (kind(risk=LARGE), AbsentDefault.ABORT),
        (kind(risk=LARGE, mandated=True), AbsentDefault.ESCALATE),
        (kind(risk=SMALL), None),
    ],
)
def test_invariant_6_the_default_belongs_to_the_tier(of: Kind, default: AbsentDefault | None) -> None:
    """The default follows from the tier and the mandate alone, and all that waits has who, when and then."""
    said = ruling(of)
    assert said.default == default
    if said.tier.waits:
        assert said.approvers
        assert said.quorum >= 1
        assert said.window_s
        assert said.chain


@pytest.mark.parametrize(
    "broken",
    [
        {"tiers": {Tier.ASYNC_APPROVAL: TIERS[Tier.ASYNC_APPROVAL]}},
        {"people": {}},
    ],
)
def test_invariant_6_a_tier_without_people_is_no_policy(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has no approvers"):
        policy(kind(), **broken)


def test_a_mandate_below_tier_3_is_no_policy() -> None:
    with pytest.raises(ValueError, match="mandated"):
        policy(kind(risk=SMALL, mandated=True))


@pytest.mark.parametrize(
    ("risk", "tier", "reason"),
    [
        (SMALL, 0, "it is reversible, small and cheap"),
        (DeclaredRisk(True, BlastRadius.LOW, 1.0), 0, "it is reversible, small and cheap"),
        (
            DeclaredRisk(True, BlastRadius.LOW, 1.01),
            1,
            "it is reversible and small, and costs more than 1 USD",
        ),
        (MEDIUM, 2, "it is reversible, with a medium blast radius"),
        (DeclaredRisk(True, BlastRadius.HIGH), 3, "its blast radius is high"),
        (DeclaredRisk(False, BlastRadius.LOW), 3, "it is hard to reverse"),
        (LARGE, 3, "it is hard to reverse, and its blast radius is high"),
    ],
)
def test_the_risk_alone(risk: DeclaredRisk, tier: int, reason: str) -> None:
    said = ruling(kind(risk=risk))
    assert (said.tier, said.rule, said.reason) == (tier, "risk", reason)


@pytest.mark.parametrize(
    ("args", "tier", "cost"),
    [
        ({"amount": 0.5}, 0, 0.5),
        ({"amount": 1}, 0, 1.0),
        ({"amount": 20}, 1, 20.0),
        ({"amount": -5}, 3, None),
        ({"amount": "20"}, 3, None),
        ({"amount": True}, 3, None),
        ({"amount": None}, 3, None),
        ({}, 3, None),
    ],
)
def test_a_cost_in_an_argument(args: dict[str, Any], tier: int, cost: float | None) -> None:
    """A cost that is missing, negative or not a number is doubt, and doubt is strictest."""
    said = ruling(kind(risk=COSTLY, args={"amount": NUMBER}), args)
    assert (said.tier, said.cost_usd) == (tier, cost)


def test_a_declared_tier_raises_and_says_so() -> None:
    said = ruling(kind(risk=SMALL, tier=Tier.ASYNC_REVIEW))
    assert (said.tier, said.rule, said.channel) == (Tier.ASYNC_REVIEW, "declared-tier", "#digest")
    assert said.reason == "the policy declares it tier 1"


def test_a_declared_tier_does_not_hide_a_cost() -> None:
    of = kind(risk=COSTLY, tier=Tier.ASYNC_REVIEW, args={"amount": NUMBER})
    assert [(step.name, step.to) for step in ruling(of, {"amount": 0.1}).trace][:2] == [
        ("risk", 0),
        ("declared-tier", 1),
    ]
    assert ruling(of, {"amount": 9}).rule == "risk"


@pytest.mark.parametrize(
    ("args", "rule_id", "reason"),
    [
        ({"to": "a", "cc": 1}, "undeclared-argument", "cc is not declared for mail.send; doubt is strictest"),
        ({}, "missing-argument", "to is missing; doubt is strictest"),
        ({"to": None}, "missing-argument", "to is missing; doubt is strictest"),
        ({"to": 5}, "wrong-type", "to is a number, not a text; doubt is strictest"),
        (
            {"to": "a", "tries": 1.5},
            "wrong-type",
            "tries is a number, not a whole number; doubt is strictest",
        ),
        (
            {"to": "a", "tries": True},
            "wrong-type",
            "tries is true or false, not a whole number; doubt is strictest",
        ),
        (
            {"to": "a", "parts": ["a", 1]},
            "wrong-type",
            "parts[1] is a number, not a text; doubt is strictest",
        ),
    ],
)
def test_arguments_that_are_not_as_declared_are_doubt(
    args: dict[str, Any], rule_id: str, reason: str
) -> None:
    declared = {
        "to": STRING,
        "tries": Arg(ArgType.INTEGER, required=False),
        "parts": Arg(ArgType.LIST, of=ArgType.STRING, required=False),
    }
    said = ruling(kind("mail.send", args=declared), args)
    assert (said.tier, said.rule, said.reason) == (Tier.SYNC_APPROVAL, rule_id, reason)


def test_arguments_as_declared_pass() -> None:
    declared = {
        "to": STRING,
        "tries": Arg(ArgType.INTEGER, required=False),
        "meta": Arg(ArgType.OBJECT, required=False),
        "sure": Arg(ArgType.BOOLEAN, required=False),
    }
    for args in (
        {"to": "a"},
        {"to": "a", "tries": 2.0, "meta": {}, "sure": False},
        {"to": "a", "tries": None},
    ):
        assert ruling(kind(args=declared), args).tier == Tier.TRANSPARENT


def test_more_args_and_undeclared_kinds_take_any_argument() -> None:
    assert ruling(kind(args={}, more_args=True), {"x": 1}).tier == Tier.TRANSPARENT
    assert ruling(kind(args=None), {"x": 1}).tier == Tier.TRANSPARENT
    assert ruling(kind(args={}), {"x": 1}).tier == Tier.SYNC_APPROVAL


def test_a_reason_does_not_repeat_argument_names_that_an_agent_invented() -> None:
    """A reason stands on the card, and an agent can name an argument as it likes."""
    said = ruling(kind(args={}), {"<!channel> *approve*": 1})
    assert (
        said.reason == "an argument with an odd name is not declared for payment.refund; doubt is strictest"
    )
    many = ruling(kind(args={}), {f"x{index}": 1 for index in range(2000)})
    assert many.reason == "x0, x1, x2 and 1997 more are not declared for payment.refund; doubt is strictest"


def test_the_strictest_rule_decides_and_the_trace_has_all() -> None:
    rules = (
        rule(2, rule_id="medium"),
        rule(3, rule_id="strict", because="large refunds need two people"),
        rule(3, "amount", Condition(Op.LT, 0), rule_id="negative"),
    )
    said = ruling(kind(args={"amount": NUMBER}, rules=rules), {"amount": 900})
    assert (said.rule, said.reason) == ("strict", "large refunds need two people")
    assert names(said.trace) == ["strict", "medium"]
    assert [step.why for step in said.trace if step.name == "negative"] == ["not so: amount < 0"]
    assert next(step for step in said.trace if step.name == "strict").why == (
        "amount > 500: large refunds need two people"
    )


def test_a_rule_in_doubt_holds_and_says_why() -> None:
    of = kind(args={"amount": Arg(ArgType.NUMBER, required=False)}, rules=(rule(2),))
    said = ruling(of, {})
    assert (said.tier, said.rule) == (Tier.ASYNC_APPROVAL, "large")
    assert (
        said.reason == "not all of this could be judged, and doubt raises: amount > 500 (if so: it is large)"
    )


def test_a_hint_raises() -> None:
    said = ruling(kind(), hint=Risk(reversible=False, blast_radius=BlastRadius.LOW))
    assert (said.tier, said.rule, said.reason) == (
        Tier.SYNC_APPROVAL,
        "agent-hint",
        "the agent itself rates this tier 3",
    )
    assert ruling(kind(), hint=Risk(True, BlastRadius.LOW, float("nan"))).tier == Tier.ASYNC_REVIEW


def test_a_kinds_own_settings_hold_at_its_own_tier() -> None:
    own = OwnSettings("#own", ("finance",), 3, 60.0, OTHER_CHAIN)
    said = ruling(kind(risk=MEDIUM, settings=own, valid_for_s=30.0, report_within_s=5.0, idempotent=True))
    assert (said.channel, said.approvers, said.quorum, said.window_s) == ("#own", ("finance",), 3, 60.0)
    assert (said.chain, said.valid_for_s, said.report_within_s) == (OTHER_CHAIN, 30.0, 5.0)
    assert said.idempotent


def test_a_raised_action_has_the_higher_tiers_people_the_larger_quorum_and_the_shorter_window() -> None:
    own = OwnSettings("#own", ("finance",), 3, 60.0, OTHER_CHAIN)
    said = _raised(own)
    assert (said.channel, said.approvers, said.chain) == ("#strict", ("leads",), CHAIN)
    assert (said.quorum, said.window_s) == (3, 60.0)
    lax = _raised(OwnSettings(quorum=1, window_s=7200.0))
    assert (lax.quorum, lax.window_s) == (2, 1800.0)


def test_an_approval_of_a_raised_action_keeps_no_longer_than_the_window() -> None:
    of = kind(risk=MEDIUM, valid_for_s=7200.0, args={"amount": NUMBER}, rules=(rule(3),))
    assert ruling(of, {"amount": 1}).valid_for_s == 7200.0
    assert ruling(of, {"amount": 501}).valid_for_s == 1800.0
    assert ruling(kind(risk=LARGE)).valid_for_s == 1800.0


def test_a_mandated_chain_has_no_end() -> None:
    said = ruling(kind(risk=LARGE, mandated=True))
    assert said.mandated
    assert said.chain
    assert said.chain.repeat
    assert (said.chain.repeat.every_s, said.chain.repeat.times) == (60.0, None)
    assert said.reason.startswith("its sign-off is mandated, and ")


def test_a_ruling_survives_the_store() -> None:
    said = ruling(kind(risk=LARGE, mandated=True, args={"amount": NUMBER}), {"amount": 5})
    assert Ruling.from_dict(said.to_dict()) == said


def test_tools_stand_for_kinds() -> None:
    made = policy(kind("fs.delete", LARGE), tools={"delete_file": "fs.delete"})
    assert made.kind_of_tool("delete_file") == "fs.delete"
    assert made.kind_of_tool("fs.delete") == "fs.delete"
    assert made.kind_of_tool("send_mail") == "send_mail"


@pytest.mark.parametrize(
    ("of", "strictest"),
    [
        (kind(risk=SMALL), 0),
        (kind(risk=SMALL, tier=Tier.ASYNC_REVIEW), 1),
        (kind(risk=SMALL, args={}), 3),
        (kind(risk=SMALL, args={}, more_args=True), 0),
        (kind(risk=SMALL, args={}, more_args=True, rules=(rule(2),)), 2),
        (kind(risk=SMALL, args={"amount": NUMBER}, more_args=True), 3),
    ],
)
def test_strictest_is_a_ruling_that_some_arguments_can_get(of: Kind, strictest: int) -> None:
    assert policy(of).strictest(of.name) == strictest


def test_a_policy_lists_its_channels_groups_and_kinds() -> None:
    own = OwnSettings(channel="#own")
    made = policy(kind("b.b", LARGE, settings=own), kind("a.a"), admin_channel="#admins")
    assert made.channels == {"#approvals", "#strict", "#digest", "#own", "#admins"}
    assert made.usergroups == {"S0FINANCE"}
    assert made.kinds == ("a.a", "b.b")


def _raised(own: OwnSettings) -> Ruling:
    of = kind(risk=MEDIUM, settings=own, args={"amount": NUMBER}, rules=(rule(3),))
    return ruling(of, {"amount": 501})


def _action(name: str) -> Action:
    return Action.of(name, {}, agent="bot")
