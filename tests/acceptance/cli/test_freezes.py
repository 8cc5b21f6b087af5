"""The stop button at the terminal holds once the command returns, beside a running bot."""

from __future__ import annotations

import json

import pytest

from bot.errors import ClaimRefused, Refusal
from tests.acceptance.cli.conftest import Room, Shell


async def approved(room: Room) -> tuple[str, str]:
    standing = await room.propose("data.delete", id=1)
    review = standing.review
    await room.membrane.votes.cast(review.id, "U0CLEO", approve=True, args_digest=review.args_digest)
    return standing.action.id, standing.action.args_digest


async def test_a_freeze_holds_from_the_commands_return_until_the_thaw(shell: Shell, room: Room) -> None:
    action, passed = await approved(room), await room.propose("db.read", id=1)
    ended = await shell.run("freeze", "all", "--why", "incident 42", "--until", "2h")
    assert (ended.code, "everything is frozen by" in ended.out, "incident 42" in ended.out) == (0, True, True)
    for action_id, digest in (action, (passed.action.id, passed.action.args_digest)):
        with pytest.raises(ClaimRefused, match="incident 42") as refused:
            await room.membrane.claims.start(action_id, digest)
        assert refused.value.reason is Refusal.FROZEN
    assert (await room.propose("db.read", id=2)).action.state == "frozen"

    listed = await shell.run("freeze", "--list")
    assert [word in listed.out for word in ("all", "at the terminal", "incident 42")] == [True] * 3
    assert (await shell.run("thaw", "all")).out == "all is thawed.\n"
    await room.membrane.claims.start(*action)
    assert (await shell.run("freeze", "--list", "--json")).out == "[]\n"
    chain = await shell.run("journal", "show", "--json", "--event", "freeze.began")
    assert json.loads(chain.out)["writer"] == "cli"
    assert (await shell.run("journal", "verify")).code == 0


async def test_freezing_an_unknown_name_warns(shell: Shell, room: Room) -> None:
    await room.membrane.tokens.create("mailer", "U0GUS")
    ended = await shell.run("freeze", "mailr", "--why", "x")
    assert ended.code == 0
    assert "no agent, kind or graph is named mailr. Did you mean mailer?" in ended.err
    assert "is named" not in (await shell.run("freeze", "mailer", "--why", "x")).err
    assert (await shell.run("freeze", "--list", "--json")).out.count('"name"') == 2


@pytest.mark.parametrize(
    "line",
    [
        ("freeze",),
        ("freeze", "all"),
        ("freeze", "all", "--why", "x", "--until", "soon"),
        ("freeze", "all", "--why", "x", "--until", "9999-12-31T23:59:59-14:00"),
    ],
)
async def test_missing_or_wrong_arguments_are_a_wrong_command(
    shell: Shell, room: Room, line: tuple[str, ...]
) -> None:
    ended = await shell.run(*line)
    assert (ended.code, ended.out) == (2, "")


async def test_thawing_a_name_that_is_not_frozen_is_an_error(shell: Shell, room: Room) -> None:
    ended = await shell.run("thaw", "all")
    assert ended.code != 0
    assert "nothing named 'all' is frozen" in ended.err


async def test_an_operators_token_is_listed_as_an_operators(shell: Shell, room: Room) -> None:
    made = await shell.run("token", "create", "--operator", "pager", "--owner", "U0CLEO")
    assert "pager may freeze and thaw, and nothing else" in made.err
    listed = json.loads((await shell.run("token", "list", "--json")).out)
    assert [(each["agent"], each["role"]) for each in listed] == [("pager", "operator")]
    assert (await shell.run("token", "create", "--owner", "U0CLEO")).code == 2
