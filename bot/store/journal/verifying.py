"""Verification of chains. `Chains` checks the entries of a database and of an exported file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from bot.domain.record import JournalEntry
from bot.store.backend import backend_of
from bot.store.journal import segments
from bot.store.journal.anchors import ANCHORED, Anchor, ends_of
from bot.store.journal.chain import GENESIS, PASSING, End, hash_of
from bot.store.journal.reading import BATCH, ENTRIES
from bot.store.journal.segments import EXPORTED, Segment
from bot.store.tables import journal

_IN_CHAINS = (
    ENTRIES.add_columns(journal.c.id)
    .order_by(journal.c.writer, journal.c.seq)
    .execution_options(yield_per=BATCH)
)
_BEGINNING = End(0, GENESIS)
UNKNOWN = ""
"""The hash of an entry that was rightly deleted: the next entry cannot be checked against it."""


@dataclass(frozen=True, slots=True)
class Break:
    """A broken place in a chain: the entry, and what is wrong with it."""

    writer: str
    seq: int
    what: str


class Verified(NamedTuple):
    """The number of entries read, and every broken place."""

    read: int
    breaks: list[Break]


@dataclass(frozen=True, slots=True)
class Unchecked:
    """An entry that may have been changed without a visible break, and why."""

    writer: str
    seq: int
    what: str


class VerifiedExport(NamedTuple):
    """The number of entries in a file, its broken places, and the entries that it cannot prove alone."""

    read: int
    breaks: list[Break]
    unchecked: list[Unchecked]


class Known(NamedTuple):
    """An entry's hash from another source, and that source in words."""

    writer: str
    end: End
    source: str


class Chains:
    """Checks entries, each chain's in order, and collects what is wrong with them."""

    def __init__(self, known: Iterable[Known] = ()) -> None:
        self.read = 0
        self.breaks: list[Break] = []
        self.ends: dict[str, End] = {}
        self._known: dict[str, dict[int, list[tuple[str, str]]]] = {}
        for each in known:
            self.learn(each)

    def learn(self, known: Known) -> None:
        """Add an entry's word on another chain's end. If that chain was already read, compare its length."""
        writer, end, source = known
        if self.ends.get(writer, _BEGINNING).seq < end.seq:
            self._known.setdefault(writer, {}).setdefault(end.seq, []).append((end.hash, source))

    def begin(self, writer: str, end: End) -> None:
        """Set the entry after which a chain begins. Only a prunable chain begins after its first entry."""
        if end.seq < 1 and end != _BEGINNING:
            self._broken(writer, 1, "is said to follow something other than the beginning of all chains")
            end = _BEGINNING
        elif end.seq > 0 and not writer.endswith(tuple(PASSING)):
            what = f"is missing, with all up to entry {end.seq}, and what people decided is never pruned"
            self._broken(writer, 1, what)
        self.ends[writer] = end
        known = self._known.get(writer, {})
        for seq in [seq for seq in known if seq <= end.seq]:
            said = known.pop(seq)
            if seq == end.seq and end.hash != UNKNOWN:
                self._compare(writer, end, said)

    def take(self, entry: JournalEntry) -> None:
        """Check the next entry of its chain."""
        self.read += 1
        before = self.ends.get(entry.writer, _BEGINNING)
        number: Any = entry.seq  # any value may be there
        if not isinstance(number, int):
            self._broken(entry.writer, before.seq + 1, f"has {number!r} in place of its number")
            return
        if entry.seq != before.seq + 1:
            self._broken(entry.writer, entry.seq, _gap(before.seq, entry.seq))
        elif before.hash != UNKNOWN and not _holds(before.hash, entry):
            self._broken(
                entry.writer,
                entry.seq,
                "was changed, or stands in another's place, or the one before it was changed",
            )
        self.ends[entry.writer] = end = End(entry.seq, entry.hash)
        self._compare(entry.writer, end, self._known.get(entry.writer, {}).pop(entry.seq, []))

    def _compare(self, writer: str, end: End, said: list[tuple[str, str]]) -> None:
        for expected, source in said:
            if end.hash != expected:
                self._broken(writer, end.seq, f"is not the entry that {source} knows")

    def _broken(self, writer: str, seq: int, what: str) -> None:
        self.breaks.append(Break(str(writer), seq, what))

    def finish(self) -> Verified:
        """Return the broken places. Entries known from elsewhere must have been seen."""
        for writer, missing in self._known.items():
            end = self.ends.get(writer, _BEGINNING)
            if missing:
                ((_, source), *_), last = missing[max(missing)], max(missing)
                what = f"is missing, with all up to entry {last}, which {source} knows"
                self._broken(writer, end.seq + 1, what)
        return Verified(self.read, self.breaks)


