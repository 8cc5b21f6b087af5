"""The one thread that writes: units of work in groups, each group one commit."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from bot.errors import StoreError, TooMany
from bot.store import sqlite
from bot.store.journal.chain import Ends
from bot.store.transaction import Transaction

T = TypeVar("T")
Work = Callable[[Transaction], T]

GROUP = 256
"""At most so many units of work share one commit."""
MOST_APPENDS = 4096
"""Units that may wait when another append is refused: some tenths of a second of work. What waits is held in
memory, up to 64 KiB of arguments each."""
MOST_UNITS = 2 * MOST_APPENDS
"""Units that may wait when anything is refused: what machines append at full speed leaves room for people."""
RETRY_S = 1.0


class Unit:
    """Work that waits for the writer, and the future that its caller waits for."""

    __slots__ = ("alone", "error", "future", "loop", "result", "work")

    def __init__(self, work: Work[Any], *, alone: bool) -> None:
        self.work = work
        self.alone = alone
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Tell the caller; it may have gone."""
        if self.future.done():
            return
        if isinstance(self.error, StopIteration):  # a future cannot carry it
            self.error = RuntimeError("a unit of work raised StopIteration")
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Runs units in its thread. `sole`: nobody else writes this process's chains of the journal."""

    def __init__(self, engine: Engine, path: Path, name: str, *, sole: bool) -> None:
        self._engine = engine
        self._path = path
        self._name = name
        self._sole = sole
        self._ends: Ends | None = None
        self._known: set[str] = set()
        self._units: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="store-write", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many units wait."""
        return self._units.qsize()

    def submit(self, work: Work[Any], *, alone: bool) -> asyncio.Future[Any]:
        """Take a unit; its future is done when its commit is durable. Raises TooMany or StoreError.

        One that is not `alone` only appends and cannot conflict; it costs no savepoint.
        """
        if self._closed:
            raise StoreError("the database is closed; the bot is stopping")
        if self.waiting >= (MOST_UNITS if alone else MOST_APPENDS):
            raise TooMany("the store is behind with writing; ask again in a moment", retry_after=RETRY_S)
        unit = Unit(work, alone=alone)
        self._units.put(unit)
        return unit.future

    def close(self) -> None:
        """Finish what waits and end the thread. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._units.put(None)
        self._thread.join()

    def _serve(self) -> None:
        connection: Connection | None = None
        while group := self._take():
            try:
                connection = connection or self._engine.connect()
                self._commit(connection, group)
            except BaseException as error:  # noqa: BLE001 - the thread goes on, and every caller hears of it
                for unit in group:
                    unit.error = _told(error, self._path)
            _settle(group)
        if connection is not None:
            connection.close()

    def _take(self) -> list[Unit]:
        """Wait for a unit and take what else waits; nothing once the queue is closed and empty."""
        first = self._units.get()
        if first is None:
            return []
        group = [first]
        with suppress(queue.Empty):
            while len(group) < GROUP:
                more = self._units.get_nowait()
                if more is None:
                    self._units.put(None)
                    break
                group.append(more)
        return group

    def _commit(self, connection: Connection, group: list[Unit]) -> None:
        """Run a group in one transaction; where a unit spoils it for the others, each in one of its own."""
        try:
            self._run(connection, group)
        except BaseException as error:
            with suppress(*sqlite.ERRORS):
                sqlite.rollback(connection)
            self._ends = None
            self._known.clear()
            if len(group) == 1 or sqlite.of_the_store(error):
                raise
            for unit in group:
                try:
                    self._commit(connection, [unit])
                except BaseException as its_own:  # noqa: BLE001 - it belongs to this unit's caller
                    unit.error = _told(its_own, self._path)

    def _run(self, connection: Connection, group: list[Unit]) -> None:
        sqlite.begin(connection)
        if self._ends is None or not self._sole:
            self._ends = Ends(self._name)
        transaction = Transaction(connection, self._ends, self._known)
        for unit in group:
            unit.error = None
            _run(unit, transaction)
        transaction.flush()
        sqlite.commit(connection)


def _run(unit: Unit, transaction: Transaction) -> None:
    if not unit.alone:
        unit.result = unit.work(transaction)
        return
    mark = transaction.mark()
    try:
        unit.result = unit.work(transaction)
        transaction.keep()
    except Exception as error:
        if sqlite.of_the_store(error):
            raise
        transaction.undo(mark)
        unit.error = error


def _told(error: BaseException, path: Path) -> BaseException:
    return sqlite.explain(error, path) if sqlite.of_the_store(error) else error


def _settle(group: list[Unit]) -> None:
    """Wake the callers, with one call into each of their loops."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
    for unit in group:
        by_loop.setdefault(unit.loop, []).append(unit)
    for loop, units in by_loop.items():
        with suppress(RuntimeError):  # the loop is gone, and with it whoever waited
            loop.call_soon_threadsafe(_wake, units)


def _wake(units: list[Unit]) -> None:
    for unit in units:
        unit.settle()
