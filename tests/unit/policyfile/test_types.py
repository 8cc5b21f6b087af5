"""Types of text in a policy file: loading, refusals with their places, notes, and changes that loosen."""

# ruff: noqa: E501  # messages stand here as an admin sees them

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.conditions import judge_of
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.patterns import MAX_EFFORT
from bot.domain.policy_changes import changes_between
from bot.domain.policy_notes import notes_of
from bot.policyfile import parse
from tests.unit.policy.making import kind, policy, rule
from tests.unit.policyfile.making import BASE, problems, with_action
from tests.unit.policyfile.test_errors import HIGH, LOW

ARGS = (
    "args: {to: {type: list, of: email}, link: {type: url}, host: {type: hostname}, path: {type: path}, "
    "table: {type: identifier}, at: {type: datetime}, text: {type: string}}\n"
)
EVERY_RULE = """\
raise:
  - {id: r1, to: 3, when: {to: {any: {domain_not_in: $partners}}}, because: so}
  - {id: r2, to: 3, when: {link: {domain_in: [evil.example]}}, because: so}
  - {id: r3, to: 3, when: {host: {in: [a.example]}}, because: so}
  - {id: r4, to: 3, when: {path: {not_under: /tmp}}, because: so}
  - {id: r5, to: 3, when: {path: {under: [/prod, /srv/prod/]}}, because: so}
  - {id: r6, to: 3, when: {path: {under: $roots}}, because: so}
  - {id: r7, to: 3, when: {table: {not_in: $tables}}, because: so}
  - {id: r8, to: 3, when: {at: {gte: 2026-06-01T09:00:00Z, lt: 2026-07-01T09:00:00+02:00}}, because: so}
  - {id: r9, to: 3, when: {to: {all: {matches: "*@a.example"}}}, because: so}
"""
WITH_ROOTS = BASE.replace("lists:\n", "lists:\n  roots: [/prod, /etc]\n")


def with_rule(when: str) -> str:
    """Return the policy with a kind of tier 0 that one rule raises."""
    return with_action(f"{LOW}{ARGS}raise:\n  - {{id: r1, to: 3, when: {when}, because: so}}")


def test_every_type_and_operator_loads() -> None:
    made = parse(with_action(LOW + ARGS + EVERY_RULE).replace(BASE, WITH_ROOTS))
    args = made.actions["x.y"].args
    assert args is not None
    assert args["to"] == Arg(ArgType.LIST, of=ArgType.EMAIL)
    rules = {each.id: each.when for each in made.actions["x.y"].rules}
    assert rules["r4"]["path"] == (Condition(Op.NOT_UNDER, ("/tmp",)),)
    assert rules["r5"]["path"] == (Condition(Op.UNDER, ("/prod", "/srv/prod")),)
    assert rules["r6"]["path"] == (Condition(Op.UNDER, ("/etc", "/prod"), "roots"),)
    assert notes_of(made) == ()


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (
            "{path: {prefix: /prod/}}",
            "33:39: `prefix` cannot judge path, which is declared path; operators for it: eq, exists, in, matches, ne, not_in, not_under, under",
        ),
        (
            "{text: {under: /prod}}",
            "33:39: `under` cannot judge text, which is declared string; declare it {type: path}",
        ),
        (
            "{path: {under: /prod/../x}}",
            "33:46: '/prod/../x' is not a directory in plain form; write an absolute path such as /srv/prod, without .., // and patterns",
        ),
        (
            "{path: {under: $tables}}",
            "18:12: 'orders' is not a directory, and `under` reads this list as directories; write an absolute path, as /srv/prod",
        ),
        ("{path: {under: $tabels}}", "33:46: list `tabels` is not in `lists`; did you mean tables?"),
        ("{path: {under: []}}", "33:46: nothing is named here; write at least 1, or delete the key"),
        (
            "{table: {in: [a; b]}}",
            "33:45: table is declared identifier and is never 'a; b'; write it as customers, or public.customers",
        ),
        (
            "{link: {eq: acme.example}}",
            "33:43: link is declared url and is never 'acme.example'; write it as https://acme.example/a, without a user",
        ),
        (
            "{at: {gt: 5}}",
            "33:41: at is declared datetime and is never 5; write it as 2026-06-01T09:00:00Z, with its offset",
        ),
        (
            "{at: {gt: 2026-06-01}}",
            "33:41: '2026-06-01' is not an instant; write it with its offset, as 2026-01-05T09:00:00Z",
        ),
        (
            "{at: {gt: 2026-06-01T09:00:00Z, lt: 2026-06-01T10:00:00+02:00}}",
            '33:36: rule `r1` can never fire: no value is both: at > "2026-06-01T09:00:00Z" and at < "2026-06-01T10:00:00+02:00"; correct the condition, or delete the rule',
        ),
        (
            "{path: {not_under: /}}",
            "33:38: rule `r1` can never fire: every path is under /, and so path is never outside of it; correct the condition, or delete the rule",
        ),
        (
            "{path: {under: /srv/a, not_under: [/srv]}}",
            '33:38: rule `r1` fires only in doubt: no value is both: path is not under "/srv" and path is under "/srv/a"; correct the condition, or delete the rule',
        ),
    ],
)
def test_an_operator_that_does_not_fit_its_type_is_refused(when: str, said: str) -> None:
    assert problems(with_rule(when)) == [said]


