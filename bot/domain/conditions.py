"""Conditions on arguments: a closed set of operators, compiled to closures.

There is no expression language on purpose: a closed set is fast, cannot hang, and can be checked when the
file loads. What each operator means is in the table of `Op`. Three laws hold for all of them:

- A missing argument, and one of a type that the operator cannot judge, is **doubt**, and doubt counts as
  matched. (`exists` is the one operator that judges absence itself; JSON's null counts as absent.)
- A bool is not a number, and 5 equals 5.0.
- Texts are compared exactly, except by `matches` and the two domain operators.

Several operators on one argument, and several arguments in one rule, must all hold. `{exists: true, gt: 5}`
thus leaves an optional argument alone where it is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.domain.addresses import DomainSet, domain_of
from bot.domain.patterns import MAX_TEXT, compile_patterns

Verdict = int
"""NO, YES or DOUBT. The last two are true: doubt counts as matched."""
NO: Verdict = 0
YES: Verdict = 1
DOUBT: Verdict = 2

Judge = Callable[[Any], Verdict]
"""Judges one value."""
Scalar = str | bool | int | float


class Op(StrEnum):
    """The operators: all there are."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    NOT_IN = "not_in"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"
    MATCHES = "matches"
    """A pattern of `*`, `?` and `[a-z]` (see patterns.py) against the whole text; of several, any one."""
    DOMAIN_IN = "domain_in"
    """The domain of an address, URL or host is listed. `acme.example` is that domain alone,
    `*.acme.example` everything below it."""
    DOMAIN_NOT_IN = "domain_not_in"
    EXISTS = "exists"
    ANY = "any"
    """Some item of the list meets the operators. In an empty list there is none: not matched."""
    ALL = "all"
    """Every item of the list meets the operators. Of an empty list that is true: matched."""


class ArgType(StrEnum):
    """What an argument can be declared as."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "list"
    OBJECT = "object"


_EVERY_SCALAR = frozenset({Op.EQ, Op.NE, Op.IN, Op.NOT_IN})
_ORDER = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})
_TEXT = frozenset({Op.PREFIX, Op.SUFFIX, Op.CONTAINS, Op.MATCHES, Op.DOMAIN_IN, Op.DOMAIN_NOT_IN})

OPS_OF: Mapping[ArgType, frozenset[Op]] = {
    ArgType.STRING: _EVERY_SCALAR | _TEXT | {Op.EXISTS},
    ArgType.NUMBER: _EVERY_SCALAR | _ORDER | {Op.EXISTS},
    ArgType.INTEGER: _EVERY_SCALAR | _ORDER | {Op.EXISTS},
    ArgType.BOOLEAN: frozenset({Op.EQ, Op.NE, Op.EXISTS}),
    ArgType.LIST: frozenset({Op.ANY, Op.ALL, Op.EXISTS}),
    ArgType.OBJECT: frozenset({Op.EXISTS}),
}
"""Which operators can judge an argument of a type."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator and what it compares with.

    `operand` is a scalar; a tuple of scalars (`in`, `not_in`, `matches`, the domains, normal already); or,
    for `any` and `all`, a tuple of conditions of one item. `list_name` is the policy's list it came from.
    """

    op: Op
    operand: Scalar | tuple[Scalar, ...] | tuple[Condition, ...]
    list_name: str | None = None


@dataclass(frozen=True, slots=True)
class Arg:
    """The declaration of an argument; `of` is the type of a list's items."""

    type: ArgType
    of: ArgType | None = None
    required: bool = True
    unit: str | None = None


def has_type(arg: Arg) -> Callable[[Any], bool]:
    """Return a function that tells whether a value, not None, is what the declaration says."""
    if arg.type is not ArgType.LIST:
        return _TYPE_CHECKS[arg.type]
    if arg.of is None:
        return lambda value: type(value) in (list, tuple)
    item = _TYPE_CHECKS[arg.of]
    return lambda value: type(value) in (list, tuple) and all(map(item, value))


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and value == value)  # noqa: PLR0124  # NaN is not itself


_TYPE_CHECKS: Mapping[ArgType, Callable[[Any], bool]] = {
    ArgType.STRING: lambda value: type(value) is str,
    ArgType.NUMBER: _is_number,
    ArgType.INTEGER: lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    ArgType.BOOLEAN: lambda value: type(value) is bool,
    ArgType.LIST: lambda value: type(value) in (list, tuple),
    ArgType.OBJECT: lambda value: type(value) is dict,
}


def judge_of(conditions: Iterable[Condition]) -> Judge:
    """Compile the conditions of one argument, which must all hold, into one judge of its value.

    The value None stands for a missing argument.
    """
    judges = [_JUDGES[condition.op](condition.operand) for condition in conditions]
    return judges[0] if len(judges) == 1 else _all_hold(judges)


