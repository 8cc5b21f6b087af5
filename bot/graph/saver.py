"""Where LangGraph keeps its threads: `threads.db`, a file of its own.

Apart from the store, because a run that is cancelled or that meets a lock would otherwise lock the truth out,
and guarded, because LangGraph's saver leaves its transaction open when a write fails: every later run would
then fail with "database is locked".

Saved state holds every argument and message of a thread, what the policy redacts included, so it is sealed:
with LangGraph's EncryptedSerializer, which keeps the strict reading of msgpack under it, and the membrane's
own vault as its cipher. State that is not sealed, or was changed, is not read at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.serde._msgpack import STRICT_MSGPACK_ENABLED
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from bot.errors import SettingsError, StoreError
from bot.membrane import Vault

T = TypeVar("T")

CIPHER = "membrane"
"""What a sealed value's type says after the +."""
BUSY_S = 5.0
"""How long a write waits for another process that holds the file."""

_NEXT_THREAD = "SELECT min(thread_id) FROM checkpoints WHERE thread_id > ?"


class _Cipher:
    """The vault as LangGraph's CipherProtocol."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return CIPHER, self._vault.seal(plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        if ciphername != CIPHER:
            raise StoreError(f"saved state is sealed with {ciphername[:40]!r}, and only {CIPHER} is read")
        return self._vault.open(ciphertext)


class SealedSerializer(EncryptedSerializer):
    """Seals what is saved, and reads nothing else. LangGraph's own would read what is not sealed, too."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Open and read what was saved. Raises StoreError where it was not saved by this bot."""
        if "+" not in data[0]:
            raise StoreError(
                "a thread's saved state is not sealed, so the bot did not write it; end the thread"
            )
        return super().loads_typed(data)


class GuardedSaver(AsyncSqliteSaver):
    """LangGraph's saver, whose writes end: a cancelled run's are finished, a failed one is rolled back."""

    def __init__(self, conn: aiosqlite.Connection, vault: Vault) -> None:
        super().__init__(conn, serde=SealedSerializer(_Cipher(vault), JsonPlusSerializer()))
        self._writing = asyncio.Lock()
        self._writes: set[asyncio.Task[Any]] = set()
        self._version: int | None = None

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> GuardedSaver:
        """Return a copy that reads these types, too. LangGraph makes one for each graph."""
        copied = super().with_allowlist(extra_allowlist)
        assert isinstance(copied, GuardedSaver), "LangGraph copies the saver"
        assert isinstance(copied.serde, EncryptedSerializer), "and keeps its cipher"
        copied.serde = SealedSerializer(copied.serde.cipher, copied.serde.serde)
        return copied

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint."""
        return await self._guard(super().aput(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote."""
        await self._guard(super().aput_writes(config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread's saved state."""
        await self._guard(super().adelete_thread(thread_id))

    async def next_thread(self, after: str) -> str | None:
        """Return the id of the next thread that has saved state, in the order of ids."""
        async with self.lock, self.conn.execute(_NEXT_THREAD, (after,)) as rows:
            row = await rows.fetchone()
        return row[0] if row is not None else None

    async def changed_elsewhere(self) -> bool:
        """Whether somebody else wrote to the file since the last call: its threads may stand elsewhere."""
        async with self.lock, self.conn.execute("PRAGMA data_version") as rows:
            row = await rows.fetchone()
        version: int | None = row[0] if row is not None else None
        before, self._version = self._version, version
        return before is not None and version != before

    async def quiesce(self) -> None:
        """Wait until the writes of cancelled runs have ended."""
        await asyncio.gather(*self._writes, return_exceptions=True)

    async def _guard(self, write: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(self._or_roll_back(write))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def _or_roll_back(self, write: Coroutine[Any, Any, T]) -> T:
        async with self._writing:
            try:
                return await write
            except BaseException:
                async with self.lock:
                    await self.conn.rollback()
                raise


def check_strict() -> None:
    """Raise SettingsError unless LangGraph reads saved state strictly.

    Otherwise a poisoned row of `threads.db` could run a command when it is read.
    """
    if not STRICT_MSGPACK_ENABLED:
        raise SettingsError(
            "LangGraph was imported before bot.graph, so it would read saved state without restrictions; "
            "set LANGGRAPH_STRICT_MSGPACK=true in the environment, or import bot.graph first"
        )


@asynccontextmanager
async def open_saver(path: Path, vault: Vault) -> AsyncIterator[GuardedSaver]:
    """Open `threads.db`, sealed by the vault.

    The connection is closed whatever happens: an open one hangs the process.
    """
    check_strict()
    path.touch(mode=0o600)  # noqa: ASYNC240 - once, at the start; the file holds what agents were told
    connection = await aiosqlite.connect(path, timeout=BUSY_S)
    try:
        saver = GuardedSaver(connection, vault)
        await saver.setup()
        yield saver
        await saver.quiesce()
    finally:
        await connection.close()
