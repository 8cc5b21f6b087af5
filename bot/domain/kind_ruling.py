"""One action kind, compiled: everything that does not depend on the action is built beforehand.

A ruling takes a few microseconds: the trace steps, the reasons and the settings of each tier are made when
the policy loads, and a rule is one closure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson

from bot.domain.action import Action
from bot.domain.arguments import ARGUMENTS, MISSING_ARGUMENT, UNDECLARED_ARGUMENT, WRONG_TYPE, Declaration
from bot.domain.conditions import judge_of, judge_of_args, judged_as
from bot.domain.kind_settings import parts_at, settings_at
from bot.domain.numbers import in_words
from bot.domain.policy_model import GatedTier, Kind, RaiseRule
from bot.domain.risk import BlastRadius, Risk, Tier, permeability_key
from bot.domain.ruling import Ruling, TraceStep
from bot.domain.verdicts import DOUBT, Judge
from bot.domain.wording import describe
from bot.errors import Misfit

UNKNOWN_KIND = "unknown-kind"
RISK = "risk"
DECLARED_TIER = "declared-tier"
AGENT_HINT = "agent-hint"
_MANDATED = "its sign-off is mandated, and "
RESERVED_IDS = frozenset(
    {
        UNKNOWN_KIND,
        RISK,
        DECLARED_TIER,
        UNDECLARED_ARGUMENT,
        MISSING_ARGUMENT,
        WRONG_TYPE,
        AGENT_HINT,
        ARGUMENTS,
    }
)
"""Values of `Ruling.rule` that the bot uses itself; no raise rule may have one as its id."""
UNFIT_RULES = frozenset({UNKNOWN_KIND, UNDECLARED_ARGUMENT, MISSING_ARGUMENT, WRONG_TYPE})
"""The rules of proposals that do not fit the policy's schema. Most are a mistake of the agent."""


class _Finding(NamedTuple):
    """What the risk of an action says: its tier, the ruling's rule and reason, and the steps of the trace."""

    tier: Tier
    rule: str
    reason: str
    steps: tuple[TraceStep, ...]


class _Rule(NamedTuple):
    arg: str | None
    """The one argument that the judge judges; None if it judges all of them."""
    judge: Judge
    to: Tier
    id: str
    because: str
    outcomes: tuple[TraceStep, TraceStep, TraceStep]
    """The step of the trace for each verdict: no, yes, doubt."""


@dataclass(frozen=True, slots=True)
class CompiledKind:
    """One kind, ready to rule. Build it with `compile_kind`."""

    name: str
    own_tier: Tier
    strictest: Tier
    gated: Mapping[Tier, GatedTier]
    _threshold_usd: float
    _cheap: _Finding
    _costly: _Finding
    _cost_arg: str | None
    _cost_usd: float | None
    _rules: tuple[_Rule, ...]
    _declaration: Declaration
    _mandated: bool
    _parts: Mapping[Tier, Mapping[str, Any]]
    terms: str
    """A hash of everything that rulings of this kind depend on."""

    def rule(self, action: Action) -> Ruling:
        """Return the ruling of an action of this kind."""
        args = action.args
        cost = self._cost_usd if self._cost_arg is None else _cost(args.get(self._cost_arg))
        top, by, reason, steps = self._risk(cost)
        doubts = self._declaration.doubts(args)
        if doubts[0].matched:  # a misfit that the agent can fix is a more useful reason than the risk
            trace = [*doubts, *steps]
            top, by, reason = Tier.SYNC_APPROVAL, doubts[0].name, self._in_words(doubts[0].why)
        else:
            trace = [*steps, *doubts]
        for arg, judge, to, rule_id, because, outcomes in self._rules:
            verdict = judge(args) if arg is None else judge(args.get(arg))
            trace.append(outcomes[verdict])
            if verdict and to > top:
                top, by, reason = to, rule_id, because if verdict != DOUBT else outcomes[DOUBT].why
        if action.hint is not None:
            hinted = _hinted(action.hint, self._threshold_usd)
            trace.append(hinted)
            if hinted.to is not None and hinted.to > top:
                top, by, reason = hinted.to, AGENT_HINT, hinted.why
        parts = self._parts[top]
        return Ruling(
            self.name,
            top,
            rule=by,
            reason=reason,
            cost_usd=None if cost is None else float(cost),
            trace=tuple(trace),
            **parts,
        )

    def misfits(self, args: Mapping[str, Any]) -> tuple[Misfit, ...]:
        """Return the arguments that do not fit their declaration."""
        return self._declaration.misfits(args)

    def _in_words(self, why: str) -> str:
        return f"{_MANDATED}{why}" if self._mandated else why

    def valid_for_s(self, tier: Tier) -> float:
        """Return how many seconds an action of this tier stays startable."""
        valid_for: float = self._parts[tier]["valid_for_s"]
        return valid_for

    def _risk(self, cost: float | None) -> _Finding:
        if self._cost_arg is None:
            return self._cheap
        if cost is None:
            return _doubtful_cost(self._cost_arg)
        return self._cheap if cost <= self._threshold_usd else self._costly


def compile_kind(
    kind: Kind, tiers: Mapping[Tier, GatedTier], digest_channel: str, threshold_usd: float, version: str
) -> CompiledKind:
    """Build everything of a kind that does not depend on the action."""
    own = kind.own_tier(threshold_usd)
    terms = terms_of(kind, tiers, threshold_usd)
    gated = {tier: settings_at(kind, own, tier, tiers[tier]) for tier in tiers if tier >= own}
    return CompiledKind(
        name=kind.name,
        own_tier=own,
        strictest=_strictest(kind, own),
        gated=gated,
        _threshold_usd=threshold_usd,
        _cheap=_finding(kind, kind.risk.cost_usd, threshold_usd),
        _costly=_finding(kind, float("inf"), threshold_usd),
        _cost_arg=kind.risk.cost_arg,
        _cost_usd=kind.risk.cost_usd,
        _rules=tuple(
            _compile_rule(rule, kind) for rule in sorted(kind.rules, key=lambda each: (-each.to, each.id))
        ),
        _declaration=Declaration(kind),
        _mandated=kind.mandated,
        _parts={
            tier: {**parts, "terms": terms}
            for tier, parts in _parts(kind, own, gated, digest_channel, version).items()
        },
        terms=terms,
    )