def judge_of_args(when: Mapping[str, tuple[Condition, ...]]) -> Judge:
    """Compile conditions on several arguments, which must all hold, into one judge of all the arguments."""
    return _all_hold([_of_argument(name, judge_of(conditions)) for name, conditions in sorted(when.items())])


def _of_argument(name: str, judge: Judge) -> Judge:
    return lambda args: judge(args.get(name))


def _all_hold(judges: list[Judge]) -> Judge:
    def judge(value: Any) -> Verdict:
        verdict = YES
        for each in judges:
            one = each(value)
            if not one:
                return NO
            verdict = max(verdict, one)
        return verdict

    return judge


def _order(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Judge]:
    def compiled(bound: Any) -> Judge:
        def judge(value: Any) -> Verdict:
            kind = type(value)
            if kind is int or (kind is float and value == value):  # noqa: PLR0124  # NaN is not itself
                return compare(value, bound)
            return DOUBT

        return judge

    return compiled


def _text(compare: Callable[[str, Any], bool]) -> Callable[[Any], Judge]:
    def compiled(operand: Any) -> Judge:
        return lambda value: compare(value, operand) if type(value) is str else DOUBT

    return compiled


def _equals(operand: Any) -> Judge:
    return _is_in((operand,))


def _differs(operand: Any) -> Judge:
    return _is_not_in((operand,))


def _same_family(operands: tuple[Any, ...]) -> Callable[[Any], bool]:
    """Return whether a value can be compared with these: all are text, all truth values, or all numbers."""
    families = {_family(operand) for operand in operands}
    return lambda value: not families or _family(value) in families


def _family(value: Any) -> str | None:
    kind = type(value)
    if kind is str:
        return "text"
    if kind is bool:
        return "truth"
    return "number" if _is_number(value) else None


def _is_in(operands: Any) -> Judge:
    members, comparable = _members(operands), _same_family(operands)
    return lambda value: (_member(value) in members) if comparable(value) else DOUBT


def _is_not_in(operands: Any) -> Judge:
    members, comparable = _members(operands), _same_family(operands)
    return lambda value: (_member(value) not in members) if comparable(value) else DOUBT


def _members(operands: Iterable[Any]) -> frozenset[Any]:
    return frozenset(_member(operand) for operand in operands)


def _member(value: Any) -> tuple[bool, Any] | None:
    """Return a value to look up: True and 1 are apart, 5 and 5.0 are the same."""
    return (type(value) is bool, value) if isinstance(value, str | bool | int | float) else None


def _matches(patterns: Any) -> Judge:
    fullmatch = compile_patterns(patterns).fullmatch

    def judge(value: Any) -> Verdict:
        if type(value) is not str or len(value) > MAX_TEXT:
            return DOUBT
        return NO if fullmatch(value) is None else YES

    return judge


def _domain(wanted: bool) -> Callable[[Any], Judge]:  # noqa: FBT001  # the two operators differ in nothing else
    def compiled(entries: Any) -> Judge:
        domains = DomainSet(entries)

        def judge(value: Any) -> Verdict:
            domain = domain_of(value) if type(value) is str else None
            return DOUBT if domain is None else (domain in domains) is wanted

        return judge

    return compiled


def _exists(wanted: Any) -> Judge:
    return lambda value: (value is not None) is wanted


def _any(conditions: Any) -> Judge:
    item = judge_of(conditions)

    def judge(value: Any) -> Verdict:
        if type(value) is not list and type(value) is not tuple:
            return DOUBT
        verdicts = [item(each) for each in value]
        if YES in verdicts:
            return YES
        return DOUBT if DOUBT in verdicts else NO

    return judge


def _all(conditions: Any) -> Judge:
    item = judge_of(conditions)

    def judge(value: Any) -> Verdict:
        if type(value) is not list and type(value) is not tuple:
            return DOUBT
        verdicts = [item(each) for each in value]
        if NO in verdicts:
            return NO
        return DOUBT if DOUBT in verdicts else YES

    return judge


_JUDGES: Mapping[Op, Callable[[Any], Judge]] = {
    Op.EQ: _equals,
    Op.NE: _differs,
    Op.GT: _order(lambda value, bound: value > bound),
    Op.GTE: _order(lambda value, bound: value >= bound),
    Op.LT: _order(lambda value, bound: value < bound),
    Op.LTE: _order(lambda value, bound: value <= bound),
    Op.IN: _is_in,
    Op.NOT_IN: _is_not_in,
    Op.PREFIX: _text(str.startswith),
    Op.SUFFIX: _text(str.endswith),
    Op.CONTAINS: _text(str.__contains__),
    Op.MATCHES: _matches,
    Op.DOMAIN_IN: _domain(wanted=True),
    Op.DOMAIN_NOT_IN: _domain(wanted=False),
    Op.EXISTS: _exists,
    Op.ANY: _any,
    Op.ALL: _all,
}
