"""A chain's hash, and the ends of the chains that one process writes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, select

from bot.domain.record import JournalEntry
from bot.domain.risk import Tier
from bot.store.statements import Bulk, Prepared
from bot.store.tables import journal

GENESIS = "0" * 64
"""The hash before a chain's first entry."""

PASSING = {f".tier{int(tier)}": tier for tier in Tier if not tier.waits}
"""The tiers of passing chains, by the ends of their names. Only these chains may be pruned."""

ROWS = Bulk(journal)
_LAST = Prepared(
    select(journal.c.seq, journal.c.hash)
    .where(journal.c.writer == bindparam("of"))
    .order_by(journal.c.seq.desc())
    .limit(1)
)

Row = tuple[str, int, float, str, str | None, str | None, bytes, str]
"""A linked entry, in the order of `ROWS.columns`."""


class End(NamedTuple):
    """The end of a chain: number and hash of its last entry; 0 and GENESIS if it has none."""

    seq: int
    hash: str


def hash_of(before: str, entry: JournalEntry) -> str:
    """Return the hash that an entry must have after the hash before it."""
    named = [before, entry.writer, entry.seq, entry.at, entry.event, entry.action_id, entry.review_id]
    return _hash(named, entry.body)


def _hash(named: list[Any], body: bytes) -> str:
    return hashlib.sha256(orjson.dumps(named) + b"\n" + body).hexdigest()


class Ends:
    """The ends of one process's chains: one for decisions, one for each tier that passes.

    Lives in the writing thread, for one transaction, or for many if no other process writes these chains.
    `mark` and `back` undo a unit's entries.
    """

    def __init__(self, writer: str) -> None:
        self._writer = writer
        self._ends: dict[Tier | None, tuple[str, End]] = {}

    def mark(self) -> dict[Tier | None, tuple[str, End]]:
        """Return the current ends, for `back`."""
        return dict(self._ends)

    def back(self, mark: dict[Tier | None, tuple[str, End]]) -> None:
        """Forget the entries since `mark`."""
        self._ends = mark

    def link(
        self,
        connection: Connection,
        at: float,
        event: str,
        body: Mapping[str, Any],
        *,
        action_id: str | None = None,
        review_id: str | None = None,
        tier: Tier | None = None,
    ) -> Row:
        """Return the next entry, linked to the one before. A tier that passes has a chain of its own."""
        if tier is not None and tier.waits:
            tier = None
        writer, (seq, before) = self._ends.get(tier) or self._resume(connection, tier)
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        after = _hash([before, writer, seq + 1, at, event, action_id, review_id], text)
        self._ends[tier] = writer, End(seq + 1, after)
        return writer, seq + 1, at, event, action_id, review_id, text, after

    def _resume(self, connection: Connection, tier: Tier | None) -> tuple[str, End]:
        writer = self._writer if tier is None else f"{self._writer}.tier{int(tier)}"
        return writer, end_of(connection, writer)


def end_of(connection: Connection, writer: str) -> End:
    """Return the end of a chain in the database."""
    row = _LAST.first(connection, {"of": writer})
    return End(row.seq, row.hash) if row is not None else End(0, GENESIS)
