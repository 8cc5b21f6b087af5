"""The database: one thread writes in groups, a few threads read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from bot.file_lock import FileLock
from bot.store import opening
from bot.store.backend import Backend, backend_of
from bot.store.facts import set_fact
from bot.store.restores import WRITTEN_AT
from bot.store.sqlite import SQLITE
from bot.store.transaction import Transaction
from bot.store.writer import Work, Writer

__all__ = ["Database", "Transaction", "Work", "open_database"]

T = TypeVar("T")

READERS = 2


class Database:
    """An open `membrane.db`. `write` and `append` return when their unit is durable.

    Both raise StoreError if the database cannot be written now; then nothing of the unit is kept. Both raise
    TooMany if the queue is full.
    """

    def __init__(self, engine: Engine, path: Path, writer: str, lock: FileLock | None) -> None:
        self.path = path
        self._engine = engine
        self._backend = backend_of(engine)
        self._lock = lock
        self._writer = Writer(engine, path, writer, sole=lock is not None)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")

    @property
    def failures(self) -> int:
        """Number of groups of writes that were lost because the file failed."""
        return self._writer.failures

    @property
    def failure(self) -> str:
        """Why the last group was lost, in a sentence."""
        return self._writer.failure

    async def probe(self) -> None:
        """Write a fact durably. Raises StoreError if the database cannot be written now."""
        await self.write(lambda tx: set_fact(tx.connection, WRITTEN_AT, str(time.time())))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a query in a reader's thread and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except self._backend.errors as error:
            if self._backend.of_the_store(error):
                raise self._backend.explain(error, self.path) from error
            raise

    async def write(self, work: Work[T]) -> T:
        """Run a unit of work and return its result once it is durable.

        Waiting units share a commit. A unit that raises is rolled back alone, and its error is raised here. A
        unit may run a second time after its first run was rolled back. Cancelling the caller does not undo
        the work.
        """
        return await self._writer.submit(work, alone=True)  # type: ignore[no-any-return]

    async def append(self, work: Work[T]) -> T:
        """Run a unit that only appends and cannot conflict. Cheaper than `write`, and as safe."""
        return await self._writer.submit(work, alone=False)  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Finish the queued units, then close. Safe to call twice."""
        await asyncio.to_thread(self._writer.close)
        self._readers.shutdown()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()


def open_database(
    path: Path,
    *,
    writer: str = "bot",
    readonly: bool = False,
    exclusive: bool = False,
    backend: Backend = SQLITE,
) -> Database:
    """Open `membrane.db`. Create it if it is new.

    The bot opens it `exclusive`: that locks the folder, checks a small file for damage, and migrates an
    older database after copying it. The CLI opens it beside a running bot; an older database is then refused.
    `writer` names this process's chains of the journal. Raises AlreadyRunning, WrongVersion or StoreError.
    """
    with ExitStack() as undo:
        lock = undo.enter_context(backend.lock(path.parent)) if exclusive else None
        engine = backend.engine(path, readonly=readonly)
        undo.callback(engine.dispose)
        try:
            opening.prepare(engine, path, writer, readonly=readonly, exclusive=exclusive)
        except backend.errors as error:
            raise backend.explain(error, path) from error
        undo.pop_all()
    return Database(engine, path, writer, lock)
