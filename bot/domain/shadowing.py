"""Rules that raise nothing: wherever they hold, something else has raised to their tier already.

Only what can be told exactly is said, of declared arguments alone. What is not as declared is Tier 3 anyway.
A rule holds in doubt too, so one covers another only if it holds, or is in doubt, wherever the other does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.domain.conditions import judge_of
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.policy_model import Kind, RaiseRule, When
from bot.domain.risk import Tier
from bot.domain.verdicts import NO

_PLAIN = frozenset({ArgType.STRING, ArgType.NUMBER, ArgType.INTEGER, ArgType.BOOLEAN})
"""Types whose values meet a list of values only as they stand in it."""
_WIDER = frozenset({Op.IN, Op.MATCHES, Op.UNDER})
"""Operators that hold for more with more operands."""
_NARROWER = frozenset({Op.NOT_IN, Op.DOMAIN_NOT_IN, Op.NOT_UNDER})
_LOWER = (Op.GT, Op.GTE)
_UPPER = (Op.LT, Op.LTE)


def raise_nothing(kind: Kind, threshold_usd: float) -> Iterator[tuple[str, str]]:
    """Yield the id of each rule that changes no action's tier, and why."""
    for rule in kind.rules:
        if (why := _by_cost(kind, rule, threshold_usd)) is not None:
            yield rule.id, why
            continue
        for other in kind.rules:
            if other is not rule and _covers(other, rule, kind) and not _equal_and_first(rule, other, kind):
                yield rule.id, f"wherever it holds, rule {other.id} raises to tier {int(other.to)} already"
                break


def _by_cost(kind: Kind, rule: RaiseRule, threshold_usd: float) -> str | None:
    """Return why the cost that an argument names raises as far as a rule on it; None where it may not."""
    name = kind.risk.cost_arg
    if name is None or name not in rule.when:
        return None
    costly = max(kind.tier, kind.risk.key(float("inf"), threshold_usd))
    above = {name: (Condition(Op.GT, threshold_usd),)}
    if costly >= rule.to and _implied(above, rule.when, kind):
        return f"{name} is the cost, and above {threshold_usd:g} USD that makes it tier {int(costly)} already"
    if _implied({name: (Condition(Op.LT, 0),)}, rule.when, kind):
        return f"{name} is the cost, and one below 0 is tier {int(Tier.SYNC_APPROVAL)} already"
    return None


def _covers(wide: RaiseRule, narrow: RaiseRule, kind: Kind) -> bool:
    return wide.to >= narrow.to and _implied(wide.when, narrow.when, kind)


def _equal_and_first(rule: RaiseRule, other: RaiseRule, kind: Kind) -> bool:
    """Whether two rules cover each other, and the first of them is this one: the second is named."""
    return _covers(rule, other, kind) and rule.id < other.id


def _implied(wide: When, narrow: When, kind: Kind) -> bool:
    """Whether conditions hold, or are in doubt, wherever narrower ones do."""
    declared = kind.args or {}
    return all(
        name in declared and _all_follow(conditions, narrow.get(name, ()), declared[name])
        for name, conditions in wide.items()
    )


def _all_follow(wide: tuple[Condition, ...], narrow: tuple[Condition, ...], arg: Arg) -> bool:
    return all(_follows(each, {one.op: one for one in narrow}, arg) for each in wide)


def _follows(wide: Condition, narrow: Mapping[Op, Condition], arg: Arg) -> bool:
    """Whether one condition holds, or is in doubt, wherever these do; False where that cannot be told."""
    if wide.op is Op.EXISTS:
        given = narrow.get(Op.EXISTS)
        return given == wide or (wide.operand is True and arg.required)
    same = narrow.get(wide.op)
    if same is not None and (same.operand == wide.operand or _of_one_kind(wide, same, arg)):
        return True
    return _in_bounds(wide, narrow) or _for_each_value(wide, narrow, arg)


def _of_one_kind(wide: Condition, narrow: Condition, arg: Arg) -> bool:
    """Compare two conditions of one operator."""
    if wide.op in (Op.ANY, Op.ALL):
        return arg.of is not None and _all_follow(wide.inner, narrow.inner, Arg(arg.of))
    if wide.op in _WIDER:
        return set(_operands(narrow)) <= set(_operands(wide))
    return wide.op in _NARROWER and set(_operands(wide)) <= set(_operands(narrow))


def _operands(condition: Condition) -> tuple[tuple[bool, object], ...]:
    """Return the operands so that true is not 1."""
    many = condition.operand if isinstance(condition.operand, tuple) else (condition.operand,)
    return tuple((isinstance(each, bool), each) for each in many)


def _in_bounds(wide: Condition, narrow: Mapping[Op, Condition]) -> bool:
    """Whether a bound follows from a closer one on the same side. Only numbers are compared."""
    limit = wide.operand
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        return False
    for side, closer in ((_LOWER, 1), (_UPPER, -1)):
        for op in side if wide.op in side else ():
            bound = narrow[op].operand if op in narrow else None
            if isinstance(bound, int | float) and not isinstance(bound, bool):
                strict = wide.op in (Op.GT, Op.LT) and op in (Op.GTE, Op.LTE)
                if (bound - limit) * closer > 0 or (bound == limit and not strict):
                    return True
    return False


def _for_each_value(wide: Condition, narrow: Mapping[Op, Condition], arg: Arg) -> bool:
    """Whether a condition holds for each of the few values that others leave."""
    listed = narrow.get(Op.EQ) or narrow.get(Op.IN)
    if arg.type not in _PLAIN or listed is None or not listed.operand:
        return False
    values = listed.operand if isinstance(listed.operand, tuple) else (listed.operand,)
    others, one = judge_of(narrow.values(), arg.type), judge_of((wide,), arg.type)
    return all(one(value) != NO for value in values if others(value) != NO)
