"""Laws that hold for every policy and every action, tried on many made at random."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.action import Action
from bot.domain.policy_changes import changes_between
from bot.domain.policy_model import Kind, RaiseRule
from bot.domain.risk import Tier, permeability_key
from bot.domain.ruling import AbsentDefault, Ruling
from tests.unit.policy.making import policy
from tests.unit.policy.strategies import RULES, actions, kinds


def _rule(kind: Kind, action: Action, **changes: object) -> Ruling:
    return policy(kind, **changes).rule(action)


@given(kinds(), actions())
def test_invariant_2_only_up_holds_for_every_policy(kind: Kind, action: Action) -> None:
    """No ruling is below what the risk, the declared tier or the hint ask for, nor below a rule that held."""
    said = _rule(kind, action)
    assert said.tier >= kind.own_tier(1.0)
    if action.hint is not None:
        assert said.tier >= permeability_key(action.hint)
    asked = [step.to for step in said.trace if step.matched and step.to is not None]
    assert said.tier == max([Tier.TRANSPARENT, *asked])


@given(kinds(), actions(), RULES)
def test_invariant_2_a_further_rule_never_lowers(
    kind: Kind, action: Action, more: tuple[RaiseRule, ...]
) -> None:
    added = tuple(replace(rule, id=f"more-{rule.id}") for rule in more)
    assert _rule(replace(kind, rules=(*kind.rules, *added)), action).tier >= _rule(kind, action).tier


@given(kinds(), actions(), st.randoms())
def test_the_order_of_rules_never_matters(kind: Kind, action: Action, chance: random.Random) -> None:
    """It changes neither the tier, nor the reason, nor the trace."""
    shuffled = list(kind.rules)
    chance.shuffle(shuffled)
    before, after = _rule(kind, action), _rule(replace(kind, rules=tuple(shuffled)), action)
    assert replace(before, policy_version="") == replace(after, policy_version="")


@given(kinds(), actions(name="unheard.of"))
def test_invariant_1_unknown_is_strictest_in_every_policy(kind: Kind, action: Action) -> None:
    said = _rule(kind, action)
    assert (said.tier, said.rule, said.default) == (Tier.SYNC_APPROVAL, "unknown-kind", AbsentDefault.ABORT)


@given(kinds(), actions())
def test_invariant_5_no_setting_makes_expiry_proceed(kind: Kind, action: Action) -> None:
    """The default is always the tier's, and a waiting action has approvers, a deadline and a default."""
    said = _rule(kind, action)
    expected = {Tier.ASYNC_APPROVAL: AbsentDefault.SAFE_HALT, Tier.SYNC_APPROVAL: AbsentDefault.ABORT}
    if kind.mandated:
        expected[Tier.SYNC_APPROVAL] = AbsentDefault.ESCALATE
    assert said.default == expected.get(said.tier)
    waits = (bool(said.approvers), said.quorum >= 1, (said.window_s or 0) > 0, said.chain is not None)
    assert waits == (said.tier.waits,) * 4


@given(kinds(), actions())
def test_a_raised_action_is_never_easier_than_its_tier(kind: Kind, action: Action) -> None:
    """A raised action needs no fewer people, waits no longer, and its approval keeps no longer."""
    made = policy(kind)
    said = made.rule(action)
    if not said.tier.waits or said.tier == made.own_tier(kind.name):
        return
    tier = made.tiers[said.tier]
    assert said.quorum >= tier.quorum
    assert (said.window_s or 0) <= tier.window_s
    assert said.valid_for_s <= tier.window_s
    assert (said.approvers, said.channel) == (tier.approvers, tier.channel)


@given(kinds(), actions(), st.sampled_from(["amount", "to", "many"]))
def test_doubt_raises(kind: Kind, action: Action, name: str) -> None:
    """A declared argument that is nonsense is Tier 3, and so is a required one that is not there."""
    if kind.args is None:
        return
    nonsense = Action.of(action.kind, {**action.args, name: {"odd": 1}}, agent="bot")
    assert _rule(kind, nonsense).tier == Tier.SYNC_APPROVAL
    without = {each: value for each, value in action.args.items() if each != "amount"}
    assert _rule(kind, Action.of(action.kind, without, agent="bot")).tier == Tier.SYNC_APPROVAL


@given(kinds(), actions())
def test_strictest_bounds_every_ruling(kind: Kind, action: Action) -> None:
    """Hints and costs in undeclared arguments aside, no arguments are ruled higher."""
    if action.hint is None and (kind.risk.cost_arg is None or kind.args is not None):
        made = policy(kind)
        assert made.rule(action).tier <= made.strictest(kind.name)


FIELDS = st.sampled_from(
    ["risk", "tier", "mandated", "args", "more_args", "rules", "settings", "valid_for_s", "idempotent"]
)


@given(kinds(), kinds(), st.sets(FIELDS, min_size=1, max_size=2), actions())
def test_no_silent_loosening(old: Kind, other: Kind, fields: set[str], action: Action) -> None:
    """Where a new policy lets an action cross with less, its changes say that it is, or may be, looser."""
    new = replace(old, **{field: getattr(other, field) for field in fields})
    if new.mandated and new.own_tier(1.0) < Tier.SYNC_APPROVAL:
        return
    before, after = policy(old), policy(new)
    was, now = before.rule(action), after.rule(action)
    same = now.tier == was.tier and now.tier.waits
    fewer = same and (now.quorum < was.quorum or bool(set(now.approvers) - set(was.approvers)))
    longer = same and now.valid_for_s > was.valid_for_s
    if now.tier < was.tier or fewer or longer or (was.mandated and not now.mandated):
        assert any(change.loosens for change in changes_between(before, after))


@given(kinds(), kinds(name="b.b"), st.booleans())
def test_the_version_is_of_the_meaning(kind: Kind, other: Kind, turn: bool) -> None:
    """The order of kinds does not change it; anything that an action could notice does."""
    one, two = policy(kind, other), policy(*((other, kind) if turn else (kind, other)))
    assert one.version == two.version
    assert one.version.startswith("sha256:")
    assert policy(replace(kind, idempotent=not kind.idempotent), other).version != one.version
    assert changes_between(one, two) == ()