def terms_of(kind: Kind | None, tiers: Mapping[Tier, GatedTier], threshold_usd: float) -> str:
    """Return a hash of everything that rulings and approvals of a kind (None: an unknown one) depend on.

    The channels of its cards and its chains are left out.
    """
    meaning = {
        "kind": _without_places(kind) if kind is not None else None,
        "tiers": {
            str(int(tier)): (gated.approvers, gated.quorum, gated.window_s) for tier, gated in tiers.items()
        },
        "threshold_usd": threshold_usd,
    }
    return hashlib.sha256(orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _without_places(kind: Kind) -> Kind:
    settings = replace(kind.settings, channel=None, chain=None)
    rules = tuple(sorted(kind.rules, key=lambda rule: rule.id))
    return replace(kind, reviewed=None, settings=settings, rules=rules)


def _parts(
    kind: Kind, own: Tier, gated: Mapping[Tier, GatedTier], digest_channel: str, version: str
) -> Mapping[Tier, Mapping[str, Any]]:
    parts = {tier: parts_at(kind, tier, own, gated.get(tier), version) for tier in Tier if tier >= own}
    if Tier.ASYNC_REVIEW in parts:
        parts[Tier.ASYNC_REVIEW]["channel"] = digest_channel
    return parts


def _strictest(kind: Kind, own_tier: Tier) -> Tier:
    if kind.args is not None and (kind.args or not kind.more_args):
        return Tier.SYNC_APPROVAL
    return max((own_tier, *(rule.to for rule in kind.rules)))


def _finding(kind: Kind, cost_usd: float | None, threshold_usd: float) -> _Finding:
    """Return the finding for the declaration of a kind at a cost."""
    by_risk = kind.risk.key(cost_usd, threshold_usd)
    why = _risk_in_words(kind, by_risk, threshold_usd)
    steps = [TraceStep(RISK, matched=by_risk > Tier.TRANSPARENT, why=why, to=by_risk)]
    rule, reason = RISK, why
    if kind.tier > Tier.TRANSPARENT:
        declared = f"the policy declares it tier {int(kind.tier)}"
        steps.append(TraceStep(DECLARED_TIER, matched=True, why=declared, to=kind.tier))
        if kind.tier > by_risk:
            rule, reason = DECLARED_TIER, declared
    if kind.mandated:
        reason = f"{_MANDATED}{reason}"
    return _Finding(max(by_risk, kind.tier), rule, reason, tuple(steps))


def _risk_in_words(kind: Kind, tier: Tier, threshold_usd: float) -> str:
    risk = kind.risk
    if tier is Tier.TRANSPARENT:
        return "it is reversible, small and cheap"
    if tier is Tier.ASYNC_REVIEW:
        return f"it is reversible and small, and costs more than {in_words(threshold_usd)} USD"
    if tier is Tier.ASYNC_APPROVAL:
        return "it is reversible, with a medium blast radius"
    far = risk.blast_radius is BlastRadius.HIGH
    if risk.reversible:
        return "its blast radius is high"
    return "it is hard to reverse, and its blast radius is high" if far else "it is hard to reverse"


def _compile_rule(rule: RaiseRule, kind: Kind) -> _Rule:
    hidden = {part for path in kind.redact for part in (path, path.partition(".")[0])}
    words = " and ".join(
        # Saying that the condition held would reveal the redacted value, as in `card_number is …`.
        f"{name}, which is redacted" if name in hidden else describe(name, conditions)
        for name, conditions in sorted(rule.when.items())
    )
    doubt = f"not all of this could be judged, and doubt raises: {words} (if so: {rule.because})"
    outcomes = (
        TraceStep(rule.id, matched=False, why=f"not so: {words}", to=rule.to),
        TraceStep(rule.id, matched=True, why=f"{words}: {rule.because}", to=rule.to),
        TraceStep(rule.id, matched=True, why=doubt, to=rule.to),
    )
    declared = kind.args or {}
    if len(rule.when) == 1:
        ((arg, conditions),) = rule.when.items()
        judge = judge_of(conditions, judged_as(declared.get(arg)))
        return _Rule(arg, judge, rule.to, rule.id, rule.because, outcomes)
    return _Rule(None, judge_of_args(rule.when, declared), rule.to, rule.id, rule.because, outcomes)


def _cost(value: Any) -> float | None:
    """Return the cost in an argument; None if it is in doubt."""
    if type(value) is int or type(value) is float:
        return value if 0 <= value < float("inf") else None
    return None


def _doubtful_cost(name: str) -> _Finding:
    why = f"{name} says what it costs, and that is missing, negative or not a number; doubt is strictest"
    return _Finding(
        Tier.SYNC_APPROVAL, RISK, why, (TraceStep(RISK, matched=True, why=why, to=Tier.SYNC_APPROVAL),)
    )


def _hinted(hint: Risk, threshold_usd: float) -> TraceStep:
    tier = permeability_key(hint, threshold_usd)
    why = f"the agent itself rates this tier {int(tier)}"
    return TraceStep(AGENT_HINT, matched=tier > Tier.TRANSPARENT, why=why, to=tier)
