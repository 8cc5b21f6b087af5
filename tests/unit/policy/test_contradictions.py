"""Conditions that no argument can meet are found, and those that one can are left alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conditions import judge_of
from bot.domain.contradictions import why_never
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.verdicts import YES

STRINGS = Arg(ArgType.LIST, of=ArgType.STRING)


def _conditions(**operators: Any) -> tuple[Condition, ...]:
    return tuple(Condition(Op(name.rstrip("_")), operand) for name, operand in operators.items())


@pytest.mark.parametrize(
    ("arg", "operators", "why"),
    [
        (ArgType.NUMBER, {"gt": 500, "lt": 100}, "no value is both: x > 500 and x < 100"),
        (ArgType.NUMBER, {"gt": 5, "lte": 5}, "no value is both: x > 5 and x <= 5"),
        (ArgType.NUMBER, {"gte": 5, "lte": 5, "ne": 5}, "no value is both: x >= 5 and x <= 5 and x is not 5"),
        (ArgType.INTEGER, {"gt": 5, "lt": 6}, "no value is both: x > 5 and x < 6"),
        (ArgType.INTEGER, {"gte": 5.2, "lte": 5.8}, "no value is both: x >= 5.2 and x <= 5.8"),
        (ArgType.NUMBER, {"eq": 5, "gt": 10}, "no value is both: x is 5 and x > 10"),
        (ArgType.NUMBER, {"in_": (1, 2), "gt": 10}, "no value is both: x is one of 1, 2 and x > 10"),
        (ArgType.STRING, {"in_": ()}, "the list is empty, so x is never in it"),
        (ArgType.STRING, {"domain_in": ()}, "the list is empty, so x is never in it"),
        (
            ArgType.STRING,
            {"in_": ("a",), "not_in": ("a",)},
            'no value is both: x is one of "a" and x is none of "a"',
        ),
        (ArgType.STRING, {"eq": "a", "prefix": "b"}, 'no value is both: x is "a" and x begins with "b"'),
        (ArgType.BOOLEAN, {"eq": True, "ne": True}, "no value is both: x is true and x is not true"),
        (
            ArgType.STRING,
            {"domain_in": ("a.b",), "domain_not_in": ("a.b", "c.d")},
            'no value is both: x has a domain of "a.b" and x has a domain outside "a.b", "c.d"',
        ),
        (ArgType.PATH, {"under": ()}, "the list is empty, so x is never in it"),
        (ArgType.PATH, {"not_under": ("/", "/a")}, "every path is under /, and so x is never outside of it"),
        (
            ArgType.PATH,
            {"under": ("/a/b", "/c"), "not_under": ("/a", "/c")},
            'no value is both: x is under "/a/b", "/c" and x is not under "/a", "/c"',
        ),
        (
            ArgType.DATETIME,
            {"gte": "2026-06-01T10:00:00Z", "lt": "2026-06-01T12:00:00+02:00"},
            'no value is both: x >= "2026-06-01T10:00:00Z" and x < "2026-06-01T12:00:00+02:00"',
        ),
        (
            ArgType.EMAIL,
            {"eq": "eve@a.example", "domain_in": ("b.example",)},
            'no value is both: x is "eve@a.example" and x has a domain of "b.example"',
        ),
        (ArgType.STRING, {"exists": False}, "x is required, and without it the action is Tier 3 already"),
        (ArgType.STRING, {"exists": False, "eq": "a"}, "where x is absent there is nothing to compare"),
    ],
)
def test_contradictory_conditions_are_found(arg: ArgType, operators: dict[str, Any], why: str) -> None:
    assert why_never("x", _conditions(**operators), Arg(arg)) == why


@pytest.mark.parametrize(
    ("arg", "operators"),
    [
        (Arg(ArgType.NUMBER), {"gt": 100, "lt": 500}),
        (Arg(ArgType.NUMBER), {"gt": 5, "lt": 6}),
        (Arg(ArgType.NUMBER), {"gte": 5, "lte": 5}),
        (Arg(ArgType.STRING), {"prefix": "a", "suffix": "b"}),
        (Arg(ArgType.STRING), {"not_in": ()}),
        (Arg(ArgType.STRING), {"domain_in": ("*.a.b",), "domain_not_in": ("a.b",)}),
        (Arg(ArgType.STRING, required=False), {"exists": False}),
        (Arg(ArgType.STRING), {"exists": True}),
        (Arg(ArgType.PATH), {"under": ("/a",), "not_under": ("/a/b",)}),
        (Arg(ArgType.DATETIME), {"gte": "2026-06-01T10:00:00Z", "lte": "2026-06-01T12:00:00+02:00"}),
        (Arg(ArgType.IDENTIFIER), {"in_": ("orders",), "ne": "orders"}),
        (STRINGS, {"any_": (Condition(Op.EQ, "a"),), "all_": (Condition(Op.NE, "b"),)}),
        (STRINGS, {"all_": (Condition(Op.EQ, "a"), Condition(Op.NE, "a"))}),  # an empty list
        (None, {"gt": 5}),
        (None, {"any_": (Condition(Op.GT, 5),)}),
    ],
)
def test_satisfiable_conditions_are_left_alone(arg: Arg | None, operators: dict[str, Any]) -> None:
    assert why_never("x", _conditions(**operators), arg) is None


def test_within_a_list() -> None:
    inner = (Condition(Op.IN, ("a",)), Condition(Op.NOT_IN, ("a",)))
    assert why_never("x", (Condition(Op.ANY, inner),), STRINGS) == (
        'no value is both: an item of x is one of "a" and an item of x is none of "a"'
    )


BOUNDS = st.dictionaries(
    st.sampled_from([Op.GT, Op.GTE, Op.LT, Op.LTE, Op.EQ, Op.NE]), st.integers(-4, 4), min_size=1
)


@given(BOUNDS, st.sampled_from([ArgType.NUMBER, ArgType.INTEGER]))
def test_never_means_never(bounds: dict[Op, int], kind: ArgType) -> None:
    """No value of a fine grid meets a contradictory condition; some value meets every other."""
    conditions = tuple(Condition(op, bound) for op, bound in bounds.items())
    step = 1 if kind is ArgType.INTEGER else 4
    grid = [value / step for value in range(-8 * step, 8 * step + 1)]
    met = any(judge_of(conditions)(value) == YES for value in grid)
    never = why_never("x", conditions, Arg(kind)) is not None
    if never:
        assert not met
    elif Op.NE not in bounds:
        assert met
