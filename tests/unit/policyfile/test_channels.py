"""The section that names the channels in which another company may read arguments."""

from __future__ import annotations

import pytest

from bot.domain.change import Direction
from bot.domain.policy_changes import changes_between
from bot.domain.policy_notes import notes_of
from bot.policyfile import parse
from tests.unit.policyfile.making import BASE, LINES, problems

ALLOWED = (
    BASE + 'channels: {"#agent-approvals": {allow_external: true}, C0123456789: {allow_external: false}}\n'
)


def test_a_policy_names_where_other_companies_may_read() -> None:
    assert parse(ALLOWED).external_channels == ("#agent-approvals",)
    assert parse(BASE).external_channels == ()
    assert parse(BASE).version != parse(ALLOWED).version


def test_sharing_a_channel_is_looser_and_ending_it_is_stricter() -> None:
    (change,) = changes_between(parse(BASE), parse(ALLOWED))
    assert (change.subject, change.direction) == ("channel #agent-approvals", Direction.LOOSER)
    (change,) = changes_between(parse(ALLOWED), parse(BASE))
    assert change.direction is Direction.STRICTER


def test_a_channel_that_nothing_uses_is_noted() -> None:
    policy = parse(BASE + 'channels: {"#agent-aprovals": {allow_external: true}}\n')
    assert any("#agent-aprovals: nothing is posted there" in note for note in notes_of(policy))


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ('channels: {"#a": {allow_externals: true}}', "did you mean allow_external?"),
        ('channels: {"#a": {allow_external: "yes"}}', ""),
        ("channels: {general: {allow_external: true}}", 'write "#general", quoted'),
        ('channels: ["#a"]', ""),
        ('channel: {"#a": {allow_external: true}}', "channels"),
    ],
)
def test_a_mistake_is_reported_with_its_place(section: str, says: str) -> None:
    found = problems(BASE + section + "\n")
    assert found
    assert found[0].startswith(f"{LINES + 1}:")
    assert any(says in problem for problem in found)
