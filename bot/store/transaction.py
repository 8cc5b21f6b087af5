"""The transaction that a unit of work writes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from bot.domain.freezing import Freeze
from bot.domain.risk import Tier
from bot.store import freezes, rulings
from bot.store.backend import backend_of
from bot.store.journal.chain import ROWS, Ends, Row
from bot.store.rulings import Brief
from bot.store.statements import Bulk


class Transaction:
    """A transaction of the writer: a connection, and the ends of the writer's chains."""

    def __init__(self, connection: Connection, ends: Ends, known: set[str]) -> None:
        self.connection = connection
        self._backend = backend_of(connection)
        self._ends = ends
        self._known = known
        self._entries: list[Row] = []
        self._rows: dict[Bulk, list[tuple[Any, ...]]] = {}
        self._freezes: tuple[Freeze, ...] | None = None

    def freezes(self) -> tuple[Freeze, ...]:
        """Return the freezes that nobody has thawed. Units that share this commit read them once."""
        if self._freezes is None:
            self._freezes = freezes.unthawed(self.connection)
        return self._freezes

    def freezes_changed(self) -> None:
        """Forget the freezes that were read: this transaction has changed them."""
        self._freezes = None

    def journal(
        self,
        at: float,
        event: str,
        body: Mapping[str, Any],
        *,
        action_id: str | None = None,
        review_id: str | None = None,
        tier: Tier | None = None,
    ) -> None:
        """Append to the journal, in the same transaction as everything else here.

        `tier` is the tier of the entry's action. Tiers that pass have chains of their own.
        """
        link = self._ends.link
        entry = link(self.connection, at, event, body, action_id=action_id, review_id=review_id, tier=tier)
        self._entries.append(entry)

    def append(self, bulk: Bulk, row: tuple[Any, ...]) -> None:
        """Insert a row together with the others of its group. The row may not conflict."""
        self._rows.setdefault(bulk, []).append(row)

    def keep_ruling(self, brief: Brief) -> None:
        """Store a shared ruling unless it exists."""
        if brief.id not in self._known:
            rulings.keep(self.connection, brief)
            self._known.add(brief.id)

    def flush(self) -> None:
        """Write the collected rows and entries."""
        for bulk, rows in self._rows.items():
            bulk.insert(self.connection, rows)
        if self._entries:
            ROWS.insert(self.connection, self._entries)
        self._rows, self._entries = {}, []

    def mark(self) -> Any:
        """Begin a unit that may fail by itself."""
        self.flush()
        self._backend.savepoint(self.connection)
        return self._ends.mark()

    def keep(self) -> None:
        """End the unit, keeping it."""
        self.flush()
        self._backend.release(self.connection)

    def undo(self, mark: Any) -> None:
        """End the unit, dropping it."""
        self._rows, self._entries = {}, []
        self._known.clear()
        self._freezes = None
        self._backend.undo(self.connection)
        self._ends.back(mark)
