"""Segments: ranges of passing chains that were written to a file, and may be deleted from the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, select, update

from bot.store.journal.chain import GENESIS, End
from bot.store.tables import journal, segments

EXPORTED = "journal.exported"
"""The event with which the deciding chain vouches for a segment and its file."""
EXPORTED_AGAIN = "journal.exported_again"
"""The event with which it vouches for another file: the rest of a segment whose file was lost."""

_INSERT = segments.insert()
_ALL = select(segments).order_by(segments.c.writer, segments.c.last_seq)
_LATEST = (
    select(segments.c.last_seq, segments.c.end_hash)
    .where(segments.c.writer == bindparam("of"))
    .order_by(segments.c.last_seq.desc())
    .limit(1)
)
_UNPRUNED = _ALL.where(segments.c.pruned_at.is_(None))
_PRUNED = (
    update(segments)
    .where(and_(segments.c.writer == bindparam("of"), segments.c.last_seq == bindparam("last")))
    .values(pruned_at=bindparam("now"))
)
_IDS = (
    select(journal.c.id)
    .where(
        and_(
            journal.c.writer == bindparam("of"),
            journal.c.seq.between(bindparam("first"), bindparam("last")),
        )
    )
    .order_by(journal.c.seq)
    .limit(bindparam("most"))
)
_AFTER = (
    select(journal.c.seq, journal.c.at)
    .where(and_(journal.c.writer == bindparam("of"), journal.c.seq > bindparam("after")))
    .order_by(journal.c.seq)
    .limit(bindparam("most"))
)
_FOLLOWING = (
    select(journal.c.at)
    .where(
        and_(
            journal.c.writer == bindparam("of"),
            journal.c.seq > bindparam("after"),
            journal.c.at <= bindparam("now"),
        )
    )
    .order_by(journal.c.seq)
    .limit(1)
)
_DELETE = journal.delete().where(journal.c.id.in_(_IDS))


class Due(NamedTuple):
    """A range of one chain to export, after one entry, up to `last`. `oldest`: its first entry's time."""

    writer: str
    after: End
    last: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A range of a chain, both ends included. `file` is the name of the file, `sha256` of its bytes."""

    writer: str
    first_seq: int
    last_seq: int
    end_hash: str
    file: str
    sha256: str
    exported_at: float
    pruned_at: float | None = None

    @property
    def end(self) -> End:
        """The segment's end, where the rest of its chain continues."""
        return End(self.last_seq, self.end_hash)

    @property
    def vouched(self) -> dict[str, str | int]:
        """The body of the deciding chain's entry about the segment."""
        return {
            "writer": self.writer,
            "first": self.first_seq,
            "last": self.last_seq,
            "hash": self.end_hash,
            "file": self.file,
            "sha256": self.sha256,
        }


def due(connection: Connection, writer: str, before: float, now: float, most: int) -> Due | None:
    """Return the next range of a chain that is older than an instant, with at most `most` entries, or None.

    An entry from the future was written while the clock was ahead. It counts as old as the next one that is
    not; otherwise it would keep all later entries until its date. The last entry of a chain always stays: the
    writer continues from it.
    """
    latest = connection.execute(_LATEST, {"of": writer}).first()
    after = End(*latest) if latest is not None else End(0, GENESIS)
    values = {"of": writer, "after": after.seq, "most": most + 1}
    rows = connection.execute(_AFTER, values).all()[:-1]
    last, oldest = after.seq, 0.0
    for row in rows:
        if before <= row.at <= now:
            break
        if row.at < before:
            last, oldest = row.seq, oldest or row.at
    else:
        if rows and last < rows[-1].seq:
            values = {"of": writer, "after": rows[-1].seq, "now": now}
            following = connection.execute(_FOLLOWING, values).scalar()
            if following is not None and following < before:
                last, oldest = rows[-1].seq, oldest or following
    return Due(writer, after, last, oldest) if last > after.seq else None


def insert(connection: Connection, segment: Segment) -> None:
    """Record an exported range. The triggers refuse one that does not fit its chain."""
    row = {
        "writer": segment.writer,
        "first_seq": segment.first_seq,
        "last_seq": segment.last_seq,
        "end_hash": segment.end_hash,
        "file": segment.file,
        "sha256": segment.sha256,
        "exported_at": segment.exported_at,
    }
    connection.execute(_INSERT, row)


def listed(connection: Connection) -> list[Segment]:
    """Return all segments, by chain and in order."""
    return [Segment(*row) for row in connection.execute(_ALL)]


def unpruned(connection: Connection) -> list[Segment]:
    """Return the exported segments that are still in the database, in full or in part."""
    return [Segment(*row) for row in connection.execute(_UNPRUNED)]


def delete_some(connection: Connection, segment: Segment, most: int) -> int:
    """Delete the first remaining entries of a segment. Return their number."""
    values = {"of": segment.writer, "first": segment.first_seq, "last": segment.last_seq, "most": most}
    return connection.execute(_DELETE, values).rowcount


def mark_pruned(connection: Connection, segment: Segment, now: float) -> None:
    """Record that a segment is deleted in full."""
    connection.execute(_PRUNED, {"of": segment.writer, "last": segment.last_seq, "now": now})
