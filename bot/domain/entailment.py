"""Tells whether one condition follows from others: every value that meets them meets it too.

Doubt counts as met, so the wider condition has to be in doubt wherever the narrower one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bot.domain.names import read_instant, read_path
from bot.domain.operators import Condition, Op

MAX_OPERANDS = 200
"""Entries of a list at most. The answer for a longer list is "not known"."""

_UPWARD = frozenset({Op.GT, Op.GTE})
_DOWNWARD = frozenset({Op.LT, Op.LTE})
_OPEN = frozenset({Op.GT, Op.LT})
_LISTED = frozenset({Op.EQ, Op.IN})
_NOT_LISTED = frozenset({Op.NE, Op.NOT_IN})


def follows(condition: Condition, given: Iterable[Condition]) -> bool:
    """Whether a value of any type that all of `given` let through is let through by `condition` too.

    False if that is not known. None, a missing argument, is a value like others.
    """
    return any(condition == each or _follows_from(condition, each) for each in given)


def _follows_from(condition: Condition, given: Condition) -> bool:
    op, other = condition.op, given.op
    if op is other and op in (Op.ANY, Op.ALL):
        return all(follows(each, given.inner) for each in condition.inner)
    if max(len(condition.operands), len(given.operands)) > MAX_OPERANDS:
        return False
    if (op in _UPWARD and other in _UPWARD) or (op in _DOWNWARD and other in _DOWNWARD):
        return _bound_follows(condition, given)
    if op in _LISTED and other in _LISTED:
        return _one_family(condition, given) and _members(given) <= _members(condition)
    if op in _NOT_LISTED and other in _NOT_LISTED:
        return _one_family(condition, given) and _members(condition) <= _members(given)
    rule = _TEXTS.get((op, other))
    return rule is not None and rule(condition, given)


def _bound_follows(condition: Condition, given: Condition) -> bool:
    """Whether a bound is no stricter than another. Two instants or two numbers, else the doubts differ."""
    bound, other = _bound(condition), _bound(given)
    if bound is None or other is None or isinstance(condition.operand, str) != isinstance(given.operand, str):
        return False
    if bound == other:
        return condition.op not in _OPEN or given.op in _OPEN
    return bound < other if condition.op in _UPWARD else bound > other


def _bound(condition: Condition) -> int | float | None:
    operand = condition.operand
    if isinstance(operand, str):
        return read_instant(operand)
    return operand if isinstance(operand, int | float) and not isinstance(operand, bool) else None


def _one_family(condition: Condition, given: Condition) -> bool:
    """Whether all operands of the two are of one family, so that both doubt the same values."""
    families = {_family(each) for each in (*condition.operands, *given.operands)}
    return len(families) == 1 and bool(condition.operands) and bool(given.operands)


def _family(operand: object) -> str:
    return "truth" if isinstance(operand, bool) else "text" if isinstance(operand, str) else "number"


def _members(condition: Condition) -> frozenset[object]:
    return frozenset(condition.operands)


def _subset(condition: Condition, given: Condition) -> bool:
    return _members(given) <= _members(condition)


def _superset(condition: Condition, given: Condition) -> bool:
    return _members(condition) <= _members(given)


def _all_below(these: Condition, those: Condition) -> bool:
    """Whether each of these directories is one of those, or below one."""
    roots = [root.rstrip("/") + "/" for each in those.texts if (root := read_path(each)) is not None]
    paths = [read_path(each) for each in these.texts]
    return all(path is not None and f"{path.rstrip('/')}/".startswith(tuple(roots)) for path in paths)


def _piece(holds: Callable[[str, str], bool]) -> Callable[[Condition, Condition], bool]:
    def follows_from(condition: Condition, given: Condition) -> bool:
        (piece, text) = (condition.operand, given.operand)
        return isinstance(piece, str) and isinstance(text, str) and holds(text, piece)

    return follows_from


_TEXTS: Mapping[tuple[Op, Op], Callable[[Condition, Condition], bool]] = {
    (Op.MATCHES, Op.MATCHES): _subset,
    (Op.DOMAIN_IN, Op.DOMAIN_IN): _subset,
    (Op.DOMAIN_NOT_IN, Op.DOMAIN_NOT_IN): _superset,
    (Op.UNDER, Op.UNDER): lambda condition, given: _all_below(given, condition),
    (Op.NOT_UNDER, Op.NOT_UNDER): _all_below,
    (Op.PREFIX, Op.PREFIX): _piece(str.startswith),
    (Op.SUFFIX, Op.SUFFIX): _piece(str.endswith),
    (Op.CONTAINS, Op.CONTAINS): _piece(str.__contains__),
    (Op.CONTAINS, Op.PREFIX): _piece(str.__contains__),
    (Op.CONTAINS, Op.SUFFIX): _piece(str.__contains__),
}
"""Pairs of operators: when a condition with the first follows from one with the second."""
