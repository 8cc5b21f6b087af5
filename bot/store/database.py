"""The database: one thread that writes in groups, a few that read, and the transaction they hand out."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import Connection, Engine, Insert, bindparam, select
from sqlalchemy.exc import DatabaseError, OperationalError

from bot.errors import StoreError, WrongVersion
from bot.store import journal, sqlite
from bot.store.tables import SCHEMA_VERSION, meta, metadata

T = TypeVar("T")

GROUP = 256
"""At most so many units of work share one commit."""
READERS = 2

_META = select(meta.c.value).where(meta.c.name == bindparam("wanted"))


class Transaction:
    """What a unit of work writes through: a connection, and the writer's end of the journal."""

    def __init__(self, connection: Connection, chain: journal.Chain) -> None:
        self.connection = connection
        self._chain = chain
        self._entries: list[dict[str, Any]] = []
        self._rows: list[dict[str, Any]] = []
        self._insert: Insert | None = None

    def journal(
        self,
        at: float,
        event: str,
        body: Mapping[str, Any],
        *,
        action_id: str | None = None,
        review_id: str | None = None,
    ) -> None:
        """Append to the journal: part of the same transaction as everything else here."""
        self._entries.append(self._chain.link(at, event, body, action_id, review_id))

    def append(self, statement: Insert, row: dict[str, Any]) -> None:
        """Insert a row together with others of its group. Not for a row that may conflict."""
        if statement is not self._insert:
            self.flush()
            self._insert = statement
        self._rows.append(row)

    def flush(self) -> None:
        """Send what was collected to the database."""
        if self._rows and self._insert is not None:
            self.connection.execute(self._insert, self._rows)
        if self._entries:
            journal.insert(self.connection, self._entries)
        self._rows, self._entries = [], []

    def mark(self) -> tuple[int, str]:
        """Begin a unit that may fail by itself."""
        self.flush()
        sqlite.savepoint(self.connection)
        return self._chain.mark()

    def keep(self) -> None:
        """End the unit, keeping it."""
        self.flush()
        sqlite.release(self.connection)

    def undo(self, mark: tuple[int, str]) -> None:
        """End the unit, dropping it."""
        self._rows, self._entries = [], []
        sqlite.undo(self.connection)
        self._chain.back(mark)


Work = Callable[[Transaction], T]


class _Unit:
    __slots__ = ("alone", "error", "future", "loop", "result", "work")

    def __init__(self, work: Work[Any], *, alone: bool) -> None:
        self.work = work
        self.alone = alone
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Database:
    """`membrane.db`, open. `write` and `append` return when what they did is durable."""

    def __init__(self, engine: Engine, path: Path, writer: str, lock: IO[str] | None) -> None:
        self.path = path
        self._engine = engine
        self._lock = lock
        self._writer = writer
        self._units: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._thread = threading.Thread(target=self._serve, name="store-write", daemon=True)
        self._closed = False
        self._thread.start()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a query in a reader's thread and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return work(connection)

    async def write(self, work: Work[T]) -> T:
        """Run a unit of work and return its result once it is durable.

        Units share a commit with others that wait; one that raises is undone alone and its error raised
        here. A caller that is cancelled does not undo the work.
        """
        return await self._submit(_Unit(work, alone=True))  # type: ignore[no-any-return]

    async def append(self, work: Work[T]) -> T:
        """Run a unit that only appends and cannot conflict; cheaper than `write`, as safe."""
        return await self._submit(_Unit(work, alone=False))  # type: ignore[no-any-return]

    def _submit(self, unit: _Unit) -> asyncio.Future[Any]:
        if self._closed:
            raise StoreError("the database is closed; the bot is stopping")
        self._units.put(unit)
        return unit.future

    def _serve(self) -> None:
        with self._engine.connect() as connection:
            chain: journal.Chain | None = None
            while (unit := self._units.get()) is not None:
                group = [unit]
                with suppress(queue.Empty):
                    while len(group) < GROUP and (more := self._units.get_nowait()) is not None:
                        group.append(more)
                chain = self._commit(connection, chain, group)
                _settle(group)
                if self._closed and self._units.empty():
                    return

    def _commit(
        self, connection: Connection, chain: journal.Chain | None, group: list[_Unit]
    ) -> journal.Chain | None:
        """Run a group in one transaction. Returns the chain, or None where it must be read again."""
        try:
            sqlite.begin(connection)
            chain = chain or journal.Chain.resume(connection, self._writer)
            transaction = Transaction(connection, chain)
            for unit in group:
                _run(unit, transaction)
            transaction.flush()
            sqlite.commit(connection)
        except BaseException as error:  # noqa: BLE001 - whatever it is, every caller in the group must hear it
            with suppress(DatabaseError):
                sqlite.rollback(connection)
            told = sqlite.explain(error, self.path) if isinstance(error, OperationalError) else error
            for unit in group:
                unit.error = told
            return None
        return chain

    async def close(self) -> None:
        """Finish what is queued, then close. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._units.put(None)
        await asyncio.to_thread(self._thread.join)
        self._readers.shutdown()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.close()


def _run(unit: _Unit, transaction: Transaction) -> None:
    if not unit.alone:
        unit.result = unit.work(transaction)
        return
    mark = transaction.mark()
    try:
        unit.result = unit.work(transaction)
        transaction.keep()
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to the caller, whose future carries it
        transaction.undo(mark)
        unit.error = error


def _settle(group: list[_Unit]) -> None:
    """Wake the callers, with one call into their loop for all of them."""

    def wake() -> None:
        for unit in group:
            unit.settle()

    with suppress(RuntimeError):  # their loop is gone, and with it whoever waited
        group[0].loop.call_soon_threadsafe(wake)


def open_database(
    path: Path, *, writer: str = "bot", readonly: bool = False, exclusive: bool = False
) -> Database:
    """Open `membrane.db`, making it if it is new.

    `exclusive` takes the folder for this process (the bot); without it the database is opened beside a
    running bot (the CLI). `writer` names this process's chain of the journal. Raises AlreadyRunning,
    WrongVersion or StoreError.
    """
    lock = sqlite.lock_folder(path.parent) if exclusive else None
    try:
        engine = sqlite.engine_for(path, readonly=readonly)
        with engine.connect() as connection:
            if not readonly:
                _prepare(connection)
            _check_version(connection, path)
    except DatabaseError as error:
        _release(lock)
        raise StoreError(f"the database {path} cannot be used: {error.orig}") from error
    except StoreError:
        _release(lock)
        raise
    return Database(engine, path, writer, lock)


def _release(lock: IO[str] | None) -> None:
    if lock is not None:
        lock.close()


def _prepare(connection: Connection) -> None:
    sqlite.begin(connection)
    try:
        fresh = not connection.dialect.has_table(connection, "meta")
        if fresh:
            metadata.create_all(connection)
            connection.execute(meta.insert(), {"name": "schema_version", "value": str(SCHEMA_VERSION)})
        sqlite.commit(connection)
    except BaseException:
        sqlite.rollback(connection)
        raise


def _check_version(connection: Connection, path: Path) -> None:
    found = connection.execute(_META, {"wanted": "schema_version"}).scalar()
    if found != str(SCHEMA_VERSION):
        raise WrongVersion(
            f"the database {path} has schema version {found}; this bot knows {SCHEMA_VERSION}. "
            "Install the version that wrote it, or another data folder with MEMBRANE_DATA."
        )
