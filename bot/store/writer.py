"""The only thread that writes the store. It commits units of work in groups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from bot.errors import TooMany
from bot.store.backend import backend_of
from bot.store.groups import Groups, Unit
from bot.store.journal.chain import Ends
from bot.store.transaction import Transaction

T = TypeVar("T")
Work = Callable[[Transaction], T]

MOST_APPENDS = 4096
"""Waiting units above which appends are refused: some tenths of a second of work. Waiting units are in
memory, with up to 64 KiB of arguments each."""
MOST_UNITS = 2 * MOST_APPENDS
"""Waiting units above which every unit is refused. Appends of machines leave room for people."""
RETRY_S = 1.0


class WorkUnit(Unit):
    """A unit of work. Without `alone` it only appends, cannot conflict, and costs no savepoint."""

    __slots__ = ("alone", "work")

    def __init__(self, work: Work[Any], *, alone: bool) -> None:
        super().__init__(asyncio.get_running_loop())
        self.work = work
        self.alone = alone


class Writer(Groups[WorkUnit]):
    """Runs units in its thread. `sole`: no other process writes this process's chains of the journal."""

    def __init__(self, engine: Engine, path: Path, name: str, *, sole: bool) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._name = name
        self._sole = sole
        self._ends: Ends | None = None
        self._known: set[str] = set()
        super().__init__(path, "store-write", backend_of(engine))

    def submit(self, work: Work[Any], *, alone: bool) -> asyncio.Future[Any]:
        """Queue a unit. Its future is done when its commit is durable. Raises TooMany or StoreError."""
        if self.waiting >= (MOST_UNITS if alone else MOST_APPENDS):
            raise TooMany("the store is behind with writing; ask again in a moment", retry_after=RETRY_S)
        unit = WorkUnit(work, alone=alone)
        self.put(unit)
        assert isinstance(unit.future, asyncio.Future), "it was made in a loop"
        return unit.future

    def _run(self, group: list[WorkUnit]) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
        self.backend.begin(self._connection)
        if self._ends is None or not self._sole:
            self._ends = Ends(self._name)
        transaction = Transaction(self._connection, self._ends, self._known)
        for unit in group:
            unit.error = None
            self._work(unit, transaction)
        transaction.flush()
        self.backend.commit(self._connection)

    def _work(self, unit: WorkUnit, transaction: Transaction) -> None:
        if not unit.alone:
            unit.result = unit.work(transaction)
            return
        mark = transaction.mark()
        try:
            unit.result = unit.work(transaction)
            transaction.keep()
        except Exception as error:
            if self.backend.of_the_store(error):
                raise
            transaction.undo(mark)
            unit.error = error

    def _undo(self) -> None:
        if self._connection is not None:
            with suppress(*self.backend.errors):
                self.backend.rollback(self._connection)
        self._ends = None
        self._known.clear()

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
