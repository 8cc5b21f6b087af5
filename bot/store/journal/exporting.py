"""Exports: entries as lines of JSON that verify offline with only a hash function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
from sqlalchemy import Connection, and_, select

from bot.domain.plain_text import printable_json
from bot.domain.record import JournalEntry
from bot.errors import StoreError
from bot.store import files
from bot.store.backend import backend_of
from bot.store.journal import segments
from bot.store.journal.anchors import KIND, Anchor, ends, ends_of
from bot.store.journal.chain import GENESIS, End
from bot.store.journal.reading import BATCH, ENTRIES
from bot.store.journal.verifying import (
    UNKNOWN,
    Break,
    Chains,
    Known,
    Unchecked,
    VerifiedExport,
    known_of,
)
from bot.store.tables import journal

FORMAT = 1
HOW = (
    "One entry a line, in the order of writing. hash = hex SHA-256 of: the JSON list [hash of the entry "
    "before it in its writer's chain, writer, seq, at, event, action_id, review_id] without white space, a "
    "line feed, and body; numbers are written as Python's json module writes them. This first line says for "
    "each chain after which entry it begins here, and at which entry it ends."
)
"""How to verify an export, in its first line."""


@dataclass(frozen=True, slots=True)
class Range:
    """The range of each chain in an export: after one entry, up to and including another.

    `whole` if the export holds every entry of its time.
    """

    at: float
    after: dict[str, End]
    until: dict[str, End]
    whole: bool

    @property
    def entries(self) -> int:
        """Number of entries."""
        return sum(end.seq - self.after[writer].seq for writer, end in self.until.items())

    def to_line(self) -> bytes:
        """Return the first line of the export."""
        chains = {
            writer: {"after": self.after[writer]._asdict(), "end": end._asdict()}
            for writer, end in sorted(self.until.items())
        }
        head = {"export": KIND, "format": FORMAT, "at": self.at, "whole": self.whole, "how": HOW}
        return orjson.dumps({**head, "chains": chains}) + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> Range:
        """Read a first line. Raises ValueError, KeyError, TypeError or AttributeError if it is none."""
        data = orjson.loads(line)
        if (data["export"], data["format"]) != (KIND, FORMAT):
            raise ValueError(data["format"])
        after = ends_of({writer: chain["after"] for writer, chain in data["chains"].items()})
        until = ends_of({writer: chain["end"] for writer, chain in data["chains"].items()})
        return cls(float(data["at"]), after, until, bool(data["whole"]))


def export(connection: Connection, out: IO[bytes], at: float, writers: Sequence[str] = ()) -> Range:
    """Write all chains, or only those of some writers. Return the range."""
    with backend_of(connection).snapshot(connection):
        until = {writer: end for writer, end in ends(connection).items() if not writers or writer in writers}
        if strangers := set(writers) - until.keys():
            known = ", ".join(sorted(ends(connection))) or "none"
            raise StoreError(f"there is no chain {min(strangers)!r} in the journal; there are: {known}")
        exported = segments.listed(connection)
        after = {writer: beginning(connection, writer, exported) for writer in until}
        covered = Range(at, after, until, whole=not writers)
        out.write(covered.to_line())
        query = ENTRIES.order_by(journal.c.id)
        if writers:
            query = query.where(journal.c.writer.in_(writers))
        _write(connection.execute(query.execution_options(yield_per=BATCH)), out)
    return covered


def export_range(
    connection: Connection, out: IO[bytes], at: float, *, writer: str, after: End, last: int
) -> End:
    """Write one chain's entries after `after` up to number `last`, and return the end.

    Raises StoreError if there is no such entry.
    """
    here = and_(journal.c.writer == writer, journal.c.seq > after.seq, journal.c.seq <= last)
    digest = select(journal.c.hash).where(and_(journal.c.writer == writer, journal.c.seq == last))
    with backend_of(connection).snapshot(connection):
        if (found := connection.execute(digest).scalar()) is None:
            raise StoreError(f"the journal does not hold ({writer} {last} is missing)")
        end = End(last, found)
        out.write(Range(at, {writer: after}, {writer: end}, whole=False).to_line())
        query = ENTRIES.where(here).order_by(journal.c.seq)
        _write(connection.execute(query.execution_options(yield_per=BATCH)), out)
    return end


def _write(rows: Iterable[Any], out: IO[bytes]) -> None:
    for row in rows:
        out.write(_line_of(JournalEntry(*row)))


def _line_of(entry: JournalEntry) -> bytes:
    data = {
        "writer": entry.writer,
        "seq": entry.seq,
        "at": entry.at,
        "event": entry.event,
        "action_id": entry.action_id,
        "review_id": entry.review_id,
        "body": entry.body.decode(errors="replace") if isinstance(entry.body, bytes) else str(entry.body),
        "hash": entry.hash,
    }
    return printable_json(orjson.dumps(data).decode()).encode() + b"\n"


def beginning(connection: Connection, writer: str, exported: list[segments.Segment]) -> End:
    """Return the entry before the first one in the database. Its hash is UNKNOWN within a segment."""
    first = select(journal.c.seq).where(journal.c.writer == writer).order_by(journal.c.seq).limit(1)
    before = connection.execute(first).scalar_one() - 1
    known = {(each.writer, each.last_seq): each.end_hash for each in exported}
    return End(before, known.get((writer, before), UNKNOWN)) if before else End(0, GENESIS)


def verify_export(path: Path, anchors: Sequence[Anchor] = ()) -> VerifiedExport:
    """Verify an exported file by itself and against anchors. Raises StoreError if it is not an export."""
    with files.opened(path) as file:
        covered = _first_line(path, file.readline())
        anchored = _within(covered, anchors)
        chains = Chains([*_known(covered), *anchored])
        for writer, after in covered.after.items():
            chains.begin(writer, after)
        spoilt = []
        for number, entry in _entries(file):
            if entry is None:
                what = "is not as the bot writes an entry: it was changed or cut off"
                spoilt.append(Break(f"{path.name} line", number, what))
            else:
                chains.take(entry)
    read, breaks = chains.finish()
    return VerifiedExport(read, [*spoilt, *breaks], list(_unchecked(covered, anchored)))


def _first_line(path: Path, line: bytes) -> Range:
    try:
        return Range.of_line(line)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path}:1: this is not an export of a journal, or its first line was changed; give a file that "
            "`membrane journal export` wrote"
        ) from error


def _known(covered: Range) -> list[Known]:
    return [Known(writer, end, "the file's first line") for writer, end in covered.until.items()]


def _within(covered: Range, anchors: Sequence[Anchor]) -> list[Known]:
    """Return the anchors' hashes of entries that the file should have."""
    known = []
    for anchor in anchors:
        must = covered.whole and anchor.at <= covered.at
        known += [
            each
            for each in known_of([anchor])
            if must or (each.writer in covered.until and each.end.seq <= covered.until[each.writer].seq)
        ]
    return known


