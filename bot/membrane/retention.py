"""How long what passed is kept: it is written to files, segment by segment, and then leaves the database.

At full speed Tier 0 writes gigabytes a day. What people decided is never touched: their chains stay, and so
do the actions, reviews and votes of Tier 2 and 3. Nothing leaves before a file that holds it was written,
synced to disk and verified; the deciding chain vouches for each file by its hash.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from bot.domain.risk import Tier
from bot.errors import StoreError
from bot.membrane.core import id_at
from bot.store import archive, files, journal
from bot.store.database import Database, Transaction
from bot.store.journal import segments
from bot.store.journal.segments import Due, Segment

SEGMENT = 50_000
"""Entries in one file at most: some megabytes, compressed."""
ACTIONS = 10_000
DELETES = 2_000
"""Rows deleted in one transaction, so that proposals wait for milliseconds only."""
BUDGET_S = 5.0
"""After so long a sweep begins nothing more; the next goes on."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What left the database: entries of the journal and actions, and the files that hold them."""

    entries: int = 0
    actions: int = 0
    files: tuple[str, ...] = ()

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.entries + other.entries, self.actions + other.actions, self.files + other.files)


class Retention:
    """The use cases of keeping.

    `keep_s` says for how many seconds a passing tier is kept; one that it does not name is kept for ever.
    `folder` is where the files go.
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
        self._keep_s = keep_s
        self._clock = clock
        self._anchored_at: float | None = None

    async def sweep(self) -> Pruned:
        """Do what is due, for a few seconds at most. Entries go in full segments, or when a day late.

        Raises StoreError where a file cannot be written or does not verify; nothing is deleted then.
        """
        await self._anchor()
        return await self._prune(time.monotonic() + BUDGET_S, DAY_S)

    async def prune(self) -> Pruned:
        """Do all that is due, now."""
        return await self._prune(float("inf"), 0.0)

    async def _prune(self, until: float, patience_s: float) -> Pruned:
        pruned = Pruned()
        for segment in await self._db.read(segments.unpruned):
            pruned += await self._delete(segment)
        for step in (partial(self._prune_entries, patience_s=patience_s), self._prune_actions):
            for tier in self._keep_s:
                while time.monotonic() < until and (done := await step(tier)) != Pruned():
                    pruned += done
        return pruned

    async def _anchor(self) -> None:
        """Say once a day in the deciding chain where the passing ones end: none loses its end unseen."""
        now = self._clock()
        if self._anchored_at is not None and 0 <= now - self._anchored_at < DAY_S:
            return

        def work(tx: Transaction) -> None:
            ends = journal.ends(tx.connection)
            passing = {writer: end for writer, end in ends.items() if writer.endswith(tuple(journal.PASSING))}
            tx.journal(now, journal.ANCHORED, {"chains": journal.plain(passing)})

        await self._db.write(work)
        self._anchored_at = now

    async def _prune_entries(self, tier: Tier, *, patience_s: float) -> Pruned:
        before = self._clock() - self._keep_s[tier]
        for writer in await self._db.read(journal.writers):
            if journal.PASSING.get(writer[-6:]) is not tier:
                continue
            due = await self._db.read(partial(segments.due, writer=writer, before=before, most=SEGMENT))
            if due is None:
                continue
            if due.last - due.after.seq >= SEGMENT or due.oldest < before - patience_s:
                return await self._delete(await self._export(due))
        return Pruned()

    async def _export(self, due: Due) -> Segment:
        """Write a range to a file, verify the file, and have the deciding chain vouch for it."""
        now = self._clock()
        segment = await self._db.read(lambda connection: self._write_segment(connection, due, now))

        def work(tx: Transaction) -> None:
            segments.insert(tx.connection, segment)
            tx.journal(now, segments.EXPORTED, segment.vouched)

        await self._db.write(work)
        return segment

    def _write_segment(self, connection: Connection, due: Due, now: float) -> Segment:
        first = due.after.seq + 1
        path = self._folder / f"journal-{due.writer}-{first:012d}-{due.last:012d}.jsonl.gz"
        with files.written(path, replace=True) as out:
            end = journal.export_range(
                connection, out, now, writer=due.writer, after=due.after, last=due.last
            )
        read, breaks, _ = journal.verify_export(path)
        if breaks or read != due.last - due.after.seq:
            path.unlink()
            said = f"{breaks[0].writer} {breaks[0].seq} {breaks[0].what}" if breaks else "entries are missing"
            raise StoreError(f"the journal does not hold ({said}), so nothing of it is deleted")
        return Segment(due.writer, first, due.last, end.hash, path.name, files.sha256_of(path), now)

    async def _delete(self, segment: Segment) -> Pruned:
        path = self._folder / segment.file
        if await asyncio.to_thread(files.sha256_of, path) != segment.sha256:
            raise StoreError(f"{path} is not as it was written, so its entries stay in the database")
        entries = 0
        while gone := await self._db.write(lambda tx: segments.delete_some(tx.connection, segment, DELETES)):
            entries += gone

        def work(tx: Transaction) -> None:
            now = self._clock()
            segments.mark_pruned(tx.connection, segment, now)
            body = {"writer": segment.writer, "first": segment.first_seq, "last": segment.last_seq}
            tx.journal(now, "journal.pruned", body)

        await self._db.write(work)
        return Pruned(entries=entries, files=(str(path),))

    async def _prune_actions(self, tier: Tier) -> Pruned:
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
        """Write old actions to a file, which is read once before anything is deleted for it."""
        before = now - self._keep_s[tier]
        bound = id_at("act", before + DAY_S)
        found = archive.old(connection, tier, before=before, bound=bound, now=now, most=ACTIONS)
        ids = [str(row["id"]) for row in found]
        path = self._folder / f"actions-tier{int(tier)}-{ids[0] if ids else ''}-{len(ids)}.jsonl.gz"
        if ids:
            with files.written(path, replace=True) as out:
                archive.write(found, out, now)
            if archive.ids_in(path) != ids:
                raise StoreError(f"{path} does not read as it was written, so nothing is deleted for it")
        return ids, path
