"""Retention: old records of passing tiers are exported to files and then deleted from the database.

At full speed Tier 0 writes gigabytes a day. Records of people's decisions are never deleted: their journal
chains stay, and so do the actions, reviews and votes of Tier 2 and 3. Rows are deleted only after a file with
them has been written, synced to disk and verified. The deciding chain records the hash of each file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from bot.domain.risk import Tier
from bot.errors import StoreError
from bot.file_lock import FileLock, acquire
from bot.membrane.core import id_at
from bot.store import archive, files, journal
from bot.store.database import Database, Transaction
from bot.store.journal import segments
from bot.store.journal.segments import Due, Segment

SEGMENT = 50_000
"""Maximum number of journal entries in one file: some megabytes, compressed."""
ACTIONS = 10_000
"""Maximum number of actions in one file."""
DELETES = 2_000
"""Rows deleted in one transaction. More would make proposals wait longer than milliseconds."""
BUDGET_S = 5.0
"""Seconds after which a sweep starts no further step; the next sweep goes on."""
DAY_S = 86_400.0
LOCK = "retention.lock"
"""The lock file, in the data folder: two prunes, even to two archives, would export the same range."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """The journal entries and actions deleted from the database, and the files that hold them.

    `failed` has one reason per item that could not be pruned.
    """

    entries: int = 0
    actions: int = 0
    files: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(
            self.entries + other.entries,
            self.actions + other.actions,
            self.files + other.files,
            self.failed + other.failed,
        )


class Retention:
    """The use cases of retention.

    `keep_s` has the seconds for which each passing tier is kept; other tiers are kept for ever. `folder` is
    where the files go.
    """

    def __init__(
        self,
        db: Database,
        folder: Path,
        keep_s: Mapping[Tier, float],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._folder = folder
        self._lock = db.path.parent / LOCK
        self._keep_s = keep_s
        self._clock = clock
        self._anchored_at: float | None = None

    async def sweep(self) -> Pruned:
        """Prune due records for about BUDGET_S seconds. Entries go in full segments, or when a day late.

        Does nothing while another process prunes. Failures are logged, and their records stay.
        """
        await self._anchor()
        lock = self._acquire()
        if lock is None:
            return Pruned()
        with lock:
            pruned = await self._prune(time.monotonic() + BUDGET_S, DAY_S)
        for why in pruned.failed:
            log.error("old records could not be pruned and stay in the database", why=why)
        return pruned

    async def prune(self) -> Pruned:
        """Prune everything that is due. Raises StoreError while another process prunes."""
        lock = self._acquire()
        if lock is None:
            raise StoreError(
                "another prune is running, the bot's own or a `membrane journal prune`; repeat the command "
                "when it has ended"
            )
        with lock:
            return await self._prune(float("inf"), 0.0)

    def _acquire(self) -> FileLock | None:
        """Take the lock of pruning; return None while another process prunes. Raises StoreError."""
        try:
            return acquire(self._lock)
        except OSError as error:
            raise StoreError(f"{self._lock} cannot be locked: {error.strerror}") from error

    async def _prune(self, until: float, patience_s: float) -> Pruned:
        pruned, failed = Pruned(), dict[str, str]()
        for segment in await self._db.read(segments.unpruned):
            pruned += await _tried(failed, segment.writer, partial(self._delete, segment))
        for step in (partial(self._prune_entries, patience_s=patience_s), self._prune_actions):
            for tier in self._keep_s:
                while time.monotonic() < until and (done := await step(tier, failed)) != Pruned():
                    pruned += done
        return replace(pruned, failed=tuple(failed.values()))

    async def _anchor(self) -> None:
        """Record the ends of the passing chains in the deciding chain once a day: a lost end is noticed."""
        now = self._clock()
        if self._anchored_at is not None and 0 <= now - self._anchored_at < DAY_S:
            return

        def work(tx: Transaction) -> None:
            ends = journal.ends(tx.connection)
            passing = {writer: end for writer, end in ends.items() if writer.endswith(tuple(journal.PASSING))}
            tx.journal(now, journal.ANCHORED, {"chains": journal.plain(passing)})

        await self._db.write(work)
        self._anchored_at = now

    async def _prune_entries(self, tier: Tier, failed: dict[str, str], *, patience_s: float) -> Pruned:
        for writer in await self._db.read(journal.writers):
            if journal.PASSING.get(writer[-6:]) is tier:
                done = await _tried(failed, writer, partial(self._prune_chain, writer, tier, patience_s))
                if done != Pruned():
                    return done
        return Pruned()

    async def _prune_chain(self, writer: str, tier: Tier, patience_s: float) -> Pruned:
        now = self._clock()
        before = now - self._keep_s[tier]
        due = await self._db.read(partial(segments.due, writer=writer, before=before, now=now, most=SEGMENT))
        if due is None or (due.last - due.after.seq < SEGMENT and due.oldest >= before - patience_s):
            return Pruned()
        return await self._delete(await self._export(due))

    async def _export(self, due: Due) -> Segment:
        """Write a range to a file, verify the file, and record its hash in the deciding chain."""
        now = self._clock()
        segment = await self._db.read(lambda connection: self._write_segment(connection, due, now))

        def work(tx: Transaction) -> None:
            segments.insert(tx.connection, segment)
            tx.journal(now, segments.EXPORTED, segment.vouched)

        await self._db.write(work)
        return segment

    async def _export_again(self, segment: Segment) -> Segment | None:
        """Export the rows that remain of a segment to a file of another name. Return None if none remain.

        The old file stays as it is: it may hold the only copy of rows deleted earlier.
        """
        now = self._clock()

        def write(connection: Connection) -> Segment | None:
            after = journal.beginning(connection, segment.writer, segments.listed(connection))
            if after.seq >= segment.last_seq:
                return None
            due = Due(segment.writer, after, segment.last_seq, now)
            return self._write_segment(connection, due, now, again=segment)

        left = await self._db.read(write)
        if left is not None:
            body = left.vouched
            await self._db.write(lambda tx: tx.journal(now, segments.EXPORTED_AGAIN, body))
        log.error(
            "a file of the archive is missing or changed; the rows that remain went to another file",
            file=str(self._folder / segment.file),
            sha256=segment.sha256,
            other=left and left.file,
            left_before=(left.first_seq if left else segment.last_seq + 1) - segment.first_seq,
        )
        return left

    def _write_segment(
        self, connection: Connection, due: Due, now: float, *, again: Segment | None = None
    ) -> Segment:
        first = due.after.seq + 1
        name = f"journal-{due.writer}-{first:012d}-{due.last:012d}"
        path = self._folder / f"{name}{f'-{now:.0f}' if again else ''}.jsonl.gz"
        with files.written(path, replace=again is None, parents=True) as out:
            end = journal.export_range(
                connection, out, now, writer=due.writer, after=due.after, last=due.last
            )
        read, breaks, _ = journal.verify_export(path)
        other = again is not None and end != again.end
        if breaks or other or read != due.last - due.after.seq:
            path.unlink()
            said = "entries are missing"
            if breaks:
                said = f"{breaks[0].writer} {breaks[0].seq} {breaks[0].what}"
            elif other:
                said = f"{due.writer} {due.last} is not the entry that was exported"
            raise StoreError(f"the journal is broken ({said}), so nothing of it is deleted")
        return Segment(due.writer, first, due.last, end.hash, path.name, files.sha256_of(path), now)

    async def _delete(self, segment: Segment) -> Pruned:
        kept: Segment | None = segment
        if not await asyncio.to_thread(self._is_as_written, segment):
            kept = await self._export_again(segment)
        entries = 0
        while gone := await self._db.write(lambda tx: segments.delete_some(tx.connection, segment, DELETES)):
            entries += gone

        def work(tx: Transaction) -> None:
            now = self._clock()
            segments.mark_pruned(tx.connection, segment, now)
            body = {"writer": segment.writer, "first": segment.first_seq, "last": segment.last_seq}
            tx.journal(now, "journal.pruned", body)

        await self._db.write(work)
        return Pruned(entries=entries, files=(str(self._folder / kept.file),) if kept else ())

    def _is_as_written(self, segment: Segment) -> bool:
        try:
            return files.sha256_of(self._folder / segment.file) == segment.sha256
        except StoreError:
            return False

    async def _prune_actions(self, tier: Tier, failed: dict[str, str]) -> Pruned:
        return await _tried(failed, f"actions of tier {int(tier)}", partial(self._delete_actions, tier))

    async def _delete_actions(self, tier: Tier) -> Pruned:
        now = self._clock()
        ids, path = await self._db.read(lambda connection: self._archive(connection, tier, now))
        if not ids:
            return Pruned()
        digest = await asyncio.to_thread(files.sha256_of, path)
        body = {"tier": int(tier), "actions": len(ids), "file": path.name, "sha256": digest}
        await self._db.write(lambda tx: tx.journal(now, "actions.archived", body))
        for start in range(0, len(ids), DELETES):
            chunk = ids[start : start + DELETES]
            await self._db.write(lambda tx, chunk=chunk: archive.delete(tx.connection, chunk))  # type: ignore[misc]
        return Pruned(actions=len(ids), files=(str(path),))

    def _archive(self, connection: Connection, tier: Tier, now: float) -> tuple[list[str], Path]:
        """Write old actions to a file and read the file back, before anything is deleted."""
        before = now - self._keep_s[tier]
        bound = id_at("act", before + DAY_S)
        found = archive.old(connection, tier, before=before, bound=bound, now=now, most=ACTIONS)
        ids = [str(row["id"]) for row in found]
        path = self._folder / f"actions-tier{int(tier)}-{ids[0] if ids else ''}-{len(ids)}.jsonl.gz"
        if ids:
            with files.written(path, replace=True, parents=True) as out:
                archive.write(found, out, now)
            if archive.ids_in(path) != ids:
                raise StoreError(f"{path} differs from what was written, so its actions are not deleted")
        return ids, path


async def _tried(failed: dict[str, str], what: str, step: Callable[[], Awaitable[Pruned]]) -> Pruned:
    """Take a step unless an earlier one of its kind failed: a chain is pruned strictly in order."""
    if what not in failed:
        try:
            return await step()
        except StoreError as error:
            failed[what] = str(error)
    return Pruned()
