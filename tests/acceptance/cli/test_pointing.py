"""A policy loses a group: commands name the reviews that wait for it and let another group decide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.cli.conftest import Room, Shell
from tests.acceptance.cli.test_doctor import POLICY

OLD = POLICY.replace("oncall", "platform")


@pytest.fixture
def renamed(shell: Shell) -> dict[str, str]:
    """A policy in which `leads` of the open reviews are `captains`."""
    (shell.folder / "policy.yaml").write_text(OLD.replace("leads", "captains"))
    return {"MEMBRANE_POLICY": "policy.yaml"}


async def test_a_check_names_the_reviews_that_a_policy_strands(
    shell: Shell, room: Room, renamed: dict[str, str]
) -> None:
    asked = await room.propose("data.delete", id=1)
    ended = await shell.run("policy", "check", "policy.yaml", **renamed)
    assert ended.code == 0
    assert f"1 open review waits for leads, which the policy does not name: {asked.review.id}" in ended.out
    assert "(data.delete). Now nobody can decide it" in ended.out
    assert "membrane reviews point leads GROUP" in ended.out
    told = json.loads((await shell.run("policy", "check", "--json", "policy.yaml", **renamed)).out)
    assert any("waits for leads" in note for note in told[0]["notes"])


async def test_a_check_without_a_database_says_nothing_of_it(shell: Shell, renamed: dict[str, str]) -> None:
    ended = await shell.run("policy", "check", "policy.yaml", **renamed)
    assert (ended.code, "open review" in ended.out) == (0, False)
    assert not (shell.folder / ".membrane").exists()


async def test_a_diff_says_where_a_renamed_group_went(shell: Shell, renamed: dict[str, str]) -> None:
    Path("old.yaml").write_text(OLD)
    ended = await shell.run("policy", "diff", "old.yaml", "policy.yaml", **renamed)
    assert "captains leads to the same people" in ended.out
    assert "membrane reviews point leads captains" in ended.out


async def test_a_command_lets_another_group_decide(shell: Shell, room: Room, renamed: dict[str, str]) -> None:
    asked = await room.propose("data.delete", id=1)
    ended = await shell.run("reviews", "point", "leads", "captains", **renamed)
    assert (ended.code, ended.out) == (0, "captains decides in place of leads now: 1 open review.\n")
    chain = await shell.run("journal", "show", "--json", "--event", "people.pointed")
    said = json.loads(chain.out)
    assert said["review_id"] is None
    assert asked.review.pending


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("leads", "captain"), "did you mean captains?"),
        (("captains", "platform"), "so its own people decide its reviews"),
        (("nobody", "captains"), "no open review waits for 'nobody'"),
    ],
)
async def test_a_pointer_that_leads_nowhere_is_refused(
    shell: Shell, room: Room, renamed: dict[str, str], names: tuple[str, str], says: str
) -> None:
    await room.propose("data.delete", id=1)
    ended = await shell.run("reviews", "point", *names, **renamed)
    assert ended.code != 0
    assert says in ended.err
