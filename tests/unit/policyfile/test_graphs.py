"""The section that names the agents that may start each hosted graph."""

from __future__ import annotations

import pytest

from bot.policyfile import parse
from tests.unit.policyfile.making import BASE, LINES, problems


def test_a_policy_names_who_may_start_a_graph() -> None:
    policy = parse(BASE + "graphs: {refunds: {agents: [clerk, mailer]}, ops: {agents: []}}\n")
    assert policy.graphs == {"refunds": ("clerk", "mailer"), "ops": ()}
    assert parse(BASE).graphs == {}


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("graphs: {refunds: {agent: [clerk]}}", "did you mean agents?"),
        ("graphs: {refunds: {agents: [clerk, clerk]}}", "clerk"),
        ("graphs: {refunds: {agents: ['a clerk']}}", "the name of an agent"),
        ("graphs: {refunds: [clerk]}", ""),
        ("graphs: {refunds: {}}", "agents"),
        ("graphz: {refunds: {agents: [clerk]}}", "did you mean graphs?"),
    ],
)
def test_a_mistake_is_reported_with_its_place(section: str, says: str) -> None:
    found = problems(BASE + section + "\n")
    assert found
    assert found[0].startswith(f"{LINES + 1}:")
    assert any(says in problem for problem in found)
