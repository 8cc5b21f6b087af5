"""The true record of effects: a SQLite file beside the bot that every effect writes a row into.

It lives outside of the bot's store and outlives every kill. A row is one run of an effect, also a run that
should not have been, so that nothing that happened twice can hide.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VARIABLE = "CHAOS_LEDGER"
"""The environment variable that tells the hosted agents where the ledger is."""
BUSY_S = 10.0

_SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE runs (job TEXT, kind TEXT, key TEXT, action_id TEXT, attempt INTEGER, style TEXT, at REAL);
CREATE TABLE told (job TEXT, action_id TEXT, receipt TEXT, outcome TEXT, at REAL);
"""


class Ledger:
    """The ledger at a path. A connection lives for one call only, so a kill holds no lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def from_environment(cls) -> Ledger:
        """Return the ledger that the environment names."""
        return cls(Path(os.environ[VARIABLE]))

    def found(self) -> None:
        """Make the file."""
        with self._connection() as connection:
            connection.executescript(_SCHEMA)

    def ran(
        self,
        job: str,
        kind: str,
        *,
        style: str,
        key: str | None = None,
        action_id: str | None = None,
        attempt: int | None = None,
    ) -> None:
        """Write that an effect happened. A stock agent's tool knows neither key nor action."""
        with self._connection() as connection:
            row = (job, kind, key, action_id, attempt, style, time.time())
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def told(self, job: str, *, action_id: str | None, receipt: str, outcome: str | None) -> None:
        """Write the answer that a hosted graph got. A node that runs again writes it again."""
        with self._connection() as connection:
            row = (job, action_id, receipt, outcome, time.time())
            connection.execute("INSERT INTO told VALUES (?, ?, ?, ?, ?)", row)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return a table, `runs` or `told`, in the order it was written."""
        with self._connection() as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid")]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        connection.execute(
            "PRAGMA synchronous=OFF"
        )  # a killed process loses nothing; only a dead machine does
        try:
            yield connection
        finally:
            connection.close()
