"""A few values of an argument that stand for all: between two bounds of a policy all numbers are alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from bot.domain.conditions import judge_of, judged_as
from bot.domain.entailment import MAX_OPERANDS
from bot.domain.names import read_instant, read_path
from bot.domain.operators import ORDER_OPS, Arg, ArgType, Condition, Op
from bot.domain.readings import READERS

_NUMBERS = frozenset({ArgType.NUMBER, ArgType.INTEGER})
NEVER_INSIDE = ' \t\r\n"`<>'
"""Signs that no text of a type with a grammar holds; a test tries them on each."""

Conditions = tuple[Condition, ...]


class Samples(NamedTuple):
    """Values that an argument can have in an action that is as declared; None stands for a missing one.

    `complete`: every other value is judged by every condition as one of these is.
    """

    arg: Arg | None
    values: tuple[Any, ...]
    complete: bool

    def hold(self, conditions: Conditions) -> bool:
        """Whether every value that these conditions let through is among the samples."""
        if self.complete or any(each.op is Op.EXISTS and each.operand is False for each in conditions):
            return True
        is_text = self.arg is not None and self.arg.type is ArgType.STRING
        return is_text and any(_names_texts(each) for each in conditions)

    def met(self, conditions: Conditions) -> int:
        """Return which of the samples these conditions let through, in doubt too, as a set of bits."""
        judge = judge_of(conditions, judged_as(self.arg))
        return sum(1 << index for index, value in enumerate(self.values) if judge(value))


def samples_of(arg: Arg | None, used: Iterable[Conditions], *, declared_alone: bool) -> Samples:
    """Return the samples of an argument, given all conditions that a kind has on it.

    `declared_alone`: an argument without a declaration is not let through.
    """
    if arg is None:
        return Samples(None, (None,), complete=declared_alone)
    lacking = () if arg.required else (None,)
    conditions = [each for one in used for each in one]
    if arg.type in _NUMBERS:
        values: tuple[Any, ...] = numbers(conditions, whole=arg.type is ArgType.INTEGER)
        return Samples(arg, (*values, *lacking), complete=True)
    if arg.type is ArgType.BOOLEAN:
        return Samples(arg, (True, False, *lacking), complete=True)
    if arg.type is ArgType.STRING:
        texts = {text for each in conditions if _names_texts(each) for text in each.texts}
        return Samples(arg, (*sorted(texts), *lacking), complete=False)
    return Samples(arg, lacking, complete=False)


def numbers(conditions: Iterable[Condition], *more: float, whole: bool = False) -> tuple[int | float, ...]:
    """Return each number that the conditions compare with, one between each two, and one beyond each end."""
    bounds = sorted({*more, *_numbers_in(conditions)}) or [0]
    if whole:
        near = {
            n + step for each in bounds for n in (math.floor(each), math.ceil(each)) for step in (-1, 0, 1)
        }
        return tuple(sorted(near))
    between = [(low + high) / 2 for low, high in pairwise(bounds)]
    beyond = [bounds[0] - 1 - abs(bounds[0]), bounds[-1] + 1 + abs(bounds[-1])]
    return tuple(sorted({*bounds, *between, *beyond}))


def _numbers_in(conditions: Iterable[Condition]) -> Iterator[int | float]:
    for each in conditions:
        for operand in each.operands:
            if isinstance(operand, int | float) and not isinstance(operand, bool) and math.isfinite(operand):
                yield operand


def _names_texts(condition: Condition) -> bool:
    """Whether a text has to be one of few to be let through."""
    few = len(condition.operands) <= MAX_OPERANDS
    return few and condition.op in (Op.EQ, Op.IN) and len(condition.texts) == len(condition.operands)


def never_met(conditions: Conditions, arg: Arg | None) -> bool:
    """Whether no value that is as declared meets these conditions, not even in doubt.

    False if that is not known.
    """
    if arg is None:
        return False
    present = arg.required or any(each.op is Op.EXISTS and each.operand is True for each in conditions)
    samples = samples_of(arg, [conditions], declared_alone=True)
    if samples.hold(conditions) and not samples.met(conditions):
        return True
    if not present:
        return False
    if arg.type is ArgType.LIST:
        return _no_item(conditions, arg.of)
    if arg.type is ArgType.DATETIME:
        return never_met(tuple(_of_instants(conditions)), Arg(ArgType.INTEGER))
    return any(_no_text(each, arg.type) for each in conditions)


def _of_instants(conditions: Conditions) -> Iterator[Condition]:
    """Return the bounds of an instant as bounds of its microseconds."""
    for each in conditions:
        if each.op in ORDER_OPS and isinstance(each.operand, str):
            instant = read_instant(each.operand)
            if instant is not None:
                yield Condition(each.op, instant)


def _no_item(conditions: Conditions, of: ArgType | None) -> bool:
    """Whether a list would need an item that there cannot be. Very long lists of plain texts are in doubt."""
    if of is None or of is ArgType.STRING:
        return False
    of_all = tuple(inner for each in conditions if each.op is Op.ALL for inner in each.inner)
    item = Arg(of)
    return any(each.op is Op.ANY and never_met((*each.inner, *of_all), item) for each in conditions)


def _no_text(condition: Condition, kind: ArgType) -> bool:
    """Whether no text of a type with a grammar meets a condition by itself, as one on an empty list."""
    if kind not in READERS:
        return False
    if condition.op in (Op.IN, Op.DOMAIN_IN, Op.UNDER):
        return not condition.operands
    if condition.op is Op.NOT_UNDER:
        return any(read_path(each) == "/" for each in condition.texts)
    return condition.op is Op.MATCHES and not any(_may_match(each, kind) for each in condition.texts)


def _may_match(pattern: str, kind: ArgType) -> bool:
    if any(sign in pattern for sign in NEVER_INSIDE) and "[" not in pattern:
        return False
    return kind is not ArgType.PATH or pattern[0] in "/*?[\\"
