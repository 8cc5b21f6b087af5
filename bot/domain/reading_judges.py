"""Operators on texts that are read by their type: names, addresses, paths, instants.

Each judge reads the value first. A value without a reading is doubt, and so is one that equals an operand
only where case or escapes are ignored, or that looks like one: readers differ on whether the two are one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.domain.addresses import DomainSet
from bot.domain.lookalikes import look
from bot.domain.names import read_instant, read_path
from bot.domain.operators import DOMAIN_OPS, ORDER_OPS, PATH_OPS, ArgType, Condition, Op
from bot.domain.patterns import MAX_TEXT, Patterns
from bot.domain.plain_text import fold
from bot.domain.readings import READERS, Reading, domain_by
from bot.domain.verdicts import DOUBT, NO, YES, Judge, Judgement


def judge_of_reading(condition: Condition, kind: ArgType | None) -> Judge | None:
    """Return the judge of an operator that reads its value, by `kind` or by itself; None for others."""
    op, operands = condition.op, condition.texts
    if op in DOMAIN_OPS:
        return _domain(operands, kind, inside=op is Op.DOMAIN_IN)
    if op in PATH_OPS:
        return _under(operands, inside=op is Op.UNDER)
    if op in ORDER_OPS and operands:
        return _in_order(_COMPARED[op], operands[0])
    if kind is not None and kind in READERS and op in _COMPILED:
        return _COMPILED[op](operands, kind)
    return None


class _Members:
    """Operands to look a reading up in."""

    __slots__ = ("_folded", "_last_words", "_looks", "_normal")

    def __init__(self, operands: Iterable[str], kind: ArgType) -> None:
        readings = [reading for each in operands if (reading := READERS[kind](each)) is not None]
        self._normal = frozenset(each.normal for each in readings)
        self._folded = frozenset(each.folded for each in readings)
        self._last_words = frozenset(each.words[-1] for each in readings if each.words)
        self._looks = frozenset(map(look, self._last_words))

    def has(self, reading: Reading) -> bool:
        return reading.normal in self._normal

    def may_have(self, reading: Reading) -> bool:
        """Whether it may be one of these, spelt in another way or with a word that looks like a last one."""
        return reading.folded in self._folded or any(look(word) in self._looks for word in reading.words)

    def ends_with(self, reading: Reading) -> bool:
        return bool(reading.words) and reading.words[-1] in self._last_words


def _is_in(operands: Iterable[str], kind: ArgType) -> Judge:
    """A name with dots is in a list also by its last word."""
    members = _Members(operands, kind)

    def verdict(reading: Reading) -> Judgement:
        if members.has(reading) or members.ends_with(reading):
            return YES
        return DOUBT if members.may_have(reading) else NO

    return _of_reading(kind, verdict)


def _is_not_in(operands: Iterable[str], kind: ArgType) -> Judge:
    """A name is allowed only as it is listed, with all its dots."""
    members = _Members(operands, kind)

    def verdict(reading: Reading) -> Judgement:
        if members.has(reading):
            return NO
        return DOUBT if members.may_have(reading) else YES

    return _of_reading(kind, verdict)


def _matches(patterns: Iterable[str], kind: ArgType) -> Judge:
    """Patterns are tried on the text as it came and on its normal form."""
    match = Patterns(patterns).match
    read = READERS[kind]

    def judge(value: Any) -> Judgement:
        if type(value) is not str or len(value) > MAX_TEXT or (reading := read(value)) is None:
            return DOUBT
        return YES if match(value) or match(reading.normal) else NO

    return judge


def _domain(entries: tuple[str, ...], kind: ArgType | None, *, inside: bool) -> Judge:
    domains, read = DomainSet(entries), domain_by(kind)

    def judge(value: Any) -> Judgement:
        domain = read(value) if type(value) is str else None
        if domain is None:
            return DOUBT
        if domain in domains:
            return inside
        return DOUBT if domains.looks_listed(domain) else not inside

    return judge


def _under(directories: Iterable[str], *, inside: bool) -> Judge:
    """Judge by where a path leads.

    A path in another case is doubt, as file systems differ, and so is a path above a directory for `under`:
    what is done to it is done to all below it.
    """
    roots = [root for each in directories if (root := read_path(each)) is not None]
    exact = tuple(root.rstrip("/") + "/" for root in roots)
    folded = tuple(map(fold, exact))

    def judge(value: Any) -> Judgement:
        path = read_path(value) if type(value) is str else None
        if path is None:
            return DOUBT
        below = path.rstrip("/") + "/"
        if below.startswith(exact):
            return YES if inside else NO
        other = fold(below)
        if other.startswith(folded):
            return DOUBT
        if not inside:
            return YES
        return DOUBT if any(each.startswith(other) for each in folded) else NO

    return judge


def _in_order(compare: Callable[[int, int], bool], bound: str) -> Judge:
    limit = read_instant(bound)

    def judge(value: Any) -> Judgement:
        instant = read_instant(value) if type(value) is str else None
        return DOUBT if instant is None or limit is None else compare(instant, limit)

    return judge


def _of_reading(kind: ArgType, verdict: Callable[[Reading], Judgement]) -> Judge:
    read = READERS[kind]

    def judge(value: Any) -> Judgement:
        reading = read(value) if type(value) is str else None
        return DOUBT if reading is None else verdict(reading)

    return judge


_COMPILED: Mapping[Op, Callable[[Iterable[str], ArgType], Judge]] = {
    Op.EQ: _is_in,
    Op.IN: _is_in,
    Op.NE: _is_not_in,
    Op.NOT_IN: _is_not_in,
    Op.MATCHES: _matches,
}
_COMPARED: Mapping[Op, Callable[[int, int], bool]] = {
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.LT: operator.lt,
    Op.LTE: operator.le,
}
