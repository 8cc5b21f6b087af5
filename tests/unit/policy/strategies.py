"""Policies and actions made at random, within what a policy file can say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from bot.domain.action import Action
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.policy_model import DeclaredRisk, Kind, OwnSettings, RaiseRule
from bot.domain.risk import BlastRadius, Risk, Tier
from tests.unit.policy.making import CHAIN, OTHER_CHAIN, REVIEWED

RADII = st.sampled_from(list(BlastRadius))
RISKS = st.builds(Risk, st.booleans(), RADII, st.floats(0, 10))
ARGS = {
    "amount": Arg(ArgType.NUMBER),
    "to": Arg(ArgType.STRING, required=False),
    "many": Arg(ArgType.LIST, of=ArgType.STRING, required=False),
    "path": Arg(ArgType.PATH, required=False),
    "table": Arg(ArgType.IDENTIFIER, required=False),
}
RETYPED = {
    **ARGS,
    "to": Arg(ArgType.EMAIL, required=False),
    "many": Arg(ArgType.LIST, of=ArgType.EMAIL, required=False),
    "table": Arg(ArgType.STRING, required=False),
}
AMOUNTS = st.integers(-2, 10)
DOMAINS = st.lists(st.sampled_from(["a.example", "b.example", "*.a.example"]), max_size=2).map(tuple)
DIRECTORIES = st.lists(st.sampled_from(["/a", "/a/b", "/c"]), max_size=2).map(tuple)
NAMES = st.lists(st.sampled_from(["orders", "public.orders", "notes"]), max_size=2).map(tuple)
TO = st.one_of(
    st.builds(Condition, st.sampled_from([Op.DOMAIN_IN, Op.DOMAIN_NOT_IN]), DOMAINS),
    st.builds(Condition, st.sampled_from([Op.PREFIX, Op.SUFFIX]), st.sampled_from(["a", "b"])),
)
WHEN = st.fixed_dictionaries(
    {},
    optional={
        "amount": st.builds(
            Condition, st.sampled_from([Op.GT, Op.GTE, Op.LT, Op.LTE, Op.EQ, Op.NE]), AMOUNTS
        ).map(lambda each: (each,)),
        "to": TO.map(lambda each: (each,)) | TO.map(lambda each: (Condition(Op.EXISTS, True), each)),
        "many": TO.map(lambda each: (Condition(Op.ANY, (each,)),)),
        "path": st.builds(Condition, st.sampled_from([Op.UNDER, Op.NOT_UNDER]), DIRECTORIES).map(
            lambda each: (each,)
        ),
        "table": st.builds(Condition, st.sampled_from([Op.IN, Op.NOT_IN]), NAMES).map(lambda each: (each,)),
    },
).filter(bool)
RULES = st.lists(
    st.builds(
        RaiseRule,
        st.sampled_from(["one", "two", "three", "four"]),
        st.sampled_from(list(Tier)[1:]),
        WHEN,
        st.just("so"),
    ),
    max_size=4,
    unique_by=lambda rule: rule.id,
).map(tuple)
SETTINGS = st.builds(
    OwnSettings,
    st.none() | st.just("#own"),
    st.none() | st.just(("finance",)),
    st.none() | st.integers(1, 4),
    st.none() | st.floats(1, 1e6),
    st.none() | st.sampled_from([CHAIN, OTHER_CHAIN]),
)


@st.composite
def kinds(draw: st.DrawFn, name: str = "a.a") -> Kind:
    """Draw one action kind."""
    cost = draw(st.sampled_from([None, 0.5, 5.0]))
    cost_arg = draw(st.sampled_from([None, "amount"])) if cost is None else None
    tier = draw(st.sampled_from(list(Tier)))
    declared = draw(st.booleans())
    return Kind(
        name,
        DeclaredRisk(draw(st.booleans()), draw(RADII), cost, cost_arg),
        REVIEWED,
        tier,
        mandated=tier is Tier.SYNC_APPROVAL and draw(st.booleans()),
        args=draw(st.sampled_from([ARGS, RETYPED])) if declared else None,
        more_args=draw(st.booleans()),
        rules=draw(RULES),
        settings=draw(SETTINGS),
        valid_for_s=draw(st.none() | st.floats(1, 1e6)),
        idempotent=draw(st.booleans()),
    )


ADDRESSES = st.sampled_from(["x@a.example", "x@b.example", "x@c.a.example", "nonsense x", "b", ""])
ACTION_ARGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "amount": AMOUNTS | st.sampled_from([None, "5", True, 2.5]),
        "to": ADDRESSES | st.none() | st.integers(0, 9),
        "many": st.lists(ADDRESSES, max_size=3) | st.just("x@a.example"),
        "path": st.sampled_from(["/", "/a", "/A/b", "/a/b/c", "/c", "/x", "/a/../c", "a"]),
        "table": st.sampled_from(["orders", "Orders", "public.orders", "orders.id", "notes", "a b"]),
        "more": st.integers(0, 9),
    },
)


@st.composite
def actions(draw: st.DrawFn, name: str = "a.a") -> Action:
    """Draw one action of a kind."""
    return Action.of(name, draw(ACTION_ARGS), agent="bot", hint=draw(st.none() | RISKS))
