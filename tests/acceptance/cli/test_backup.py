"""A backup of both databases, taken beside a running bot, restored and verified."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from bot.membrane import Tokens
from bot.store import facts, journal, restores
from bot.store.database import Transaction, open_database
from tests.acceptance.cli.conftest import Room, Shell
from tests.fakes import GUS


async def proposals(room: Room, count: int) -> None:
    await asyncio.gather(*(room.propose("db.read", n=number) for number in range(count)))


def threads_database(folder: Path) -> None:
    with closing(sqlite3.connect(folder / ".membrane" / "threads.db")) as raw, raw:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("CREATE TABLE checkpoints (thread_id)")
        raw.execute("INSERT INTO checkpoints VALUES ('thr_1')")


def restore(archive: Path, into: Path) -> None:
    """Restore as the help says."""
    into.mkdir(mode=0o700)
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")


@pytest.mark.parametrize("name", ["backup.tar", "backup.tar.gz"])
async def test_a_backup_restores_the_saved_state(shell: Shell, room: Room, name: str) -> None:
    threads_database(shell.folder)
    await proposals(room, 20)
    made = await shell.run("backup", name)
    assert (made.code, made.err) == (0, "")
    assert f"{name}: membrane.db, threads.db; " in made.out
    assert "Its journal is whole: 20 entries." in made.out
    assert stat.S_IMODE((shell.folder / name).stat().st_mode) == 0o600
    await proposals(room, 5)

    restored = shell.folder / "restored"
    restore(shell.folder / name, restored)
    db = open_database(restored / "membrane.db", exclusive=True)
    assert await db.read(journal.verify) == (20, [])
    await db.close()
    with closing(sqlite3.connect(restored / "threads.db")) as raw:
        assert raw.execute("SELECT thread_id FROM checkpoints").fetchall() == [("thr_1",)]
    anchor = json.loads((restored / "backup.json").read_text())["journal"]
    assert anchor["bot.tier0"]["seq"] == 20


async def test_a_backup_under_load_is_one_instant(shell: Shell, room: Room) -> None:
    async def load() -> None:
        for _ in range(40):
            await proposals(room, 25)

    working = asyncio.create_task(load())
    made = await shell.run("backup", "backup.tar", "--json")
    await working
    told = json.loads(made.out)
    assert (made.code, told["breaks"]) == (0, [])
    restore(shell.folder / "backup.tar", shell.folder / "restored")
    with closing(sqlite3.connect(shell.folder / "restored" / "membrane.db")) as raw:
        (actions,) = raw.execute("SELECT count(*) FROM actions").fetchone()
        (entries,) = raw.execute("SELECT count(*) FROM journal").fetchone()
    assert actions == entries == told["entries"]


async def test_a_backup_holds_the_secret_only_if_asked(shell: Shell, room: Room) -> None:
    (shell.folder / ".membrane" / "secret").write_text("s" * 32)
    plain = await shell.run("backup", "plain.tar")
    assert "The backup lacks the secret" in plain.err
    whole = await shell.run("backup", "whole.tar", "--with-secret")
    assert whole.err == ""
    for name, there in (("plain.tar", False), ("whole.tar", True)):
        with tarfile.open(shell.folder / name) as tar:
            assert ("secret" in tar.getnames()) is there


async def test_a_backup_overwrites_no_file(shell: Shell, room: Room) -> None:
    (shell.folder / "there.tar").write_text("precious")
    ended = await shell.run("backup", "there.tar")
    assert ended.code == 2
    assert "is there already" in ended.err
    assert (shell.folder / "there.tar").read_text() == "precious"


async def test_without_a_database_it_says_so(shell: Shell) -> None:
    ended = await shell.run("backup", "backup.tar")
    assert ended.code == 3
    assert "there is no database" in ended.err
    assert list(shell.folder.iterdir()) == []


async def test_a_damaged_database_is_not_passed_off_as_a_backup(shell: Shell, room: Room) -> None:
    await proposals(room, 2000)
    await room.db.close()
    spoilt = bytearray(room.db.path.read_bytes())
    spoilt[len(spoilt) // 2 : len(spoilt) // 2 + 8192] = b"\xff" * 8192
    room.db.path.write_bytes(spoilt)
    ended = await shell.run("backup", "backup.tar")
    assert ended.code == 3
    assert "damaged" in ended.err
    assert not (shell.folder / "backup.tar").exists()


async def test_a_broken_journal_is_backed_up_and_told(shell: Shell, room: Room) -> None:
    await proposals(room, 3)
    with closing(sqlite3.connect(room.db.path)) as raw, raw:
        raw.execute("DROP TRIGGER journal_no_update")
        raw.execute("UPDATE journal SET event = 'forged' WHERE seq = 2")
    ended = await shell.run("backup", "backup.tar")
    assert ended.code == 1
    assert "BROKEN" in ended.out
    assert "bot.tier0 2: was changed" in ended.out
    assert (shell.folder / "backup.tar").exists()


async def test_the_help_says_how_to_restore(shell: Shell) -> None:
    ended = await shell.run("backup", "--help")
    assert "To restore a backup:" in ended.out
    assert "tar -xf FILE -C .membrane" in ended.out


async def test_a_backup_is_marked_as_a_backup(shell: Shell, room: Room) -> None:
    await room.propose("mail.send", to="a@acme.example")
    await shell.run("backup", "backup.tar")
    restore(shell.folder / "backup.tar", shell.folder / "restored")
    db = open_database(shell.folder / "restored" / "membrane.db", readonly=True)
    assert await db.read(lambda connection: facts.fact(connection, restores.BACKUP)) is not None
    await db.close()
    assert await room.db.read(lambda connection: facts.fact(connection, restores.BACKUP)) is None


async def test_tokens_are_confirmed_one_by_one_or_all(shell: Shell, room: Room) -> None:
    """After a restore an operator says which restored tokens are still valid."""
    ids = [(await Tokens(room.db).create(f"agent-{number}", GUS))[0].id for number in range(3)]
    await room.db.write(lambda tx: restores.unconfirm_tokens(tx.connection, 1_800_000_000.0))
    listed = (await shell.run("token", "list", "--json")).out
    assert [row["unconfirmed_since"] is not None for row in json.loads(listed)] == [True] * 3
    first = await shell.run("token", "confirm", ids[0])
    assert (first.code, first.out) == (0, f"{ids[0]} is confirmed.\n")
    again = await shell.run("token", "confirm", ids[0])
    assert again.code == 1
    assert "waits to be confirmed" in again.err
    assert (await shell.run("token", "confirm")).code == 2
    rest = await shell.run("token", "confirm", "--all")
    assert sorted(rest.out.splitlines()) == sorted(f"{each} is confirmed." for each in ids[1:])


async def test_the_doctor_names_the_tokens_to_confirm_after_a_restore(shell: Shell, room: Room) -> None:
    await Tokens(room.db).create("mailer", GUS)

    def put(tx: Transaction) -> None:
        restores.keep(tx.connection, restores.Restore(2.0, 1.0, "somebody copied it"))
        restores.unconfirm_tokens(tx.connection, 2.0)

    await room.db.write(put)
    said = (await shell.run("doctor", "--no-slack")).out
    assert "restored from a backup (somebody copied it); to be confirmed: 1 tokens" in said
    assert "membrane token confirm" in said
