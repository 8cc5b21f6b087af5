"""Conditions on arguments: a closed set of operators, compiled to closures.

There is no expression language on purpose: a closed set is fast, cannot hang, and can be checked when the
file loads. What each operator means is in the table of `Op`. Three laws hold for all of them:

- A missing argument, and one of a type that the operator cannot judge, is **doubt**, and doubt counts as
  matched. (`exists` is the one operator that judges absence itself; JSON's null counts as absent.)
- A bool is not a number, and 5 equals 5.0.
- Plain texts are compared exactly, except by `matches` and the two domain operators. A text of a declared
  type (`email`, `path`, `identifier`, ...) is read by its one grammar first; see readings.py.

Several operators on one argument, and several arguments in one rule, must all hold. `{exists: true, gt: 5}`
thus leaves an optional argument alone if it is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.patterns import MAX_TEXT, Patterns
from bot.domain.reading_judges import judge_of_reading
from bot.domain.readings import READERS
from bot.domain.verdicts import DOUBT, NO, YES, Judge, Judgement

MAX_ITEMS = 256
"""Texts of a list that are read or judged one by one. A list with more of them is doubt."""


def has_type(arg: Arg) -> Callable[[Any], bool]:
    """Return a function that checks whether a value, not None, has the declared type."""
    if arg.type is not ArgType.LIST:
        return _TYPE_CHECKS[arg.type]
    if arg.of is None:
        return lambda value: type(value) in (list, tuple)
    item = _TYPE_CHECKS[arg.of]
    if arg.of in READERS:
        return lambda value: type(value) in (list, tuple) and _can_be_read(value) and all(map(item, value))
    return lambda value: type(value) in (list, tuple) and all(map(item, value))


def _can_be_read(values: Sequence[Any]) -> bool:
    """Whether the texts of a list are few and short enough to read each of them."""
    lengths = [len(each) for each in values if type(each) is str]
    return len(lengths) <= MAX_ITEMS and sum(lengths) <= MAX_TEXT


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and value == value)  # noqa: PLR0124  # NaN is not itself


def _is_read_by(read: Callable[[str], object]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and read(value) is not None


_TYPE_CHECKS: Mapping[ArgType, Callable[[Any], bool]] = {
    ArgType.STRING: lambda value: type(value) is str,
    ArgType.NUMBER: _is_number,
    ArgType.INTEGER: lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    ArgType.BOOLEAN: lambda value: type(value) is bool,
    ArgType.LIST: lambda value: type(value) in (list, tuple),
    ArgType.OBJECT: lambda value: type(value) is dict,
    **{kind: _is_read_by(read) for kind, read in READERS.items()},
}


def judge_of(conditions: Iterable[Condition], kind: ArgType | None = None) -> Judge:
    """Compile the conditions of one argument, which must all hold, into one judge of its value.

    The value None stands for a missing argument. `kind` is the type by which a text, or each text of a list,
    is read; None if none is declared.
    """
    judges = [_compile(condition, kind) for condition in conditions]
    return judges[0] if len(judges) == 1 else _all_hold(judges)


def judge_of_args(when: Mapping[str, tuple[Condition, ...]], declared: Mapping[str, Arg]) -> Judge:
    """Compile conditions on several arguments, which must all hold, into one judge of all the arguments."""
    return _all_hold(
        [
            _of_argument(name, judge_of(conditions, judged_as(declared.get(name))))
            for name, conditions in sorted(when.items())
        ]
    )


def judged_as(arg: Arg | None) -> ArgType | None:
    """Return the type by which conditions read a value, or each item of a list."""
    return None if arg is None else arg.of or arg.type


def _compile(condition: Condition, kind: ArgType | None) -> Judge:
    op = condition.op
    if op in _JUDGES_OF_LISTS:
        return _JUDGES_OF_LISTS[op](judge_of(condition.inner, kind))
    return judge_of_reading(condition, kind) or _JUDGES[op](condition.operand)


def _of_argument(name: str, judge: Judge) -> Judge:
    return lambda args: judge(args.get(name))


def _all_hold(judges: list[Judge]) -> Judge:
    def judge(value: Any) -> Judgement:
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
        def judge(value: Any) -> Judgement:
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
    match = Patterns(patterns).match

    def judge(value: Any) -> Judgement:
        if type(value) is not str or len(value) > MAX_TEXT:
            return DOUBT
        return YES if match(value) else NO

    return judge


def _exists(wanted: Any) -> Judge:
    return lambda value: (value is not None) is wanted


def _any(item: Judge) -> Judge:
    def judge(value: Any) -> Judgement:
        verdicts = _verdicts(item, value)
        if YES in verdicts:
            return YES
        return DOUBT if DOUBT in verdicts else NO

    return judge


def _all(item: Judge) -> Judge:
    def judge(value: Any) -> Judgement:
        verdicts = _verdicts(item, value)
        if NO in verdicts:
            return NO
        return DOUBT if DOUBT in verdicts else YES

    return judge


def _verdicts(item: Judge, value: Any) -> list[Judgement]:
    """Judge each item of a list. A value that is not a list, or is too large to judge, is doubt."""
    if type(value) not in (list, tuple) or not _can_be_read(value):
        return [DOUBT]
    return [item(each) for each in value]


_JUDGES_OF_LISTS: Mapping[Op, Callable[[Judge], Judge]] = {Op.ANY: _any, Op.ALL: _all}
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
    Op.EXISTS: _exists,
}
"""The judges that do not read the value first."""
