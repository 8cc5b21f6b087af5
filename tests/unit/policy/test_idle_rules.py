"""Rules that never raise anything are named, and no rule is that raises something."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.action import Action
from bot.domain.idle_rules import idle_rules
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.policy_model import DeclaredRisk, Kind, RaiseRule
from bot.domain.policy_notes import notes_of
from bot.domain.readings import EXAMPLES, READERS
from bot.domain.risk import BlastRadius, Tier
from bot.domain.samples import NEVER_INSIDE
from tests.unit.policy.making import REVIEWED, kind, policy
from tests.unit.policy.strategies import RISKS
from tests.unit.policy.strategies import actions as some_actions
from tests.unit.policy.strategies import kinds as some_kinds

COSTLY = DeclaredRisk(reversible=True, blast_radius=BlastRadius.LOW, cost_arg="amount")
ARGS = {
    "amount": Arg(ArgType.NUMBER),
    "count": Arg(ArgType.INTEGER, required=False),
    "dry": Arg(ArgType.BOOLEAN),
    "to": Arg(ArgType.STRING),
    "note": Arg(ArgType.STRING, required=False),
    "path": Arg(ArgType.PATH),
    "table": Arg(ArgType.IDENTIFIER, required=False),
    "mail": Arg(ArgType.EMAIL, required=False),
    "at": Arg(ArgType.DATETIME, required=False),
    "many": Arg(ArgType.LIST, of=ArgType.INTEGER, required=False),
    "texts": Arg(ArgType.LIST, of=ArgType.STRING, required=False),
}
EMPTY = "many is given and some item of many > 5 and every item of many < 3"
DAY, NOON = "2026-06-01T00:00:00Z", "2026-06-01T14:00:00+02:00"


def _conditions(operators: dict[str, Any]) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            Op(op.rstrip("_")),
            _conditions(operand) if isinstance(operand, dict) else operand,
        )
        for op, operand in operators.items()
    )


def _rule(rule_id: str, to: int, /, **when: dict[str, Any]) -> RaiseRule:
    return RaiseRule(rule_id, Tier(to), {name: _conditions(each) for name, each in when.items()}, "so")


def _idle(*rules: RaiseRule, **changes: Any) -> dict[str, str]:
    made = kind(**{"args": ARGS, "more_args": True, "rules": rules, **changes})
    return {rule.id: rule.why for rule in idle_rules(made, 1.0)}


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (
            _rule("r", 1, amount={"gt": 50}),
            "amount > 50 is a cost that makes it tier 1 or higher without the rule",
        ),
        (
            _rule("r", 3, amount={"lt": 0}),
            "amount < 0 is a cost that makes it tier 3 or higher without the rule",
        ),
        (
            _rule("r", 2, dry={"eq": True, "ne": True}),
            "no dry that is as declared meets: dry is true and dry is not true",
        ),
        (
            _rule("r", 2, many={"exists": True, "any_": {"gt": 5}, "all_": {"lt": 3}}),
            f"no many that is as declared meets: {EMPTY}",
        ),
        (
            _rule("r", 2, path={"matches": ("srv/*",)}),
            'no path that is as declared meets: path matches "srv/*"',
        ),
        (
            _rule("r", 2, table={"exists": True, "matches": ("*drop table*", "a b")}),
            'no table that is as declared meets: table is given and table matches "*drop table*", "a b"',
        ),
    ],
)
def test_a_rule_that_nothing_meets(rule: RaiseRule, why: str) -> None:
    assert _idle(rule, risk=COSTLY) == {"r": why}


@pytest.mark.parametrize(
    "rule",
    [
        _rule("r", 2, amount={"gt": 50}),
        _rule("r", 1, amount={"gt": 0.5}),
        _rule("r", 2, many={"all_": {"gt": 5, "lt": 3}}),  # holds for an empty list
        _rule("r", 2, many={"any_": {"gt": 5}, "all_": {"lt": 3}}),  # in doubt where it is missing
        _rule("r", 2, texts={"exists": True, "any_": {"in_": ()}}),  # in doubt for a list of very many
        _rule("r", 2, path={"under": ("/a",), "not_under": ("/a",)}),  # in doubt for /A
        _rule("r", 2, table={"matches": ("*drop table*",)}),
        _rule("r", 2, to={"matches": ("a b",)}),
        _rule("r", 2, other={"gt": 5, "lt": 3}),  # in doubt for a text
        _rule("r", 2, note={"exists": False}),
    ],
)
def test_a_rule_that_something_meets(rule: RaiseRule) -> None:
    assert _idle(rule, risk=COSTLY) == {}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"amount": {"gt": 500}}, {"amount": {"gt": 100}}),
        ({"amount": {"gt": 500}}, {"amount": {"gte": 500}}),
        ({"amount": {"eq": 7}, "to": {"eq": "a"}}, {"amount": {"gt": 5}}),
        ({"count": {"gt": 6}}, {"count": {"gt": 5.5}}),
        ({"count": {"exists": True, "gt": 5}}, {"count": {"gt": 5}}),
        ({"to": {"in_": ("a", "b")}}, {"to": {"in_": ("a", "b", "c")}}),
        ({"to": {"eq": "drop it"}}, {"to": {"matches": ("*drop*",)}}),
        ({"to": {"not_in": ("a", "b")}}, {"to": {"ne": "a"}}),
        ({"to": {"prefix": "abc"}}, {"to": {"contains": "b"}}),
        ({"to": {"matches": ("a*",)}}, {"to": {"matches": ("a*", "b*")}}),
        ({"to": {"eq": "a"}}, {"to": {"exists": True}}),
        ({"mail": {"domain_in": ("a.example",)}}, {"mail": {"domain_in": ("a.example", "b.example")}}),
        (
            {"mail": {"domain_not_in": ("a.example", "b.example")}},
            {"mail": {"domain_not_in": ("a.example",)}},
        ),
        ({"path": {"under": ("/srv/a", "/etc")}}, {"path": {"under": ("/etc", "/srv")}}),
        ({"path": {"not_under": ("/srv",)}}, {"path": {"not_under": ("/srv/a",)}}),
        ({"at": {"gt": NOON}}, {"at": {"gte": DAY}}),
        ({"many": {"any_": {"gt": 5}}}, {"many": {"any_": {"gt": 3}}}),
        ({"undeclared": {"lt": 3}}, {"undeclared": {"lte": 3}}),
    ],
)
def test_a_rule_that_a_wider_rule_covers_is_named(narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    """It raises nothing where the wider one raises as far; it does where it raises further."""
    first, second = _rule("narrow", 2, **narrow), _rule("wide", 3, **wide)
    assert _idle(first, second) == {"narrow": "`wide` raises all of that to tier 3"}
    assert _idle(first, replace(second, to=Tier.ASYNC_APPROVAL)) == {
        "narrow": "`wide` raises all of that to tier 2"
    }
    assert _idle(replace(first, to=Tier.SYNC_APPROVAL), replace(second, to=Tier.ASYNC_APPROVAL)) == {}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"count": {"gt": 500}}, {"count": {"exists": True, "gt": 100}}),  # missing: in doubt for the first
        ({"undeclared": {"gt": 5}}, {"undeclared": {"gt": DAY}}),
        ({"undeclared": {"eq": 5}}, {"undeclared": {"in_": (5, "a")}}),
        ({"to": {"in_": ("a", "b")}}, {"to": {"in_": ("a",)}}),
        ({"path": {"under": ("/srv",)}}, {"path": {"under": ("/srv/a",)}}),
        ({"path": {"under": ("/srvs",)}}, {"path": {"under": ("/srv",)}}),
        ({"many": {"all_": {"gt": 5}}}, {"many": {"any_": {"gt": 3}}}),  # an empty list
        ({"table": {"in_": ("orders",)}}, {"table": {"matches": ("orders",)}}),  # public.orders
    ],
)
def test_a_rule_that_a_wider_one_seems_to_cover(narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    assert "narrow" not in _idle(_rule("narrow", 2, **narrow), _rule("wide", 2, **wide))


def test_a_rule_that_several_cover_together() -> None:
    rules = (
        _rule("all", 2, to={"prefix": "a"}),
        _rule("dry", 2, dry={"eq": True}),
        _rule("high", 2, dry={"eq": False}, amount={"gt": 5}),
        _rule("low", 3, amount={"lte": 5}),
    )
    assert _idle(*rules) == {"all": "`dry`, `high`, `low` together raise all of that to tier 2 or higher"}
    assert _idle(*rules[:3]) == {}


def test_one_of_two_equal_rules_is_named() -> None:
    assert list(_idle(_rule("a", 2, dry={"eq": True}), _rule("b", 2, dry={"eq": True}))) == ["b"]


def test_the_notes_of_a_policy_name_it() -> None:
    made = kind(args=ARGS, risk=COSTLY, rules=(_rule("r", 1, amount={"gt": 50}),))
    assert (
        "payment.refund: rule r never raises anything: "
        "amount > 50 is a cost that makes it tier 1 or higher without the rule"
    ) in notes_of(policy(made))


@pytest.mark.parametrize("of", list(READERS))
@pytest.mark.parametrize("sign", NEVER_INSIDE)
def test_the_signs_that_no_text_of_a_type_holds(of: ArgType, sign: str) -> None:
    text = EXAMPLES[of].split(",")[0]
    assert READERS[of](text) is not None
    for place in range(len(text) + 1):
        assert READERS[of](text[:place] + sign + text[place:]) is None


NUMBERS = st.sampled_from([-1, 0, 0.5, 1, 1.5, 2, 3])
TEXTS = st.sampled_from(["a", "ab", "b", "a b", "A", ""])
MAILS = st.sampled_from(
    ["x@a.example", "x@b.example", "X@a.example", "x@evi1.example", "x@evil.example", "x"]
)
PATHS = st.sampled_from(["/", "/a", "/A", "/a/b", "/A/b", "/a/b/c", "/c", "a", "/ab"])
TABLES = st.sampled_from(["orders", "0rders", "public.orders", "Orders", "notes", "a b"])
INSTANTS = st.sampled_from([DAY, NOON, "2026-06-01T12:00:00Z", "2026-06-02T00:00:00Z"])


def _some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=3, unique=True).map(tuple)


def _of(ops: str, operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Condition]:
    return st.builds(Condition, st.sampled_from([Op(each) for each in ops.split()]), operands)


def _both(each: st.SearchStrategy[Condition]) -> st.SearchStrategy[tuple[Condition, ...]]:
    exists = st.builds(Condition, st.just(Op.EXISTS), st.booleans())
    return st.lists(each | exists, min_size=1, max_size=2, unique_by=lambda one: one.op).map(tuple)


ORDER = "gt gte lt lte"
ON_NUMBERS = _of(f"{ORDER} eq ne", NUMBERS) | _of("in not_in", _some(NUMBERS))
ON_TEXTS = (
    _of("eq ne prefix suffix contains", TEXTS)
    | _of("in not_in", _some(TEXTS))
    | _of("matches", st.sampled_from([("a*",), ("a*", "b"), ("* *",), ("?",)]))
)
ON_MAILS = _of("domain_in domain_not_in", _some(st.sampled_from(["a.example", "*.example", "evil.example"])))
ON_TABLES = _of("in not_in matches", st.sampled_from([("orders",), ("orders", "notes"), ("a b",)]))
ON = {
    "amount": ON_NUMBERS,
    "count": ON_NUMBERS,
    "dry": _of("eq ne", st.booleans()),
    "to": ON_TEXTS,
    "note": ON_TEXTS | ON_MAILS,
    "path": _of("under not_under", _some(st.sampled_from(["/", "/a", "/a/b", "/c"])))
    | _of("matches", st.sampled_from([("/a*",), ("a*",), ("*",)])),
    "table": ON_TABLES,
    "mail": ON_MAILS,
    "at": _of(ORDER, INSTANTS),
    "many": st.builds(Condition, st.sampled_from([Op.ANY, Op.ALL]), _both(ON_NUMBERS)),
    "texts": st.builds(Condition, st.sampled_from([Op.ANY, Op.ALL]), _both(ON_TEXTS)),
    "undeclared": ON_NUMBERS | ON_TEXTS | _of(ORDER, INSTANTS),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "amount": NUMBERS | st.sampled_from([0.25, 0.75, 2.5, 50]),
    "count": st.integers(-2, 5),
    "dry": st.booleans(),
    "to": TEXTS | st.sampled_from(["abc", "c"]),
    "note": TEXTS | MAILS,
    "path": PATHS,
    "table": TABLES,
    "mail": MAILS,
    "at": INSTANTS | st.just("2026-06-01T12:00:01Z"),
    "many": st.lists(st.integers(-2, 5), max_size=3),
    "texts": st.lists(TEXTS, max_size=3),
    "undeclared": NUMBERS | TEXTS | INSTANTS | st.none() | st.booleans(),
}


@st.composite
def _kinds(draw: st.DrawFn) -> Kind:
    """Draw a kind whose rules are on few arguments, so that they often cover each other."""
    on = draw(st.lists(st.sampled_from(sorted(ON)), min_size=1, max_size=2, unique=True))
    when = st.fixed_dictionaries({}, optional={name: _both(ON[name]) for name in on}).filter(bool)
    rules = draw(st.lists(st.tuples(st.sampled_from(list(Tier)[1:]), when), min_size=1, max_size=5))
    cost_arg = draw(st.sampled_from([None, "amount", "count"]))
    return Kind(
        "a.a",
        DeclaredRisk(True, draw(st.sampled_from([BlastRadius.LOW, BlastRadius.MEDIUM])), cost_arg=cost_arg),
        REVIEWED,
        args=draw(st.sampled_from([ARGS, ARGS, ARGS, None])),
        more_args=draw(st.booleans()),
        rules=tuple(RaiseRule(f"r{n}", to, each, "so") for n, (to, each) in enumerate(rules)),
    )


@st.composite
def _actions(draw: st.DrawFn) -> Action:
    """Draw an action that mostly is as declared."""
    args = draw(st.fixed_dictionaries({}, optional=VALUES))
    required = {name: each for name, each in VALUES.items() if name in ("amount", "dry", "to", "path")}
    args = draw(st.fixed_dictionaries(required)) | args if draw(st.booleans()) else args
    return Action.of("a.a", args, agent="bot", hint=draw(st.none() | RISKS))


def _without_idle(of: Kind) -> Kind:
    idle = {rule.id for rule in idle_rules(of, 1.0)}
    return replace(of, rules=tuple(rule for rule in of.rules if rule.id not in idle))


@given(_kinds(), st.lists(_actions(), min_size=5, max_size=30))
def test_rules_that_never_raise_can_be_deleted(of: Kind, proposed: list[Action]) -> None:
    """No ruling of any action has another tier without all of the rules that are named."""
    left = _without_idle(of)
    if left.rules == of.rules:
        return
    before, after = policy(of), policy(left)
    for action in proposed:
        assert before.rule(action).tier is after.rule(action).tier


@given(some_kinds(), some_actions())
def test_rules_that_never_raise_can_be_deleted_in_every_policy(of: Kind, action: Action) -> None:
    assert policy(of).rule(action).tier is policy(_without_idle(of)).rule(action).tier