def test_an_unknown_item_type_is_refused() -> None:
    assert problems(with_action(HIGH + "args: {to: {type: list, of: mail}, x: {type: list, of: list}}")) == [
        "30:33: 'mail' is not possible here; write string, number, integer, boolean, list, object, email, url, hostname, path, identifier or datetime",
        "30:60: a list of lists has no type here; write {type: list, of: object}, or flatten it",
    ]


def test_patterns_that_take_too_long_are_refused_where_they_stand() -> None:
    """Each is legal alone; all of a kind together are tried on one action."""
    patterns = ", ".join(f'"*{letter}{"?" * 39}z*"' for letter in "abc")
    rules = f"raise:\n  - {{id: r1, to: 2, when: {{text: {{matches: [{patterns}]}}}}, because: so}}\n"
    assert problems(with_action(LOW + ARGS + rules)) == []
    rules += '  - {id: r2, to: 3, when: {to: {any: {matches: ["*a*", "*b*", "*c*"]}}}, because: so}\n'
    assert problems(with_action(LOW + ARGS + rules)) == [
        f"34:52: the patterns of x.y make 129 passes over a text; the limit is {MAX_EFFORT}; a pattern takes one pass, and a part with ? or [a-z] between two stars takes as many more as it has characters; write fewer or shorter ones"
    ]


@pytest.mark.parametrize(
    ("when", "note"),
    [
        (
            "{text: {domain_in: $partners}}",
            "x.y: rule r1 asks for the domain of text, a plain text, and doubts what could be both an address and a URL; declare it {type: email}, url or hostname",
        ),
        (
            "{text: {prefix: /prod/}}",
            "x.y: rule r1 looks at a piece of text, a plain text, and one path has many spellings; for a path declare it {type: path} and ask under or not_under",
        ),
        (
            "{text: {in: $tables}}",
            "x.y: rule r1 lists texts that text must not be, and another spelling is not listed; declare it {type: identifier}, or list what is fine: not_in",
        ),
    ],
)
def test_a_rule_on_plain_text_gets_a_note(when: str, note: str) -> None:
    assert note in notes_of(parse(with_rule(when)))


@pytest.mark.parametrize(
    ("before", "after", "operator", "direction"),
    [
        (ArgType.EMAIL, ArgType.STRING, Condition(Op.DOMAIN_NOT_IN, ("a.example",)), "looser"),
        (ArgType.STRING, ArgType.EMAIL, Condition(Op.DOMAIN_NOT_IN, ("a.example",)), "stricter"),
        (ArgType.STRING, ArgType.IDENTIFIER, Condition(Op.IN, ("a",)), "stricter"),
        (ArgType.STRING, ArgType.IDENTIFIER, Condition(Op.NOT_IN, ("a",)), "maybe looser"),
        (ArgType.EMAIL, ArgType.URL, Condition(Op.DOMAIN_IN, ("a.example",)), "maybe looser"),
    ],
)
def test_a_change_of_a_type(before: ArgType, after: ArgType, operator: Condition, direction: str) -> None:
    old, new = (
        policy(kind(args={"x": Arg(each)}, rules=(rule(3, "x", operator),))) for each in (before, after)
    )
    assert [change.direction for change in changes_between(old, new)] == [direction]
    many_old, many_new = (
        replace(made.actions["payment.refund"], args={"x": Arg(ArgType.LIST, of=each)})
        for made, each in ((old, before), (new, after))
    )
    found = changes_between(policy(replace(many_old, rules=())), policy(replace(many_new, rules=())))
    assert [change.what for change in found] == [
        f"argument x is of type list of {after} now; it was list of {before}"
    ]


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        (Condition(Op.UNDER, ("/a",)), Condition(Op.UNDER, ("/a", "/b")), "stricter"),
        (Condition(Op.NOT_UNDER, ("/a",)), Condition(Op.NOT_UNDER, ("/a", "/b")), "looser"),
        (Condition(Op.UNDER, ("/a",)), Condition(Op.UNDER, ("/b",)), "maybe looser"),
        (Condition(Op.UNDER, ("/a",)), Condition(Op.NOT_UNDER, ("/a",)), "maybe looser"),
    ],
)
def test_a_change_of_directories(before: Condition, after: Condition, direction: str) -> None:
    old, new = (policy(kind(rules=(rule(3, "x", each),))) for each in (before, after))
    assert [change.direction for change in changes_between(old, new)] == [direction]


def test_a_directory_is_read_as_a_path_also_where_nothing_is_declared() -> None:
    assert judge_of([Condition(Op.UNDER, ("/prod",))])("/./prod/a")
