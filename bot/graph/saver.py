"""LangGraph's checkpoint saver: it keeps threads in `threads.db`, a file of its own, with group commits.

The file is apart from the store, because a cancelled run or a lock would otherwise block the store.
LangGraph's asynchronous saver takes one step after another through one lock, with a commit for each. Here the
waiting steps of all threads share a commit, which is several times faster. The statements are still
LangGraph's: its SqliteSaver makes them, and reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)

from bot.graph.recorded_sql import RecordingSaver
from bot.graph.run_context import find_context
from bot.graph.serializer import SealedSerializer, sealed, sealed_alike
from bot.graph.threads_file import ThreadsFile
from bot.membrane import Vault

T = TypeVar("T")


_NEXT_THREAD = "SELECT min(thread_id) FROM checkpoints WHERE thread_id > ?"


class GroupedSaver(BaseCheckpointSaver[str]):
    """LangGraph's saved state in `threads.db`. Every method raises StoreError if the file fails."""

    def __init__(self, file: ThreadsFile, serde: SealedSerializer) -> None:
        super().__init__(serde=serde)
        self._file = file
        self._sql = RecordingSaver(file.connection, serde)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> GroupedSaver:
        """Return a copy that also reads these types. LangGraph asks for one at every use of a graph."""
        wider = super().with_allowlist(extra_allowlist)
        return self if wider is self else GroupedSaver(self._file, sealed_alike(wider.serde))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Return the next version of a channel."""
        return self._sql.get_next_version(current, channel)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a saved checkpoint and its pending writes; the latest one if the config names none."""
        return await self._file.use(lambda _: self._sql.get_tuple(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name, as below
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield saved checkpoints, latest first."""
        for found in await self._file.use(
            lambda _: list(self._sql.list(config, filter=filter, before=before, limit=limit))
        ):
            yield found

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return the writes to channels that are saved as differences."""
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
        """Save the writes of a task."""
        await self._write(lambda: self._sql.put_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread's saved state."""
        await self._write(lambda: self._sql.delete_thread(thread_id))

    # The same methods for a graph that a tool runs synchronously, on an OS thread of its own.

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Do the same as `aget_tuple`."""
        return self._file.wait(lambda _: self._sql.get_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Do the same as `alist`."""
        yield from self._file.wait(
            lambda _: [*self._sql.list(config, filter=filter, before=before, limit=limit)]
        )

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Do the same as `aget_delta_channel_history`."""
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
        """Do the same as `aput`."""
        return self._write_and_wait(lambda: self._sql.put(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Do the same as `aput_writes`."""
        self._write_and_wait(lambda: self._sql.put_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        """Do the same as `adelete_thread`."""
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

    # For the host, and for the watch over the store

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._file.path

    @property
    def failures(self) -> int:
        """The number of groups of steps that were lost because the file failed."""
        return self._file.failures

    @property
    def failure(self) -> str:
        """Why the last group was lost, in a sentence."""
        return self._file.failure

    async def probe(self) -> None:
        """Make a durable test write. Raises StoreError."""
        await self._file.probe()

    async def next_thread(self, after: str) -> str | None:
        """Return the id of the next thread that has saved state, in the order of ids."""
        found: str | None = await self._file.use(
            lambda connection: connection.execute(_NEXT_THREAD, (after,)).fetchone()[0]
        )
        return found

    async def changed_elsewhere(self) -> bool:
        """Whether another process wrote to the file since the last call, so that threads may have moved."""
        return await self._file.use(self._file.changed_elsewhere)


@asynccontextmanager
async def open_saver(path: Path, vault: Vault) -> AsyncIterator[GroupedSaver]:
    """Open `threads.db`, sealed by the vault. Waiting steps are written before it closes.

    Raises SettingsError unless LangGraph reads saved state strictly, and StoreError if the file fails.
    """
    serde = sealed(vault)
    path.touch(mode=0o600)  # noqa: ASYNC240 - once, at the start; only the bot's user may read the file
    file = await asyncio.to_thread(ThreadsFile, path)
    try:
        yield GroupedSaver(file, serde)
    finally:
        await asyncio.to_thread(file.close)
