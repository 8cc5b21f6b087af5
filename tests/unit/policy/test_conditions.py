"""Each operator holds, fails or is in doubt for the right values."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conditions import judge_of, judge_of_args
from bot.domain.operators import OPS_OF, ArgType, Condition, Op
from bot.domain.verdicts import DOUBT, NO, YES
from bot.domain.wording import describe

NOT_NUMBERS: list[Any] = [None, "5", True, [], {}, math.nan]
NOT_TEXTS: list[Any] = [None, 5, True, [], {}]


@pytest.mark.parametrize(
    ("op", "operand", "holds", "not_so", "doubtful"),
    [
        (Op.EQ, 5, [5, 5.0], [4, 5.1], NOT_NUMBERS),
        (Op.EQ, "a", ["a"], ["A", "a ", ""], NOT_TEXTS),
        (Op.EQ, True, [True], [False], [None, 1, 0, "true"]),
        (Op.NE, 5, [4], [5, 5.0], NOT_NUMBERS),
        (Op.NE, "a", ["A"], ["a"], NOT_TEXTS),
        (Op.NE, False, [True], [False], [None, 1, 0, "false"]),
        (Op.GT, 500, [500.01, 501, math.inf], [500, -1], NOT_NUMBERS),
        (Op.GTE, 500, [500, 501], [499.99], NOT_NUMBERS),
        (Op.LT, 500, [499, -math.inf], [500, 501], NOT_NUMBERS),
        (Op.LTE, 500, [500, 499], [501], NOT_NUMBERS),
        (Op.IN, (1, 2), [1, 2.0], [3], NOT_NUMBERS),
        (Op.IN, ("a", "b"), ["a"], ["c"], NOT_TEXTS),
        (Op.IN, ("a", 1), ["a", 1], ["b", 2], [None, True, []]),
        (Op.NOT_IN, ("a",), ["b"], ["a"], NOT_TEXTS),
        (Op.NOT_IN, (1,), [2], [1.0], NOT_NUMBERS),
        (Op.NOT_IN, (), ["b", 1], [], []),
        (Op.PREFIX, "ab", ["ab", "abc"], ["ba", "Ab"], NOT_TEXTS),
        (Op.SUFFIX, "bc", ["bc", "abc"], ["cb"], NOT_TEXTS),
        (Op.CONTAINS, "b", ["abc"], ["ac", "B"], NOT_TEXTS),
        (Op.MATCHES, ("*drop*", "x?z"), ["DROP TABLE", "xyz"], ["xz", "dro p"], [*NOT_TEXTS, "a" * 8193]),
        (
            Op.DOMAIN_IN,
            ("evil.example",),
            ["a@EVIL.example"],
            ["a@acme.example"],
            [*NOT_TEXTS, "a b", "a@evil.example."],
        ),
        (Op.DOMAIN_NOT_IN, ("acme.example",), ["a@b.example"], ["a@acme.example"], [*NOT_TEXTS, ""]),
        (Op.EXISTS, True, ["", 0, False, []], [None], []),
        (Op.EXISTS, False, [None], ["", 0, False, []], []),
    ],
)
def test_an_operator(op: Op, operand: Any, holds: list[Any], not_so: list[Any], doubtful: list[Any]) -> None:
    judge = judge_of([Condition(op, operand)])
    assert [judge(value) for value in holds] == [YES] * len(holds)
    assert [judge(value) for value in not_so] == [NO] * len(not_so)
    assert [judge(value) for value in doubtful] == [DOUBT] * len(doubtful)


@pytest.mark.parametrize(
    ("op", "value", "verdict"),
    [
        (Op.ANY, ["a@acme.example", "b@evil.example"], YES),
        (Op.ANY, ["a@acme.example"], NO),
        (Op.ANY, ["a@acme.example", "nonsense x"], DOUBT),
        (Op.ANY, ["nonsense x", "b@evil.example"], YES),
        (Op.ANY, [], NO),
        (Op.ANY, "a@evil.example", DOUBT),
        (Op.ANY, None, DOUBT),
        (Op.ALL, ["b@evil.example"], YES),
        (Op.ALL, ["a@acme.example", "b@evil.example"], NO),
        (Op.ALL, ["b@evil.example", 5], DOUBT),
        (Op.ALL, [], YES),
        (Op.ALL, {}, DOUBT),
    ],
)
def test_any_and_all(op: Op, value: Any, verdict: int) -> None:
    """In an empty list no item holds, so `any` fails and `all` holds."""
    outside = Condition(Op.DOMAIN_NOT_IN, ("acme.example",))
    assert judge_of([Condition(op, (outside,))])(value) == verdict


def test_all_operators_of_an_argument_must_hold() -> None:
    between = judge_of([Condition(Op.GT, 1), Condition(Op.LT, 5)])
    assert [between(value) for value in (1, 2, 5, None)] == [NO, YES, NO, DOUBT]


def test_exists_leaves_an_absent_argument_alone() -> None:
    """Doubt raises, so a rule over an optional argument says `exists: true` first."""
    for conditions in ([Condition(Op.GT, 5), Condition(Op.EXISTS, True)], [Condition(Op.EXISTS, True)]):
        assert judge_of(conditions)(None) == NO


def test_all_arguments_of_a_rule_must_hold() -> None:
    judge = judge_of_args({"a": (Condition(Op.GT, 1),), "b": (Condition(Op.EQ, "x"),)}, {})
    assert judge({"a": 2, "b": "x"}) == YES
    assert judge({"a": 2, "b": "y"}) == NO
    assert judge({"a": 2}) == DOUBT
    assert judge({"b": "y"}) == NO


def test_every_operator_is_for_some_type() -> None:
    assert frozenset().union(*OPS_OF.values()) == frozenset(Op)
    assert OPS_OF.keys() == set(ArgType)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
CONDITIONS = st.one_of(
    st.builds(Condition, st.sampled_from([Op.EQ, Op.NE]), st.booleans() | st.integers() | st.text()),
    st.builds(Condition, st.sampled_from([Op.GT, Op.GTE, Op.LT, Op.LTE]), st.integers()),
    st.builds(
        Condition,
        st.sampled_from([Op.IN, Op.NOT_IN]),
        st.lists(st.booleans() | st.integers() | st.text()).map(tuple),
    ),
    st.builds(Condition, st.sampled_from([Op.PREFIX, Op.SUFFIX, Op.CONTAINS]), st.text(min_size=1)),
    st.builds(Condition, st.sampled_from([Op.DOMAIN_IN, Op.DOMAIN_NOT_IN]), st.just(("acme.example",))),
    st.builds(Condition, st.just(Op.MATCHES), st.just(("*a?b*",))),
)


@given(CONDITIONS, JSON)
def test_every_value_has_a_verdict(condition: Condition, value: Any) -> None:
    """An operator answers for any value and never raises; null is always in doubt."""
    assert judge_of([condition])(value) in (NO, YES, DOUBT)
    if condition.operand != ():
        assert judge_of([condition])(None) == DOUBT


@given(CONDITIONS, st.lists(JSON))
def test_any_and_all_are_each_others_mirror(condition: Condition, values: list[Any]) -> None:
    """All hold exactly where none fails; one verdict is doubt only if the other is not clear either."""
    every = judge_of([Condition(Op.ALL, (condition,))])(values)
    some = judge_of([Condition(Op.ANY, (condition,))])(values)
    verdicts = [judge_of([condition])(value) for value in values]
    assert every == (NO if NO in verdicts else DOUBT if DOUBT in verdicts else YES)
    assert some == (YES if YES in verdicts else DOUBT if DOUBT in verdicts else NO)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition(Op.GT, 500), "x > 500"),
        (Condition(Op.LTE, 12000), "x <= 12,000"),
        (Condition(Op.EQ, True), "x is true"),
        (Condition(Op.NE, "a"), 'x is not "a"'),
        (Condition(Op.IN, ("a", "b", "c", "d", "e")), 'x is one of "a", "b", "c" and 2 more'),
        (Condition(Op.NOT_IN, ("a",), "allowed"), "x is none of allowed"),
        (Condition(Op.DOMAIN_NOT_IN, ("a.b",), "partners"), "x has a domain outside partners"),
        (Condition(Op.MATCHES, ("*a*",)), 'x matches "*a*"'),
        (Condition(Op.EXISTS, False), "x is absent"),
        (Condition(Op.ANY, (Condition(Op.GT, 5), Condition(Op.LT, 9))), "some item of x > 5 and < 9"),
        (Condition(Op.ALL, (Condition(Op.PREFIX, "a"),)), 'every item of x begins with "a"'),
    ],
)
def test_a_condition_in_words(condition: Condition, words: str) -> None:
    assert describe("x", [condition]) == words
