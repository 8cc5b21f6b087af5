"""The journal: append-only, hash-chained, one chain per writer, verifiable offline.

An entry's hash is SHA-256 over the hash before it and the entry's own canonical JSON, so a changed,
dropped or reordered entry breaks every hash after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, func, select

from bot.domain.record import JournalEntry
from bot.store.tables import journal

GENESIS = "0" * 64
"""The hash before a chain's first entry."""

_INSERT = journal.insert()
_HEAD = (
    select(journal.c.seq, journal.c.hash)
    .where(journal.c.writer == bindparam("writer"))
    .order_by(journal.c.seq.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold: at which entry, and what is wrong with it."""

    writer: str
    seq: int
    what: str


class Chain:
    """One writer's end of the journal. Lives in the thread that writes; `head` is put back on a rollback."""

    def __init__(self, writer: str, seq: int = 0, head: str = GENESIS) -> None:
        self.writer = writer
        self.seq = seq
        self.head = head

    @classmethod
    def resume(cls, connection: Connection, writer: str) -> Chain:
        """Continue the chain where the database has it."""
        row = connection.execute(_HEAD, {"writer": writer}).first()
        return cls(writer, row.seq, row.hash) if row else cls(writer)

    def mark(self) -> tuple[int, str]:
        """Return where the chain is, for `back`."""
        return self.seq, self.head

    def back(self, mark: tuple[int, str]) -> None:
        """Forget what was linked since `mark`."""
        self.seq, self.head = mark

    def link(
        self,
        at: float,
        event: str,
        body: Mapping[str, Any],
        action_id: str | None = None,
        review_id: str | None = None,
    ) -> dict[str, Any]:
        """Return the next entry's row, linked to the one before."""
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        self.seq += 1
        entry = JournalEntry(self.writer, self.seq, at, event, action_id, review_id, text, "")
        self.head = _hash(self.head, entry)
        return {
            "writer": self.writer,
            "seq": self.seq,
            "at": at,
            "event": event,
            "action_id": action_id,
            "review_id": review_id,
            "body": text,
            "hash": self.head,
        }


def _hash(before: str, entry: JournalEntry) -> str:
    named = [before, entry.writer, entry.seq, entry.at, entry.event, entry.action_id, entry.review_id]
    return hashlib.sha256(orjson.dumps(named) + b"\n" + entry.body).hexdigest()


def _holds(before: str, entry: JournalEntry) -> bool:
    try:
        return entry.hash == _hash(before, entry)
    except TypeError:
        return False  # a column holds what this bot never writes there


def insert(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Write linked rows."""
    connection.execute(_INSERT, rows)


def entries(
    connection: Connection,
    *,
    action_id: str | None = None,
    review_id: str | None = None,
    event: str | None = None,
    last: int | None = None,
) -> Iterator[JournalEntry]:
    """Yield entries in the order they were written, the `last` so many of them if that is given."""
    query = select(journal)
    for column, value in (
        (journal.c.action_id, action_id),
        (journal.c.review_id, review_id),
        (journal.c.event, event),
    ):
        if value is not None:
            query = query.where(column == value)
    newest_first = query.order_by(journal.c.at.desc(), journal.c.writer.desc(), journal.c.seq.desc())
    if last is None:
        query = query.order_by(journal.c.at, journal.c.writer, journal.c.seq)
        rows = iter(connection.execution_options(yield_per=1000).execute(query))
    else:
        rows = iter(reversed(connection.execute(newest_first.limit(last)).all()))
    for row in rows:
        yield JournalEntry(*row)


def verify(connection: Connection) -> tuple[int, list[Break]]:
    """Return how many entries were read, and every place where a chain does not hold.

    An entry that was cut off the end of a chain leaves no trace in the chain itself.
    """
    query = select(journal).order_by(journal.c.writer, journal.c.seq)
    read, breaks, before, writer, expected = 0, [], GENESIS, None, 1
    for row in connection.execution_options(yield_per=1000).execute(query):
        entry = JournalEntry(*row)
        read += 1
        if entry.writer != writer:
            writer, before, expected = entry.writer, GENESIS, 1
        if entry.seq != expected:
            what = f"entries {expected} to {entry.seq - 1} are missing"
            breaks.append(Break(entry.writer, entry.seq, what))
        elif not _holds(before, entry):
            breaks.append(Break(entry.writer, entry.seq, "was changed, or stands in another's place"))
        before, expected = entry.hash, entry.seq + 1
    return read, breaks


def count(connection: Connection) -> int:
    """Return how many entries there are."""
    return connection.execute(select(func.count()).select_from(journal)).scalar_one()
