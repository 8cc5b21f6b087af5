"""A thread that runs units of work in groups. Units that wait during a commit share the next one."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from bot.errors import StoreError
from bot.store.backend import Backend

GROUP = 256
"""Units that share one commit at most."""


class Unit:
    """Work that waits for its group, and the future that its caller waits for.

    `loop` is the caller's event loop. Without one the caller's thread waits.
    """

    __slots__ = ("error", "future", "loop", "result")

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.future: asyncio.Future[Any] | concurrent.futures.Future[Any] = (
            concurrent.futures.Future() if loop is None else loop.create_future()
        )
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Settle the caller's future. The caller may be gone."""
        if self.future.done():
            return
        if isinstance(self.error, StopIteration):  # a future cannot carry it
            self.error = RuntimeError("a unit of work raised StopIteration")
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


U = TypeVar("U", bound=Unit)


class Groups(ABC, Generic[U]):
    """Runs units on a database in a thread of that `name`, the only one that writes to it.

    If a unit spoils its group, only that unit fails and the others run again. If the database itself fails,
    every unit of the group fails with a StoreError and nothing of the group is kept.
    """

    def __init__(self, path: Path, name: str, backend: Backend) -> None:
        self.path = path
        self.backend = backend
        self.failures = 0
        """Number of groups that were lost because the database failed."""
        self.failure = ""
        """Why the last group was lost."""
        self._units: queue.SimpleQueue[U | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @abstractmethod
    def _run(self, group: list[U]) -> None:
        """Run a group in one transaction, commit it, and set each unit's result."""

    @abstractmethod
    def _undo(self) -> None:
        """Roll back a group that raised."""

    @abstractmethod
    def _end(self) -> None:
        """Close the thread's connection."""

    @property
    def waiting(self) -> int:
        """Number of waiting units."""
        return self._units.qsize()

    def put(self, unit: U) -> None:
        """Queue a unit. Its future is done when its commit is durable. Raises StoreError once closed."""
        with self._closing:  # a unit behind the end of the queue would wait forever
            if self._closed:
                raise StoreError(f"the database {self.path.name} is closed; the bot is stopping")
            self._units.put(unit)

    def close(self) -> None:
        """Finish the waiting units and end the thread. Safe to call twice."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._units.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while group := self._take():
            try:
                self._commit(group)
            except BaseException as error:  # noqa: BLE001 - the thread goes on, and every caller hears of it
                told = self._told(error)
                for unit in group:
                    unit.error = told
            _settle(group)
        self._end()

    def _take(self) -> list[U]:
        """Wait for a unit, and take the others that wait. Empty: the queue is closed and empty."""
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

    def _commit(self, group: list[U]) -> None:
        """Run a group in one transaction. If a unit spoils it, run each unit in a transaction of its own."""
        try:
            self._run(group)
        except BaseException as error:
            self._undo()
            if len(group) == 1 or self.backend.of_the_store(error):
                raise
            for unit in group:
                try:
                    self._commit([unit])
                except BaseException as its_own:  # noqa: BLE001 - it belongs to this unit's caller
                    unit.error = self._told(its_own)

    def _told(self, error: BaseException) -> BaseException:
        if not self.backend.of_the_store(error):
            return error
        told = self.backend.explain(error, self.path)
        self.failures, self.failure = self.failures + 1, str(told)
        return told


def _settle(group: list[U]) -> None:
    """Wake the callers, with one call into each of their loops."""
    by_loop: dict[asyncio.AbstractEventLoop, list[U]] = {}
    for unit in group:
        if unit.loop is None:
            unit.settle()
        else:
            by_loop.setdefault(unit.loop, []).append(unit)
    for loop, units in by_loop.items():
        with suppress(RuntimeError):  # the loop is gone, and its callers with it
            loop.call_soon_threadsafe(_wake, units)


def _wake(units: list[U]) -> None:
    for unit in units:
        unit.settle()
