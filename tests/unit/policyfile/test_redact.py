"""`redact:` in a policy file: the paths it may name, and the hint for a wrong one."""

from __future__ import annotations

import pytest

from bot.policyfile import parse
from tests.unit.policyfile.making import problems, with_action

HIGH = "risk: {reversible: false, blast_radius: high}\n"
ARGS = "args: {card_number: {type: string}, customer: {type: object}, tags: {type: list, of: string}}\n"


def test_redacted_paths_are_part_of_the_policy() -> None:
    made = parse(with_action(f"{HIGH}{ARGS}redact: [customer.ssn, card_number]"), "p.yaml")
    assert made.actions["x.y"].redact == ("card_number", "customer.ssn")
    assert made.actions["db.read"].redact == ()


def test_without_declared_arguments_any_path_will_do() -> None:
    assert problems(with_action(f"{HIGH}redact: [anything, at.all]")) == []
    assert problems(with_action(f"{HIGH}{ARGS}more_args: true\nredact: [anything]")) == []


@pytest.mark.parametrize(
    ("redacted", "said"),
    [
        ("card_nmber", "`card_nmber` is not an argument of x.y; did you mean card_number?"),
        ("custmer.ssn", "`custmer` is not an argument of x.y; did you mean customer?"),
        ("card_number.last", "`card_number` is a string, so there is nothing at `card_number.last`"),
        ("tags.name", "`tags` is a list, so there is nothing at `tags.name`; write tags to redact all of it"),
        ("0x", "'0x' is not the name of an argument"),
    ],
)
def test_a_path_that_meets_nothing_is_an_error(redacted: str, said: str) -> None:
    (found,) = problems(with_action(f"{HIGH}{ARGS}redact: [{redacted}]"))
    assert said in found
    assert found.startswith("31:14:")


def test_a_cost_is_shown() -> None:
    text = with_action(
        "risk: {reversible: true, blast_radius: low, cost_usd: $amount}\n"
        "reviewed: {by: U0CLEO, on: 2026-06-01, why: ok}\n"
        "args: {amount: {type: number}}\nredact: [amount]"
    )
    (found,) = problems(text)
    assert "`amount` is the cost of x.y, which its card and the digest show" in found
