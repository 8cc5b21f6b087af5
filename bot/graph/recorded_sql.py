"""LangGraph's own SQLite saver, with its writes recorded instead of executed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from langgraph.checkpoint.sqlite import SqliteSaver

from bot.graph.serializer import SealedSerializer

T = TypeVar("T")


class RecordedStatements:
    """A cursor that records statements, which the file's thread executes later."""

    def __init__(self) -> None:
        self._taken: list[tuple[str, list[Any]]] = []

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        self._taken.append((statement, [values]))

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._taken.append((statement, list(rows)))

    def run(self, connection: sqlite3.Connection) -> None:
        for statement, rows in self._taken:
            connection.executemany(statement, rows)


class RecordingSaver(SqliteSaver):
    """LangGraph's saver. Its writes are recorded; it reads on the file's thread."""

    def __init__(self, connection: sqlite3.Connection, serde: SealedSerializer) -> None:
        super().__init__(connection, serde=serde)
        self.is_setup = True
        self._statements = RecordedStatements()

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:  # noqa: FBT001, FBT002 - LangGraph's
        if transaction:
            yield cast("sqlite3.Cursor", self._statements)
            return
        cursor = self.conn.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def take_down(self, write: Callable[[], T]) -> tuple[T, RecordedStatements]:
        """Return the result of a write, and its statements. The saved values are serialized in this call."""
        with self.lock:
            self._statements = RecordedStatements()
            return write(), self._statements
