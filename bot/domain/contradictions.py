"""Conditions that no argument can meet. A rule with one looks like a guard, and fires at most in doubt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from bot.domain.addresses import DomainSet
from bot.domain.conditions import judge_of, judged_as
from bot.domain.names import read_instant, read_path
from bot.domain.operators import Arg, ArgType, Condition, Op, Scalar
from bot.domain.verdicts import NO, YES
from bot.domain.wording import describe

_LOWER = (Op.GT, Op.GTE)
_UPPER = (Op.LT, Op.LTE)


def why_never(name: str, conditions: tuple[Condition, ...], arg: Arg | None) -> str | None:
    """Return why no value of an argument meets all these conditions; None if one may.

    `arg` is its declaration, None for an undeclared one. Doubt is left aside; `samples.never_met` tells
    whether they are not met in doubt either.
    """
    by_op = {condition.op: condition for condition in conditions}
    absent = by_op.get(Op.EXISTS)
    if absent is not None and absent.operand is False:
        return _never_absent(name, conditions, arg)
    rest: dict[Op, Condition] = {each.op: each for each in conditions if each.op is not Op.EXISTS}
    if not rest:
        return None
    if arg is not None and arg.type is ArgType.LIST:
        return _never_in_list(name, rest, arg)
    return _never_one(name, rest, judged_as(arg))


def _never_absent(name: str, conditions: tuple[Condition, ...], arg: Arg | None) -> str | None:
    if len(conditions) > 1:
        return f"where {name} is absent there is nothing to compare"
    if arg is not None and arg.required:
        return f"{name} is required, and without it the action is Tier 3 already"
    return None


def _never_in_list(name: str, conditions: Mapping[Op, Condition], arg: Arg) -> str | None:
    if Op.ANY not in conditions:
        return None  # `all` holds for an empty list, whatever it asks of an item
    inner = {each.op: each for each in conditions[Op.ANY].inner}
    return _never_one(f"an item of {name}", inner, arg.of)


def _never_one(name: str, conditions: Mapping[Op, Condition], kind: ArgType | None) -> str | None:
    for op in (Op.IN, Op.DOMAIN_IN, Op.UNDER):
        if op in conditions and not conditions[op].operand:
            list_name = conditions[op].list_name
            return f"{f'${list_name}' if list_name else 'the list'} is empty, so {name} is never in it"
    candidates = _candidates(conditions, kind)
    if candidates is not None:
        if any(judge_of(conditions.values(), kind)(each) == YES for each in candidates):
            return None
        return f"no value is both: {_words(name, conditions)}"
    return (
        _empty_range(name, conditions, kind)
        or _no_domain(name, conditions)
        or _no_directory(name, conditions)
    )


def _candidates(conditions: Mapping[Op, Condition], kind: ArgType | None) -> Iterable[Scalar] | None:
    """Return all values that may be meant, if they are few. A name meets a list by its last word too."""
    if kind is ArgType.BOOLEAN:
        return (True, False)
    if Op.EQ in conditions and kind is not ArgType.IDENTIFIER:
        return _scalars(conditions[Op.EQ])
    if Op.IN in conditions and kind is not ArgType.IDENTIFIER:
        return _scalars(conditions[Op.IN])
    low, high = conditions.get(Op.GTE), conditions.get(Op.LTE)
    if low and high and low.operand == high.operand:
        return _scalars(low)
    return None


def _scalars(condition: Condition) -> tuple[Scalar, ...]:
    operands = condition.operand if isinstance(condition.operand, tuple) else (condition.operand,)
    return tuple(each for each in operands if not isinstance(each, Condition))


def _empty_range(name: str, conditions: Mapping[Op, Condition], kind: ArgType | None) -> str | None:
    lower = [(_bound(each), each.op is Op.GT) for each in conditions.values() if each.op in _LOWER]
    upper = [(_bound(each), each.op is Op.LT) for each in conditions.values() if each.op in _UPPER]
    for low, low_open in lower:
        for high, high_open in upper:
            first = math.floor(low) + 1 if low_open else math.ceil(low)
            last = math.ceil(high) - 1 if high_open else math.floor(high)
            nothing = low > high or (low == high and (low_open or high_open))
            if nothing or (kind is ArgType.INTEGER and first > last):
                return f"no value is both: {_words(name, conditions)}"
    return None


def _bound(condition: Condition) -> int | float:
    operand = read_instant(condition.operand) if isinstance(condition.operand, str) else condition.operand
    assert isinstance(operand, int | float), "the condition has been checked"
    return operand


def _no_domain(name: str, conditions: Mapping[Op, Condition]) -> str | None:
    inside, outside = conditions.get(Op.DOMAIN_IN), conditions.get(Op.DOMAIN_NOT_IN)
    if inside is None or outside is None:
        return None
    refused = DomainSet(tuple(str(each) for each in _scalars(outside)))
    entries = [str(each) for each in _scalars(inside)]
    covered = all(entry in refused or entry in _scalars(outside) for entry in entries)
    return f"no value is both: {_words(name, conditions)}" if covered else None


def _no_directory(name: str, conditions: Mapping[Op, Condition]) -> str | None:
    outside = conditions.get(Op.NOT_UNDER)
    if outside is None:
        return None
    if any(read_path(each) == "/" for each in outside.texts):
        return f"every path is under /, and so {name} is never outside of it"
    inside = conditions.get(Op.UNDER)
    beyond = judge_of((outside,))
    if inside is None or any(beyond(each) != NO for each in inside.texts):
        return None
    return f"no value is both: {_words(name, conditions)}"


def _words(name: str, conditions: Mapping[Op, Condition]) -> str:
    return describe(name, conditions.values())
