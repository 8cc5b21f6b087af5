"""Rules of a file that raise nothing are named, and never one that raises something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.action import Action
from bot.domain.idle_rules import idle_rules
from bot.domain.policy_notes import notes_of
from bot.policyfile import parse
from tests.unit.policyfile.making import with_action

HEAD = """risk: {reversible: true, blast_radius: low, cost_usd: $cost}
reviewed: {by: U0CLEO, on: 2026-06-01, why: small}
args:
  cost: {type: number}
  table: {type: identifier}
  name: {type: string, required: false}
  sizes: {type: list, of: number, required: false}
raise:
"""
NUMBERS = st.sampled_from([-1, 0, 0.5, 1, 2, 3])
TEXTS = st.sampled_from(["a", "b", "c"])


def _policy(*rules: str) -> Any:
    return parse(with_action(HEAD + "".join(f"  - {{{rule}, because: it is so}}\n" for rule in rules)))


def _idle(*rules: str) -> list[str]:
    policy = _policy(*rules)
    return [rule.id for rule in idle_rules(policy.actions["x.y"], policy.cost_threshold_usd)]


@pytest.mark.parametrize(
    ("rules", "idle"),
    [
        (["id: a, to: 1, when: {cost: {gt: 50}}"], ["a"]),
        (["id: a, to: 2, when: {cost: {gt: 50}}"], []),
        (["id: a, to: 3, when: {cost: {lt: 0}}"], ["a"]),
        (["id: a, to: 3, when: {cost: {gt: 9}}", "id: b, to: 2, when: {cost: {gt: 10}}"], ["b"]),
        (["id: a, to: 2, when: {cost: {gt: 9}}", "id: b, to: 3, when: {cost: {gt: 10}}"], []),
        (["id: a, to: 2, when: {cost: {gte: 9}}", "id: b, to: 2, when: {cost: {gte: 9}}"], ["b"]),
        (["id: a, to: 3, when: {cost: {gt: 9}}", "id: b, to: 2, when: {cost: {gte: 9}}"], []),
        (["id: a, to: 3, when: {table: {in: [x, y]}}", "id: b, to: 3, when: {table: {in: [x]}}"], ["b"]),
        (["id: a, to: 3, when: {name: {exists: true, eq: x}}", "id: b, to: 2, when: {name: {eq: x}}"], []),
        (["id: a, to: 3, when: {table: {exists: true}}", "id: b, to: 2, when: {name: {eq: x}}"], ["b"]),
        (
            ["id: a, to: 3, when: {sizes: {any: {gt: 1}}}", "id: b, to: 2, when: {sizes: {any: {gt: 2}}}"],
            ["b"],
        ),
    ],
)
def test_a_rule_that_raises_nothing_is_named(rules: list[str], idle: list[str]) -> None:
    assert _idle(*rules) == idle
    said = [note for note in notes_of(_policy(*rules)) if "never raises" in note]
    assert [note.split()[2] for note in said] == idle


def test_conditions_on_every_item_hold_of_an_empty_list() -> None:
    """It is no contradiction: an empty list meets them."""
    policy = _policy("id: a, to: 3, when: {sizes: {exists: true, all: {gt: 5, lt: 3}}}")
    args = {"cost": 0, "table": "t", "sizes": []}
    assert policy.rule(Action.of("x.y", args, agent="a")).rule == "a"


NUMBER = st.builds(
    lambda op, n: f"cost: {{{op}: {n}}}", st.sampled_from(["gt", "gte", "lt", "lte", "ne"]), NUMBERS
)
LISTED = st.builds(
    lambda arg, op, them: f"{arg}: {{{op}: [{', '.join(sorted(them))}]}}",
    st.sampled_from(["table", "name"]),
    st.sampled_from(["in", "not_in"]),
    st.sets(TEXTS, min_size=1),
)
GIVEN = st.sampled_from(["name: {exists: true, eq: a}", "name: {exists: false}", "name: {ne: b}"])
ITEMS = st.builds(
    lambda which, op, n: f"sizes: {{{which}: {{{op}: {n}}}}}",
    st.sampled_from(["any", "all"]),
    st.sampled_from(["gt", "lte"]),
    NUMBERS,
)
RULE = st.tuples(
    st.integers(1, 3),
    st.lists(
        NUMBER | LISTED | GIVEN | ITEMS, min_size=1, max_size=2, unique_by=lambda each: each.split(":")[0]
    ),
)
ARGS = st.fixed_dictionaries(
    {"cost": NUMBERS, "table": TEXTS | st.just("x.a")},
    optional={"name": TEXTS, "sizes": st.lists(NUMBERS, max_size=2)},
)


@given(st.lists(RULE, min_size=2, max_size=4), st.lists(ARGS, min_size=1, max_size=8))
def test_no_rule_that_raises_is_named(rules: Any, tried: list[dict[str, Any]]) -> None:
    """Without the rules that are named, everything is ruled as with them."""
    written = [f"id: r{at}, to: {to}, when: {{{', '.join(when)}}}" for at, (to, when) in enumerate(rules)]
    policy = _policy(*written)
    kind = policy.actions["x.y"]
    idle = {rule.id for rule in idle_rules(kind, policy.cost_threshold_usd)}
    less = replace(kind, rules=tuple(each for each in kind.rules if each.id not in idle))
    without = replace(policy, actions={**policy.actions, "x.y": less})
    for args in tried:
        action = Action.of("x.y", args, agent="a")
        assert policy.rule(action).tier == without.rule(action).tier
