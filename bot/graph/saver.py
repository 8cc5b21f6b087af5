"""Where LangGraph keeps its threads: `threads.db`, a file of its own, written in groups.

Apart from the store, because a run that is cancelled or that meets a lock would otherwise lock the truth out.
LangGraph's asynchronous saver takes one step after another through one lock, with a commit for each; here the
steps of all threads that wait share a commit, which is several times faster. What is written and how is still
LangGraph's: its SqliteSaver makes the statements, and reads.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.sqlite import SqliteSaver

from bot.graph.run_context import find_context
from bot.graph.serializer import SealedSerializer, sealed, sealed_alike
from bot.membrane import Vault
from bot.store.groups import Groups, Unit
from bot.store.sqlite import SQLITE, TEMPORARY

T = TypeVar("T")

BUSY_S = 5.0
"""How long a write waits for another process that holds the file."""

_NEXT_THREAD = "SELECT min(thread_id) FROM checkpoints WHERE thread_id > ?"


class _Statements:
    """A cursor that takes statements down, for the file's thread to execute."""

    def __init__(self) -> None:
        self._taken: list[tuple[str, list[Any]]] = []

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        self._taken.append((statement, [values]))

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._taken.append((statement, list(rows)))

    def run(self, connection: sqlite3.Connection) -> None:
        for statement, rows in self._taken:
            connection.executemany(statement, rows)


class _Sql(SqliteSaver):
    """LangGraph's saver: what it would write is taken down, what it reads it reads in the file's thread."""

    def __init__(self, connection: sqlite3.Connection, serde: SealedSerializer) -> None:
        super().__init__(connection, serde=serde)
        self.is_setup = True
        self._statements = _Statements()

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

    def take_down(self, write: Callable[[], T]) -> tuple[T, _Statements]:
        """Return what a write returns, and its statements. What it saves is serialised here and now."""
        with self.lock:
            self._statements = _Statements()
            return write(), self._statements


class _Step(Unit):
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


class _File(Groups[_Step]):
    """`threads.db`, open: one connection, used by one thread."""

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
        """Use the connection. A caller that is cancelled does not undo what it wrote."""
        step = _Step(asyncio.get_running_loop(), use, writes=writes)
        self.put(step)
        return cast("T", await cast("asyncio.Future[Any]", step.future))

    def wait(self, use: Callable[[sqlite3.Connection], T], *, writes: bool = False) -> T:
        """Use the connection, and wait for it with the whole thread."""
        step = _Step(None, use, writes=writes)
        self.put(step)
        return cast("T", step.future.result())

    def _run(self, group: list[_Step]) -> None:
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


class GroupedSaver(BaseCheckpointSaver[str]):
    """LangGraph's saved state in `threads.db`. Every method raises StoreError where the file fails."""

    def __init__(self, file: _File, serde: SealedSerializer) -> None:
        super().__init__(serde=serde)
        self._file = file
        self._sql = _Sql(file.connection, serde)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> GroupedSaver:
        """Return a copy that reads these types, too. LangGraph asks for one at every use of a graph."""
        wider = super().with_allowlist(extra_allowlist)
        return self if wider is self else GroupedSaver(self._file, sealed_alike(wider.serde))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Return the version of a channel after this one."""
        return self._sql.get_next_version(current, channel)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a saved checkpoint and what was written since; the latest where none is named."""
        return await self._file.use(lambda _: self._sql.get_tuple(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name, as below
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield saved checkpoints, the latest first."""
        for found in await self._file.use(
            lambda _: list(self._sql.list(config, filter=filter, before=before, limit=limit))
        ):
            yield found

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return what was written to channels that are saved as differences."""
        return await self._file.use(
            lambda _: self._sql.get_delta_channel_history(config=config, channels=channels)
        )

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint."""
        return await self._write(lambda: self._sql.put(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote."""
        await self._write(lambda: self._sql.put_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread's saved state."""
        await self._write(lambda: self._sql.delete_thread(thread_id))

    # The same for a graph that a tool runs synchronously, in a thread of its own.

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As `aget_tuple`."""
        return self._file.wait(lambda _: self._sql.get_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """As `alist`."""
        yield from self._file.wait(
            lambda _: [*self._sql.list(config, filter=filter, before=before, limit=limit)]
        )

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As `aget_delta_channel_history`."""
        return self._file.wait(
            lambda _: self._sql.get_delta_channel_history(config=config, channels=channels)
        )

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As `aput`."""
        return self._write_and_wait(lambda: self._sql.put(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As `aput_writes`."""
        self._write_and_wait(lambda: self._sql.put_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """As `adelete_thread`."""
        self._write_and_wait(lambda: self._sql.delete_thread(thread_id))

    async def _write(self, write: Callable[[], T]) -> T:
        result, statements = self._sql.take_down(write)
        context = find_context()
        if context is not None and context.loop is asyncio.get_running_loop():
            await context.reports.written()
        await self._file.use(statements.run, writes=True)
        return result

    def _write_and_wait(self, write: Callable[[], T]) -> T:
        result, statements = self._sql.take_down(write)
        self._file.wait(statements.run, writes=True)
        return result

    # What the host and the watch over the store ask of the file.

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._file.path

    @property
    def failures(self) -> int:
        """How many groups of steps were lost because the file failed."""
        return self._file.failures

    @property
    def failure(self) -> str:
        """Why the last of them was, in a sentence."""
        return self._file.failure

    async def probe(self) -> None:
        """Write something, durably. Raises StoreError."""
        await self._file.use(_count_up, writes=True)

    async def next_thread(self, after: str) -> str | None:
        """Return the id of the next thread that has saved state, in the order of ids."""
        found: str | None = await self._file.use(
            lambda connection: connection.execute(_NEXT_THREAD, (after,)).fetchone()[0]
        )
        return found

    async def changed_elsewhere(self) -> bool:
        """Whether somebody else wrote to the file since the last call: its threads may stand elsewhere."""
        return await self._file.use(self._file.changed_elsewhere)


def _count_up(connection: sqlite3.Connection) -> None:
    """Change the number that SQLite keeps in a file for whoever uses it, and that nobody else uses here."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version={(int(version) + 1) % 1_000_000}")


@asynccontextmanager
async def open_saver(path: Path, vault: Vault) -> AsyncIterator[GroupedSaver]:
    """Open `threads.db`, sealed by the vault. What waits to be written is, before it is closed.

    Raises SettingsError unless saved state would be read strictly, or StoreError.
    """
    serde = sealed(vault)
    path.touch(mode=0o600)  # noqa: ASYNC240 - once, at the start; the file holds what agents were told
    file = await asyncio.to_thread(_File, path)
    try:
        yield GroupedSaver(file, serde)
    finally:
        await asyncio.to_thread(file.close)
