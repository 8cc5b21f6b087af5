"""Passed actions leave the database in verified files; actions that people decided stay."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from bot.domain.risk import Tier
from bot.errors import NotFound, StoreError
from bot.file_lock import acquire
from bot.membrane import retention
from bot.membrane.retention import DAY_S, Pruned, Retention
from bot.store import archive, files, journal
from bot.store.journal import Segment, Verified
from tests.fakes import CLEO
from tests.integration.membrane.conftest import Room

KEEP_S = {Tier.TRANSPARENT: 3600.0, Tier.ASYNC_REVIEW: 10 * DAY_S}


@dataclass
class Cellar:
    room: Room
    folder: Path
    kept: Retention

    async def pass_some(self, count: int, kind: str = "db.read") -> list[str]:
        standings = await asyncio.gather(
            *(
                self.room.membrane.proposals.propose(self.room.action(kind, id=number))
                for number in range(count)
            )
        )
        return [standing.action.id for standing in standings]

    async def rows(self, table: str) -> int:
        count = text(f"SELECT count(*) FROM {table}")
        return await self.room.db.read(lambda connection: connection.execute(count).scalar_one())

    async def verify(self) -> Verified:
        return await self.room.db.read(journal.verify)


@pytest.fixture
def cellar(room: Room, tmp_path: Path) -> Cellar:
    folder = tmp_path / "archive"
    return Cellar(room, folder, Retention(room.db, folder, KEEP_S, room.clock))


async def test_old_passed_actions_move_to_verified_files(cellar: Cellar) -> None:
    room = cellar.room
    waiting = await room.membrane.proposals.propose(room.action("data.delete"))
    old = await cellar.pass_some(20)
    costly = await cellar.pass_some(3, "report.make")
    room.clock.forward(3601)
    young = await cellar.pass_some(5)

    pruned = await cellar.kept.prune()

    assert (pruned.entries, pruned.actions, len(pruned.files)) == (20, 20, 2)
    assert await cellar.rows("actions") == 1 + 3 + 5
    for action_id in (young[0], costly[0], waiting.action.id):
        assert (await room.membrane.proposals.standing(action_id)).action.id == action_id
    with pytest.raises(NotFound):
        await room.membrane.proposals.standing(old[0])
    entries, rows = (Path(name) for name in pruned.files)
    assert journal.verify_export(entries) == (20, [], [])
    assert archive.ids_in(rows) == sorted(old)
    assert (await cellar.verify()).breaks == []
    assert (await room.events())[-3:] == ["journal.exported", "journal.pruned", "actions.archived"]
    assert await cellar.kept.prune() == Pruned()


async def test_the_chain_goes_on_and_every_segment_follows_the_one_before(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SEGMENT", 8)
    monkeypatch.setattr(retention, "DELETES", 3)
    for _ in range(3):
        await cellar.pass_some(20)
        cellar.room.clock.forward(3601)
    pruned = await cellar.kept.prune()
    names = [Path(name).name for name in pruned.files if "journal" in name]
    assert len(names) == 8
    assert names[0] == "journal-bot.tier0-000000000001-000000000008.jsonl.gz"
    assert pruned.entries == 59, "the last entry of a chain stays: the writer goes on from it"
    assert (await cellar.verify()).breaks == []
    await cellar.pass_some(1)
    assert (await cellar.verify()).breaks == []


async def test_a_sweep_waits_for_a_full_segment_for_a_limited_time(cellar: Cellar) -> None:
    await cellar.pass_some(20)
    cellar.room.clock.forward(3601)
    assert (await cellar.kept.sweep()).entries == 0
    cellar.room.clock.forward(DAY_S)
    assert (await cellar.kept.sweep()).entries == 19
    assert "journal.anchored" in await cellar.room.events()


async def test_the_deciding_chain_reveals_a_lost_end_of_a_passing_chain(cellar: Cellar) -> None:
    await cellar.pass_some(20)
    await cellar.kept.sweep()
    with closing(sqlite3.connect(cellar.room.db.path)) as raw, raw:
        raw.execute("DROP TRIGGER journal_no_delete")
        raw.execute("DELETE FROM journal WHERE writer = 'bot.tier0' AND seq > 15")
    _, (found,) = await cellar.verify()
    assert (found.writer, found.seq) == ("bot.tier0", 16)
    assert "entry 1 of bot knows" in found.what


async def test_actions_that_something_waits_for_stay(cellar: Cellar) -> None:
    room = cellar.room
    (claimed,) = await cellar.pass_some(1)
    digest = (await room.membrane.proposals.standing(claimed)).action.args_digest
    await room.membrane.claims.start(claimed, digest)
    (undigested,) = await cellar.pass_some(1, "report.make")
    room.clock.forward(11 * DAY_S)
    assert (await cellar.kept.prune()).actions == 0
    await room.membrane.reports.record(claimed, executed=True)
    await room.membrane.digests.make_due()
    assert (await cellar.kept.prune()).actions == 2
    for action_id in (claimed, undigested):
        with pytest.raises(NotFound):
            await room.membrane.proposals.standing(action_id)
    assert await cellar.rows("executions") == 0


async def test_actions_that_may_still_be_claimed_stay(cellar: Cellar) -> None:
    (unclaimed,) = await cellar.pass_some(1)
    short = Retention(cellar.room.db, cellar.folder, {Tier.TRANSPARENT: 1.0}, cellar.room.clock)
    cellar.room.clock.forward(3600.0)
    assert (await short.prune()).actions == 0
    digest = (await cellar.room.membrane.proposals.standing(unclaimed)).action.args_digest
    await cellar.room.membrane.claims.start(unclaimed, digest)


async def test_frozen_actions_stay_and_enter_no_digest_before_the_thaw(cellar: Cellar) -> None:
    room = cellar.room
    await room.membrane.freezes.freeze("all", why="incident 42", by="a test")
    frozen = [*await cellar.pass_some(2), *await cellar.pass_some(2, "report.make")]
    room.clock.forward(20 * DAY_S)
    assert await room.membrane.digests.make_due() == 0
    assert (await cellar.kept.prune()).actions == 0
    await room.membrane.freezes.thaw("all", by="a test")
    await room.membrane.freeze_effects.follow_up()
    for action_id in frozen:
        action = (await room.membrane.proposals.standing(action_id)).action
        assert action.state == "passed"
        await room.membrane.claims.start(action_id, action.args_digest)
    assert await room.membrane.digests.make_due() == 1


async def test_actions_that_people_decided_stay(cellar: Cellar) -> None:
    room = cellar.room
    waiting = await room.membrane.proposals.propose(room.action("data.delete"))
    assert waiting.review is not None
    await room.membrane.votes.cast(
        waiting.review.id, CLEO, approve=False, args_digest=waiting.action.args_digest
    )
    before = await room.events()
    room.clock.forward(1000 * DAY_S)
    assert await cellar.kept.prune() == Pruned()
    assert await room.events() == before


async def test_the_next_prune_continues_after_a_crash_that_followed_the_export(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cellar.pass_some(20)
    cellar.room.clock.forward(3601)
    with monkeypatch.context() as crash:
        crash.setattr(Retention, "_delete", None)
        with pytest.raises(TypeError):
            await cellar.kept.prune()
    assert (await cellar.verify()).breaks == []
    pruned = await cellar.kept.prune()
    assert pruned.entries == 19
    assert (await cellar.verify()).breaks == []


async def test_a_journal_with_half_a_deletion_verifies(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cellar.pass_some(20)
    cellar.room.clock.forward(3601)
    monkeypatch.setattr(retention, "DELETES", 7)
    delete_some, turns = journal.segments.delete_some, iter((True, True, False))

    def twice(connection: Connection, segment: Segment, most: int) -> int:
        if not next(turns):
            raise LookupError
        return delete_some(connection, segment, most)

    monkeypatch.setattr(journal.segments, "delete_some", twice)
    with pytest.raises(LookupError):
        await cellar.kept.prune()
    monkeypatch.undo()
    assert await cellar.rows("journal") == 20 - 14 + 1
    assert (await cellar.verify()).breaks == []
    assert (await cellar.kept.prune()).entries == 5


async def test_the_second_of_two_simultaneous_prunes_gives_way(cellar: Cellar) -> None:
    await cellar.pass_some(20)
    cellar.room.clock.forward(3601 + DAY_S)
    other = Retention(cellar.room.db, cellar.folder / "elsewhere", KEEP_S, cellar.room.clock)
    lock = cellar.room.db.path.parent / retention.LOCK
    held = acquire(lock)
    assert held is not None
    with held:
        assert await cellar.kept.sweep() == Pruned()
    first, second = await asyncio.gather(cellar.kept.prune(), other.prune(), return_exceptions=True)
    assert isinstance(first, Pruned)
    assert first.entries == 19
    assert isinstance(second, StoreError)
    assert "another prune is running" in str(second)
    assert lock.stat().st_mode & 0o777 == 0o600
    assert await other.prune() == Pruned()
    assert (await cellar.verify()).breaks == []


async def exported_only(cellar: Cellar, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let 20 actions pass, and crash between their export and their deletion."""
    await cellar.pass_some(20)
    cellar.room.clock.forward(3601)
    with monkeypatch.context() as crash:
        crash.setattr(Retention, "_delete", None)
        with pytest.raises(TypeError):
            await cellar.kept.prune()
    (file,) = cellar.folder.iterdir()
    return file


