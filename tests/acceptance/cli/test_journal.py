"""The journal is verified, anchored, exported and pruned beside a running bot."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import bot
from bot.file_lock import acquire
from bot.membrane.retention import LOCK
from tests.acceptance.cli.conftest import PROGRAM, Room, Shell

HERE = str(Path(bot.__file__).parents[1])


async def some(room: Room, count: int) -> None:
    await asyncio.gather(*(room.propose("db.read", n=number) for number in range(count)))
    await room.propose("data.delete", n=count)


def tamper(room: Room, *statements: str) -> None:
    with closing(sqlite3.connect(room.db.path)) as raw, raw:
        for trigger in ("journal_no_update", "journal_no_delete"):
            raw.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        for statement in statements:
            raw.execute(statement)


def age(room: Room, seconds: float) -> None:
    """Make every record older, so that no test waits for days."""
    with closing(sqlite3.connect(room.db.path)) as raw, raw:
        raw.execute("UPDATE actions SET proposed_at = proposed_at - ?", (seconds,))


async def test_an_anchor_kept_elsewhere_shows_a_truncated_journal(shell: Shell, room: Room) -> None:
    await some(room, 5)
    printed = await shell.run("journal", "anchor")
    assert printed.code == 0
    assert json.loads(printed.out)["chains"]["bot.tier0"]["seq"] == 5
    kept = shell.folder / "anchors.jsonl"
    kept.write_text(printed.out)
    assert (await shell.run("journal", "verify", "--anchor", str(kept))).code == 0
    tamper(room, "DELETE FROM journal WHERE writer = 'bot.tier0' AND seq > 3")
    assert (await shell.run("journal", "verify")).code == 0
    told = await shell.run("journal", "verify", "--anchor", str(kept))
    assert told.code == 1
    assert "bot.tier0 4: is missing, with all up to entry 5" in told.out


async def test_an_export_verifies_without_the_database(shell: Shell, room: Room) -> None:
    await some(room, 5)
    written = await shell.run("journal", "export", "--out", "audit.jsonl.gz")
    assert (written.code, written.out) == (0, "audit.jsonl.gz: 7 entries.\n")
    elsewhere = {"MEMBRANE_DATA": str(shell.folder / "nothing-here")}
    verified = await shell.run("journal", "verify", "--file", "audit.jsonl.gz", **elsewhere)
    assert (verified.code, verified.out) == (0, "The journal is whole: 7 entries.\n")
    again = await shell.run("journal", "export", "--out", "audit.jsonl.gz")
    assert again.code == 2
    assert "is there already" in again.err


async def test_an_export_goes_into_a_pipe(shell: Shell, room: Room) -> None:
    await some(room, 3)
    command = (PROGRAM, "journal", "export", "--chain", "bot")
    ended = await shell.spawn(*command, PYTHONPATH=HERE)
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert (ended.code, ended.err) == (0, "")
    assert [line.get("event", "head") for line in lines] == ["head", "action.proposed", "review.opened"]


async def test_verify_names_the_changed_entry_of_an_export(shell: Shell, room: Room) -> None:
    await some(room, 3)
    await shell.run("journal", "export", "--out", "audit.jsonl")
    path = shell.folder / "audit.jsonl"
    path.write_text(path.read_text().replace('\\"agent\\":\\"mailer\\"', '\\"agent\\":\\"forged\\"', 1))
    told = await shell.run("journal", "verify", "--file", "audit.jsonl", "--json")
    assert told.code == 1
    assert [(each["writer"], each["seq"]) for each in json.loads(told.out)["breaks"]] == [("bot.tier0", 1)]


async def test_verify_names_the_anchors_that_an_export_cannot_check(shell: Shell, room: Room) -> None:
    await some(room, 3)
    kept = shell.folder / "anchors.jsonl"
    kept.write_text((await shell.run("journal", "anchor")).out)
    await some(room, 3)
    await shell.run("journal", "export", "--chain", "bot.tier0", "--out", "audit.jsonl")
    path = shell.folder / "audit.jsonl"
    first, *lines = path.read_text().splitlines(keepends=True)
    head = json.loads(first)
    head["chains"]["bot.tier0"]["after"] = {"seq": 4, "hash": json.loads(lines[3])["hash"]}
    path.write_text(json.dumps(head) + "\n" + "".join(lines[4:]))  # as if the first four were pruned
    told = await shell.run("journal", "verify", "--file", "audit.jsonl", "--anchor", str(kept))
    assert told.code == 0
    assert "bot.tier0 3: comes before the file's first" in told.out
    assert "The journal is whole, as far as it could be checked: 2 entries.\n" in told.out
    told = await shell.run("journal", "verify", "--file", "audit.jsonl", "--anchor", str(kept), "--json")
    assert [each["seq"] for each in json.loads(told.out)["unchecked"]] == [3]


async def test_a_damaged_export_is_told_in_a_sentence(shell: Shell, room: Room) -> None:
    await some(room, 3)
    await shell.run("journal", "export", "--out", "audit.jsonl.gz")
    path = shell.folder / "audit.jsonl.gz"
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\xff" * 40 + content[80:])
    told = await shell.run("journal", "verify", "--file", "audit.jsonl.gz")
    assert told.code == 2
    assert "audit.jsonl.gz cannot be read: it is damaged" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("option", ["--anchor", "--file"])
async def test_verifying_a_file_that_is_not_an_export_is_a_wrong_command(
    shell: Shell, room: Room, option: str
) -> None:
    (shell.folder / "notes.txt").write_text("hello\n")
    ended = await shell.run("journal", "verify", option, "notes.txt")
    assert ended.code == 2
    assert "notes.txt:1: this is no" in ended.err


async def test_old_passed_actions_are_pruned_beside_a_running_bot(shell: Shell, room: Room) -> None:
    await some(room, 5)
    age(room, 2 * 3600)
    young = await shell.run("journal", "prune", "--before", "2020-01-01")
    assert (young.code, young.out) == (0, "Deleted 0 entries of the journal and 0 actions.\n")
    pruned = await shell.run("journal", "prune", "--before", "1h", "--json")
    told = json.loads(pruned.out)
    assert (pruned.code, told["actions"], len(told["files"])) == (0, 5, 1)
    assert Path(told["files"][0]).parent == Path(".membrane/archive")
    await some(room, 1)
    assert (await shell.run("journal", "verify")).code == 0


async def test_a_prune_beside_another_is_refused(shell: Shell, room: Room) -> None:
    lock = acquire(room.db.path.parent / LOCK)
    assert lock is not None
    with lock:
        ended = await shell.run("journal", "prune", "--before", "1h")
    assert (ended.code, ended.out) == (3, "")
    assert "another prune is running" in ended.err


async def test_an_incomplete_prune_says_what_stays(shell: Shell, room: Room) -> None:
    await some(room, 5)
    age(room, 2 * 3600)
    tamper(room, "UPDATE journal SET at = at - 7200")
    ended = await shell.run("journal", "prune", "--before", "1h")
    assert ended.code == 3
    assert ended.out.startswith("Deleted 0 entries of the journal and 5 actions.\n")
    assert "nothing of it is deleted" in ended.err


@pytest.mark.parametrize("before", ["soon", "90", "-3d", "2999-01-01", ""])
async def test_an_age_that_makes_no_sense_is_a_wrong_command(shell: Shell, before: str) -> None:
    ended = await shell.run("journal", "prune", "--before", before)
    assert ended.code == 2
    assert "--before" in ended.err


async def test_a_database_of_an_older_bot_asks_for_a_start(shell: Shell, room: Room) -> None:
    await room.db.close()
    with closing(sqlite3.connect(room.db.path)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '0001'")
    ended = await shell.run("journal", "verify")
    assert ended.code == 3
    assert "Start the bot once" in ended.err


def test_the_environment_has_no_settings_of_ours() -> None:
    assert not [name for name in os.environ if name.startswith("MEMBRANE_RETAIN")]
