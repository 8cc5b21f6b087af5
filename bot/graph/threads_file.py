"""The file `threads.db`: one connection, one OS thread, and a commit for each group of waiting steps."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from langgraph.checkpoint.sqlite import SqliteSaver

from bot.store.groups import Groups, Unit
from bot.store.sqlite import SQLITE, TEMPORARY

T = TypeVar("T")

BUSY_S = 5.0
"""Seconds that a write waits for another process that holds the file."""


class Step(Unit):
    """One use of the file."""

    __slots__ = ("use", "writes")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None,
        use: Callable[[sqlite3.Connection], Any],
        *,
        writes: bool,
    ) -> None:
        super().__init__(loop)
        self.use = use
        self.writes = writes


class ThreadsFile(Groups[Step]):
    """The open `threads.db`: one connection, which one OS thread uses."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self.connection.execute(TEMPORARY)
            SqliteSaver(self.connection).setup()
            self.connection.execute("PRAGMA synchronous=FULL")
        except BaseException as error:
            self.connection.close()
            if SQLITE.of_the_store(error):
                raise SQLITE.explain(error, path) from error
            raise
        self._version: int | None = None
        super().__init__(path, "threads-db", SQLITE)

    def changed_elsewhere(self, connection: sqlite3.Connection) -> bool:
        """Whether another connection wrote to the file since the last call."""
        version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        before, self._version = self._version, version
        return before is not None and version != before

    async def use(self, use: Callable[[sqlite3.Connection], T], *, writes: bool = False) -> T:
        """Use the connection. To cancel the caller does not undo the write."""
        step = Step(asyncio.get_running_loop(), use, writes=writes)
        self.put(step)
        return cast("T", await cast("asyncio.Future[Any]", step.future))

    def wait(self, use: Callable[[sqlite3.Connection], T], *, writes: bool = False) -> T:
        """Use the connection, and block the calling OS thread until it is done."""
        step = Step(None, use, writes=writes)
        self.put(step)
        return cast("T", step.future.result())

    def _run(self, group: list[Step]) -> None:
        if any(step.writes for step in group):
            self.connection.execute("BEGIN IMMEDIATE")
        for step in group:
            step.error = None
            step.result = step.use(self.connection)
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")

    def _undo(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.rollback()

    def _end(self) -> None:
        self.connection.close()

    async def probe(self) -> None:
        """Make a durable test write. Raises StoreError."""
        await self.use(_count_up, writes=True)


def _count_up(connection: sqlite3.Connection) -> None:
    """Increase `user_version`, which SQLite keeps for applications and nothing else uses here."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version={(int(version) + 1) % 1_000_000}")
