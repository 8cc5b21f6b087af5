"""Finds raise rules that never raise anything: without them the action has their tier, or a higher one.

A finding holds for every action. A rule that cannot be decided is not named. A rule is idle if
its kind has that tier anyway, where no arguments that are as declared meet it (others are Tier 3), or where
everything that meets it is raised as far by its cost and by other rules. No two rules are idle because of
each other: all that are named could be deleted together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from bot.domain.entailment import follows
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.policy_model import Kind, RaiseRule
from bot.domain.risk import Tier
from bot.domain.samples import Samples, never_met, numbers, samples_of
from bot.domain.wording import describe

MAX_RULES = 50
"""If a kind has more rules, each is examined by itself."""
MAX_POINTS = 4096
"""Combinations of arguments that several rules together are tried on."""


@dataclass(frozen=True, slots=True)
class IdleRule:
    """A rule that never raises anything, and why."""

    id: str
    why: str


def idle_rules(kind: Kind, threshold_usd: float) -> tuple[IdleRule, ...]:
    """Return the rules of a kind that never change the tier of an action, by id."""
    if not _cost_can_be_known(kind):
        return ()
    if len(kind.rules) > MAX_RULES:
        alone = (replace(kind, rules=(rule,)) for rule in kind.rules)
        return tuple(idle for each in alone for idle in idle_rules(each, threshold_usd))
    arguments = _Arguments(kind, threshold_usd)
    own_tier = kind.own_tier(threshold_usd)
    kept = {rule.id: rule for rule in sorted(kind.rules, key=lambda each: each.id, reverse=True)}
    found = []
    for rule in [*kept.values()]:
        why = arguments.why_unmet(rule)
        if rule.to <= own_tier:
            why = f"{kind.name} is of tier {int(own_tier)} without it"
        if why is not None:
            del kept[rule.id]
            found.append(IdleRule(rule.id, why))
    for rule in sorted(kept.values(), key=lambda each: each.to):
        others = [each for each in kept.values() if each is not rule and each.to >= rule.to]
        why = arguments.why_covered(rule, others)
        if why is not None:
            del kept[rule.id]
            found.append(IdleRule(rule.id, why))
    return tuple(sorted(found, key=lambda each: each.id))


def _cost_can_be_known(kind: Kind) -> bool:
    """Whether an argument that names the cost can be a number. A policy file is refused otherwise."""
    name = kind.risk.cost_arg
    if name is None or kind.args is None:
        return True
    return name in kind.args and kind.args[name].type in (ArgType.NUMBER, ArgType.INTEGER)


class _Arguments:
    """The arguments of a kind, and which of their values each rule lets through."""

    def __init__(self, kind: Kind, threshold_usd: float) -> None:
        self._kind = kind
        self._declared: Mapping[str, Arg] = kind.args or {}
        self._cost_arg = kind.risk.cost_arg
        self._samples = {
            name: self._samples_of(name, threshold_usd) for rule in kind.rules for name in rule.when
        }
        cost = self._samples.get(self._cost_arg or "")
        values = cost.values if cost is not None else ()
        self._tiers = [
            kind.risk.key(each, threshold_usd) if each >= 0 else Tier.SYNC_APPROVAL for each in values
        ]
        self._met = {
            (rule.id, name): self._samples[name].met(conditions)
            for rule in kind.rules
            for name, conditions in rule.when.items()
        }

    def why_unmet(self, rule: RaiseRule) -> str | None:
        """Return why no action meets a rule that is not of its tier already, or None if one may."""
        for name, conditions in sorted(rule.when.items()):
            words = describe(name, conditions)
            if name != self._cost_arg and never_met(conditions, self._declared.get(name)):
                return f"no {name} that is as declared meets: {words}"
            if self._samples[name].hold(conditions) and not self._of(rule, name):
                if name == self._cost_arg and self._met[rule.id, name]:
                    return f"{words} is a cost that makes it tier {int(rule.to)} or higher without the rule"
                return f"no {name} that is as declared meets: {words}"
        return None

    def why_covered(self, rule: RaiseRule, others: Iterable[RaiseRule]) -> str | None:
        """Return which other rules raise all that a rule raises, or None if something is left to it."""
        able = [each for each in others if self._may_cover(each, rule)]
        for each in able:
            if all(self._all_meet(each, rule, name) for name in each.when):
                return f"`{each.id}` raises all of that to tier {int(each.to)}"
        named = self._together(rule, able)
        if not named:
            return None
        ids = ", ".join(f"`{each}`" for each in named)
        cost = ", and the cost," if self._cost_arg in self._samples else ""
        return f"{ids}{cost} together raise all of that to tier {int(rule.to)} or higher"

    def _samples_of(self, name: str, threshold_usd: float) -> Samples:
        used = [rule.when[name] for rule in self._kind.rules if name in rule.when]
        arg = self._declared.get(name)
        if name == self._cost_arg:
            whole = arg is not None and arg.type is ArgType.INTEGER
            conditions = [each for one in used for each in one]
            return Samples(arg, numbers(conditions, 0, threshold_usd, whole=whole), complete=True)
        closed = self._kind.args is not None and not self._kind.more_args
        return samples_of(arg, used, declared_alone=closed)

    def _of(self, rule: RaiseRule, name: str) -> int:
        """Return which samples a rule lets through that do not have its tier by their cost, as bits."""
        met = self._met.get((rule.id, name), (1 << len(self._samples[name].values)) - 1)
        if name != self._cost_arg:
            return met
        return met & sum(1 << index for index, tier in enumerate(self._tiers) if tier < rule.to)

    def _holds(self, rule: RaiseRule, name: str) -> bool:
        """Whether all values of an argument that a rule lets through are among the samples."""
        return self._samples[name].hold(rule.when.get(name, ()))

    def _all_meet(self, other: RaiseRule, rule: RaiseRule, name: str) -> bool:
        """Whether another rule lets through all values of an argument that a rule lets through."""
        if self._holds(rule, name):
            return not self._of(rule, name) & ~self._met[other.id, name]
        given = rule.when.get(name, ())
        return all(follows(each, given) or self._is_sure(each, name) for each in other.when[name])

    def _is_sure(self, condition: Condition, name: str) -> bool:
        arg = self._declared.get(name)
        return condition.op is Op.EXISTS and condition.operand is True and arg is not None and arg.required

    def _may_cover(self, other: RaiseRule, rule: RaiseRule) -> bool:
        """Whether another rule covers some of the samples of each argument, and all values that have none."""
        return all(
            bool(self._of(rule, name) & self._met[other.id, name])
            if self._holds(rule, name)
            else self._all_meet(other, rule, name)
            for name in other.when
        )

    def _together(self, rule: RaiseRule, others: list[RaiseRule]) -> list[str]:
        """Return rules that let through all that a rule does, by samples; none where something is left."""
        names = sorted({name for each in others for name in each.when if self._holds(rule, name)})
        choices = [_bits(self._of(rule, name)) for name in names]
        if not others or prod(map(len, choices)) > MAX_POINTS:
            return []
        named: dict[str, None] = {}
        for point in product(*choices):
            by = next((each.id for each in others if self._lets_through(each, names, point)), None)
            if by is None:
                return []
            named[by] = None
        return sorted(named)

    def _lets_through(self, rule: RaiseRule, names: list[str], point: tuple[int, ...]) -> bool:
        return all(
            self._met[rule.id, name] >> index & 1
            for name, index in zip(names, point, strict=True)
            if name in rule.when
        )


def _bits(mask: int) -> list[int]:
    return [index for index in range(mask.bit_length()) if mask >> index & 1]