@pytest.mark.parametrize("content", [b"something else", None])
async def test_remaining_entries_of_a_lost_file_are_exported_to_another_file(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = await exported_only(cellar, monkeypatch)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    cellar.room.clock.forward(1)
    with capture_logs() as logs:
        pruned = await cellar.kept.prune()
    assert (pruned.entries, pruned.failed) == (19, ())
    (told,) = (entry for entry in logs if entry["log_level"] == "error")
    assert (told["file"], told["left_before"]) == (str(file), 0)
    other = Path(pruned.files[0])
    assert other.name == told["other"] != file.name
    assert journal.verify_export(other)[:2] == (19, [])
    assert (file.read_bytes() if file.exists() else None) == content, "it is no longer the bot's to change"
    (vouched,) = (e for e in await cellar.room.journal() if e.event == journal.segments.EXPORTED_AGAIN)
    assert files.sha256_of(other) in vouched.body.decode()
    assert (await cellar.verify()).breaks == []
    assert await cellar.kept.prune() == Pruned()


async def test_a_killed_prune_to_another_folder_is_finished_in_this_one(
    cellar: Cellar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cellar.pass_some(20)
    cellar.room.clock.forward(3601)
    monkeypatch.setattr(retention, "DELETES", 3)
    delete_some, turns = journal.segments.delete_some, iter((True, True, False))

    def twice(connection: Connection, segment: Segment, most: int) -> int:
        if not next(turns):
            raise LookupError
        return delete_some(connection, segment, most)

    elsewhere = tmp_path / "elsewhere"
    with monkeypatch.context() as kill:
        kill.setattr(journal.segments, "delete_some", twice)
        with pytest.raises(LookupError):
            await Retention(cellar.room.db, elsewhere, KEEP_S, cellar.room.clock).prune()
    await cellar.pass_some(20)
    cellar.room.clock.forward(3 * DAY_S)
    with capture_logs() as logs:
        pruned = await cellar.kept.sweep()
    assert (pruned.entries, pruned.failed) == (13 + 20, ())
    assert [entry["left_before"] for entry in logs if entry["log_level"] == "error"] == [6]
    rest, later = (Path(name) for name in pruned.files if "journal" in name)
    assert journal.verify_export(rest)[:2] == (13, [])
    assert journal.verify_export(later)[:2] == (20, [])
    assert [journal.verify_export(file)[:2] for file in elsewhere.iterdir()] == [(19, [])]
    assert (await cellar.verify()).breaks == []


async def test_a_lost_file_whose_entries_are_all_deleted_stops_nothing(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cellar.pass_some(20)
    cellar.room.clock.forward(3601)
    with monkeypatch.context() as crash:
        crash.setattr(journal.segments, "mark_pruned", None)
        with pytest.raises(TypeError):
            await cellar.kept.prune()
    for file in cellar.folder.iterdir():
        file.unlink()
    with capture_logs() as logs:
        await cellar.kept.prune()
    assert [entry["left_before"] for entry in logs if entry["log_level"] == "error"] == [19]
    assert await cellar.room.db.read(journal.segments.unpruned) == []
    assert (await cellar.verify()).breaks == []


@pytest.mark.parametrize(
    ("trigger", "change", "named"),
    [
        ("journal_no_update", "UPDATE journal SET hash = 'x' WHERE seq = 19", "19 was changed"),
        ("journal_no_delete", "DELETE FROM journal WHERE seq = 9", "9 is missing"),
        ("journal_no_delete", "DELETE FROM journal WHERE seq = 19", "19 is missing"),
        ("segments_no_update", "UPDATE segments SET end_hash = 'x'", "not the entry that was exported"),
    ],
)
async def test_entries_changed_since_their_export_are_not_exported_again(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch, trigger: str, change: str, named: str
) -> None:
    file = await exported_only(cellar, monkeypatch)
    file.unlink()
    with closing(sqlite3.connect(cellar.room.db.path)) as raw, raw:
        raw.execute(f"DROP TRIGGER {trigger}")
        raw.execute(change)
    pruned = await cellar.kept.prune()
    (why,) = pruned.failed
    assert named in why
    assert (pruned.entries, pruned.actions) == (0, 20)
    assert [file.name for file in cellar.folder.iterdir() if "journal" in file.name] == []


async def test_a_broken_chain_stays_and_the_others_are_pruned(cellar: Cellar) -> None:
    await cellar.pass_some(20)
    await cellar.pass_some(5, "report.make")
    cellar.room.clock.forward(12 * DAY_S)
    with closing(sqlite3.connect(cellar.room.db.path)) as raw, raw:
        raw.execute("DROP TRIGGER journal_no_update")
        raw.execute("UPDATE journal SET event = 'action.forged' WHERE writer = 'bot.tier0' AND seq = 7")
    with capture_logs() as logs:
        pruned = await cellar.kept.sweep()
    assert (pruned.entries, pruned.actions) == (4, 20)
    (why,) = pruned.failed
    assert "bot.tier0 7 was changed" in why
    assert "nothing of it is deleted" in why
    assert [entry["why"] for entry in logs if entry["log_level"] == "error"] == [why]
    assert [found.seq for found in (await cellar.verify()).breaks] == [7]


@pytest.mark.parametrize("segment", [50_000, 3])
@pytest.mark.parametrize("ahead", [1, 10])
async def test_entries_dated_in_the_future_are_pruned_with_those_that_follow(
    cellar: Cellar, monkeypatch: pytest.MonkeyPatch, ahead: int, segment: int
) -> None:
    monkeypatch.setattr(retention, "SEGMENT", segment)
    await cellar.pass_some(2)
    cellar.room.clock.forward(365 * DAY_S)
    await cellar.pass_some(ahead)
    assert await cellar.kept.prune() != Pruned(), "entries that were old by that clock are gone"
    cellar.room.clock.forward(-365 * DAY_S)
    await cellar.pass_some(50)
    assert (await cellar.kept.prune()).entries == 0, "no old entry follows them yet"
    cellar.room.clock.forward(3601)
    await cellar.pass_some(1)
    assert (await cellar.kept.prune()).entries == ahead + 50
    assert (await cellar.verify()).breaks == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE segments SET end_hash = 'x', sha256 = 'y'", "no entry vouches"),
        ("DELETE FROM segments", "missing before it"),
        ("UPDATE journal SET body = '{}' WHERE event = 'journal.exported'", "no entry vouches"),
    ],
)
async def test_verification_finds_a_segment_without_a_voucher(
    cellar: Cellar, change: str, named: str
) -> None:
    await cellar.pass_some(20)
    cellar.room.clock.forward(3601)
    await cellar.kept.prune()
    with closing(sqlite3.connect(cellar.room.db.path)) as raw, raw:
        for trigger in ("segments_no_update", "segments_no_delete", "journal_no_update"):
            raw.execute(f"DROP TRIGGER {trigger}")
        raw.execute(change)
    assert any(named in found.what for found in (await cellar.verify()).breaks)
