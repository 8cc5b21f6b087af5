"""The terminal rotates the secret, states the cost, and drops no key that is still needed."""

from __future__ import annotations

import json
import re

import pytest

from bot.domain.digest import Key
from bot.settings import keyfile
from tests import fakes
from tests.acceptance.cli.conftest import Room, Shell

OLD = Key.of(fakes.SECRET.replace(b" ", b"_"))


@pytest.fixture(autouse=True)
def _secret(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the secret of the room's membrane where the commands find it."""
    monkeypatch.setattr(fakes, "SECRET", OLD.secret)
    folder = shell.folder / ".membrane"
    folder.mkdir(mode=0o700, exist_ok=True)
    keyfile.write(folder / "secret", [OLD.secret])


def keys(shell: Shell) -> list[str]:
    return [Key.of(line).id for line in (shell.folder / ".membrane" / "secret").read_bytes().split()]


async def test_a_rotation_keeps_the_old_key_and_says_what_it_costs(shell: Shell, room: Room) -> None:
    rotated = await shell.run("secret", "rotate")
    assert rotated.code == 0, rotated.err
    new, old = keys(shell)
    assert old == OLD.id
    for words in (f"The new key is {new}", "Restart the bot", f"Backups made before need {old}"):
        assert words in rotated.out
    assert not any(
        line.decode() in rotated.out for line in (shell.folder / ".membrane" / "secret").read_bytes().split()
    )
    entry = json.loads((await shell.run("journal", "show", "--json", "--event", "secret.rotated")).out)
    assert (entry["body"]["from"], entry["body"]["to"]) == (old, new)


async def test_status_says_how_many_open_actions_need_each_key(shell: Shell, room: Room) -> None:
    await room.propose("data.delete", id=1)
    await room.propose("db.read", id=1)
    await shell.run("secret", "rotate")
    found = json.loads((await shell.run("secret", "status", "--json")).out)
    assert [(each["key"], each["use"], each["open_actions"], each["may_be_dropped"]) for each in found] == [
        (keys(shell)[0], "current", 0, False),
        (OLD.id, "older", 1, False),
    ]
    assert OLD.id in (await shell.run("secret", "status")).out


async def test_a_key_goes_when_nothing_needs_it_and_no_bot_runs(shell: Shell, room: Room) -> None:
    standing = await room.propose("data.delete", id=1)
    await shell.run("secret", "rotate")
    running = await shell.run("secret", "drop", OLD.id)
    assert (running.code, "the bot runs (process" in running.err) == (2, True)
    await room.db.close()
    needed = await shell.run("secret", "drop", OLD.id)
    assert (needed.code, "of 1 open actions" in needed.err) == (2, True)
    current = await shell.run("secret", "drop", keys(shell)[0])
    assert (current.code, "it is the current one" in current.err) == (2, True)
    assert "there is no key 00000000" in (await shell.run("secret", "drop", "00000000")).err
    assert len(keys(shell)) == 2
    assert standing.action.args_digest.split(".")[1] == OLD.id


async def test_the_last_use_of_a_key_frees_it(shell: Shell, room: Room) -> None:
    standing = await room.propose("data.delete", id=1)
    await shell.run("secret", "rotate")
    await room.membrane.proposals.withdraw(standing.action.id, why="moot")
    await room.db.close()
    dropped = await shell.run("secret", "drop", OLD.id)
    assert (dropped.code, dropped.err) == (0, "")
    assert OLD.id not in keys(shell)


async def test_a_rejection_that_is_remembered_holds_its_key(shell: Shell, room: Room) -> None:
    standing = await room.propose("data.delete", id=1)
    review = standing.review
    await room.membrane.votes.cast(
        review.id, fakes.CLEO, approve=False, args_digest=standing.action.args_digest
    )
    await shell.run("secret", "rotate")
    await room.db.close()
    needed = await shell.run("secret", "drop", OLD.id)
    assert (needed.code, "1 remembered rejections" in needed.err) == (2, True)


async def test_a_secret_set_in_the_environment_is_rotated_there(shell: Shell, room: Room) -> None:
    for command in (("rotate",), ("drop", OLD.id)):
        ended = await shell.run("secret", *command, MEMBRANE_SECRET="s" * 32)
        assert ended.code == 2
        assert "MEMBRANE_SECRET_OLD" in ended.err
        assert not re.search("[0-9a-f]{64}", ended.err)
    assert keys(shell) == [OLD.id]


async def test_without_a_secret_there_is_nothing_to_rotate(shell: Shell) -> None:
    (shell.folder / ".membrane" / "secret").unlink()
    assert "the first start makes one" in (await shell.run("secret", "rotate")).err