def _unchecked(covered: Range, anchored: list[Known]) -> Iterator[Unchecked]:
    """Yield the entries that a chain's beginning leaves unverified: its first one, and anchors before it."""
    for writer, after in covered.after.items():
        unknown = after.seq > 0 and after.hash == UNKNOWN
        first = after.seq + 1
        if unknown:
            yield Unchecked(writer, first, "could not be checked, for the one before it is not known here")
        known = [each.end.seq for each in anchored if each.writer == writer]
        early = [seq for seq in known if seq < after.seq or (seq == after.seq and unknown)]
        if early:
            what = "comes before the file's first, so what anchors know up to it could not be checked"
            yield Unchecked(writer, max(early), what)


def _entries(file: IO[bytes]) -> Iterator[tuple[int, JournalEntry | None]]:
    """Yield the entry in each line, or None if the bot would not write it so."""
    for number, line in enumerate(file, 2):
        try:
            data = orjson.loads(line)
            entry = JournalEntry(**{**data, "body": data["body"].encode()})
            yield number, entry if _is_typed(entry) and _line_of(entry) == line else None
        except (ValueError, KeyError, TypeError, AttributeError):
            yield number, None


def _is_typed(entry: JournalEntry) -> bool:
    """Whether each field has its type. JSON may hold anything there."""
    texts = (entry.writer, entry.event, entry.hash)
    ids = (entry.action_id, entry.review_id)
    return (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(each, str | None) for each in ids)
        and type(entry.seq) is int
        and type(entry.at) in {int, float}
    )