def _gap(before: int, found: int) -> str:
    if found <= before:
        return f"stands after entry {before}"
    missing = f"entry {before + 1} is" if found == before + 2 else f"entries {before + 1} to {found - 1} are"
    return f"{missing} missing before it"


def _holds(before: str, entry: JournalEntry) -> bool:
    try:
        return entry.hash == hash_of(before, entry)
    except (TypeError, ValueError):
        return False  # a column holds what this bot never writes there


def known_of(anchors: Sequence[Anchor]) -> list[Known]:
    """Return the anchors' hashes of single entries."""
    return [
        Known(writer, end, f"the anchor of {anchor.at:.0f}")
        for anchor in anchors
        for writer, end in anchor.ends.items()
        if end.seq
    ]


def verify(connection: Connection, anchors: Sequence[Anchor] = ()) -> Verified:
    """Verify the database's chains. Return the number of entries and every broken place.

    Only an anchor shows that an entry was cut off the end of a chain.
    """
    with backend_of(connection).snapshot(connection):
        exported = segments.listed(connection)
        known = [Known(each.writer, each.end, f"the segment in {each.file}") for each in exported]
        chains = Chains([*known_of(anchors), *known])
        vouched: list[Mapping[str, Any]] = []
        writer, position = None, 0
        for *columns, place in connection.execute(_IN_CHAINS):
            entry = JournalEntry(*columns)
            if entry.writer != writer:
                writer, position = entry.writer, 0
                _begin(chains, entry, exported)
            chains.take(entry)
            if place <= position:
                chains.breaks.append(Break(writer, entry.seq, "was put into the order of writing elsewhere"))
            position = place
            if entry.event == EXPORTED:
                vouched.append(_body_of(entry))
            elif entry.event == ANCHORED:
                for each in _anchored(entry):
                    chains.learn(each)
    read, breaks = chains.finish()
    return Verified(read, [*breaks, *_unvouched(exported, vouched)])


def _begin(chains: Chains, first: JournalEntry, exported: list[Segment]) -> None:
    """Begin a chain where its exported segments end, or within a segment that is half deleted."""
    for segment in exported:
        if segment.writer != first.writer:
            continue
        if segment.last_seq + 1 == first.seq:
            chains.begin(first.writer, segment.end)
        elif segment.first_seq < first.seq <= segment.last_seq:
            chains.begin(first.writer, End(first.seq - 1, UNKNOWN))


def _body_of(entry: JournalEntry) -> Mapping[str, Any]:
    try:
        body = orjson.loads(entry.body)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _anchored(entry: JournalEntry) -> list[Known]:
    try:
        ends = ends_of(_body_of(entry)["chains"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return []  # it was changed, so its own chain does not hold
    source = f"entry {entry.seq} of {entry.writer}"
    return [Known(writer, end, source) for writer, end in ends.items() if end.seq]


def _unvouched(exported: list[Segment], vouched: list[Mapping[str, Any]]) -> Iterator[Break]:
    for segment in exported:
        if segment.vouched not in vouched:
            what = f"no entry vouches that all up to it was exported to {segment.file}"
            yield Break(segment.writer, segment.last_seq, what)
    there = [segment.vouched for segment in exported]
    for body in vouched:
        if body not in there:
            what = f"its export to {body.get('file')} is vouched for, but not known any more"
            yield Break(str(body.get("writer")), 0, what)
