"""A saver's failed or cancelled write leaves nothing behind that stops the next one."""

from __future__ import annotations

import asyncio
import operator
import sqlite3
import threading
import time
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import START, StateGraph

from bot.domain.digest import Keyring
from bot.errors import SettingsError, StoreError
from bot.graph import serializer, threads_file
from bot.graph.saver import GroupedSaver, open_saver
from bot.graph.serializer import check_strict
from bot.graph.threads_file import Step
from bot.membrane import Vault
from tests.waiting import PATIENCE_S

VAULT = Vault(Keyring.of(b"a secret of thirty-two characters"), "threads")


class Count(TypedDict):
    steps: Annotated[int, operator.add]


def graph() -> StateGraph[Any, Any, Any, Any]:
    builder = StateGraph(Count)
    builder.add_node("step", lambda _: {"steps": 1})
    builder.add_edge(START, "step")
    return builder


def at(thread: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


class Held:
    """Keeps the file's thread busy, so that other writes have to wait."""

    def __init__(self, saver: GroupedSaver) -> None:
        self._file = saver._file
        self._free = threading.Event()
        self._file.put(Step(None, lambda _: self._free.wait(PATIENCE_S), writes=False))
        while self._file.waiting:
            time.sleep(0.001)

    async def until_something_waits(self, count: int = 1) -> None:
        while self._file.waiting < count:
            await asyncio.sleep(0.005)

    def let_go(self) -> None:
        self._free.set()


async def test_a_lock_timeout_leaves_no_open_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LangGraph's own saver would fail with "database is locked" from here on."""
    monkeypatch.setattr(threads_file, "BUSY_S", 0.05)
    config: Any = {"configurable": {"thread_id": "t"}}
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        compiled = graph().compile(checkpointer=saver)
        other = sqlite3.connect(tmp_path / "threads.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"threads\.db cannot be used: it is locked"):
            await compiled.ainvoke({"steps": 0}, config, durability="sync")
        other.rollback()
        other.close()
        assert (await compiled.ainvoke({"steps": 0}, config, durability="sync"))["steps"] == 1


async def test_a_cancelled_write_is_finished(tmp_path: Path) -> None:
    """Cancelled half-way, it would leave the file locked for everybody else."""
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        held = Held(saver)
        save = asyncio.create_task(saver.aput(at("t"), empty_checkpoint(), {}, {}))
        await held.until_something_waits()
        save.cancel()
        with pytest.raises(asyncio.CancelledError):
            await save
        held.let_go()
    other = sqlite3.connect(tmp_path / "threads.db", timeout=0)
    assert other.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
    other.close()


async def test_only_the_faulty_step_of_a_group_fails(tmp_path: Path) -> None:
    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO checkpoints (thread_id, checkpoint_id) VALUES ('half', '1')")
        raise ValueError("spoilt")

    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        held = Held(saver)
        saves = [asyncio.create_task(saver.aput(at(name), empty_checkpoint(), {}, {})) for name in "ab"]
        spoilt = asyncio.create_task(saver._file.use(spoil, writes=True))
        await held.until_something_waits(3)
        held.let_go()
        await asyncio.gather(*saves)
        with pytest.raises(ValueError, match="spoilt"):
            await spoilt
        assert await saver.next_thread("") == "a"
        assert await saver.next_thread("a") == "b"
        assert await saver.next_thread("b") is None


async def test_the_saver_stores_the_state_at_the_time_of_the_call(tmp_path: Path) -> None:
    """A step that continues while its state waits for the write cannot change the written state."""
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        held = Held(saver)
        checkpoint, value = empty_checkpoint(), ["as it was"]
        checkpoint["channel_values"]["said"] = value
        save = asyncio.create_task(saver.aput(at("t"), checkpoint, {}, {}))
        await held.until_something_waits()
        value.append("later")
        held.let_go()
        await save
        found = await saver.aget_tuple(at("t"))
        assert found is not None
        assert found.checkpoint["channel_values"]["said"] == ["as it was"]


async def test_a_graph_that_runs_in_a_thread_of_its_own_is_saved_too(tmp_path: Path) -> None:
    """A tool may run a sub-agent synchronously: LangGraph then uses the saver's other half."""
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        compiled = graph().compile(checkpointer=saver)
        for steps in (1, 2):
            ended = await asyncio.to_thread(compiled.invoke, {"steps": 0}, at("t"), durability="sync")
            assert ended["steps"] == steps
        past = await asyncio.to_thread(lambda: list(compiled.get_state_history(at("t"))))
        assert [each.values for each in past] == [
            each.values async for each in compiled.aget_state_history(at("t"))
        ]
        assert len(past) == 6
        await asyncio.to_thread(saver.delete_thread, "t")
        assert await saver.aget_tuple(at("t")) is None


async def test_only_writes_of_others_count_as_changes_elsewhere(tmp_path: Path) -> None:
    config: Any = {"configurable": {"thread_id": "t"}}
    async with (
        open_saver(tmp_path / "threads.db", VAULT) as saver,
        open_saver(tmp_path / "threads.db", VAULT) as other,
    ):
        assert not await saver.changed_elsewhere()
        await graph().compile(checkpointer=saver).ainvoke({"steps": 0}, config)
        assert not await saver.changed_elsewhere()
        await other.adelete_thread("t")
        assert await saver.changed_elsewhere()
        assert not await saver.changed_elsewhere()


async def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    async with open_saver(tmp_path / "threads.db", VAULT):
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o077 == 0


async def test_threads_are_listed_in_order(tmp_path: Path) -> None:
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        compiled = graph().compile(checkpointer=saver)
        for name in ("b", "a"):
            await compiled.ainvoke({"steps": 0}, {"configurable": {"thread_id": name}})
        assert await saver.next_thread("") == "a"
        assert await saver.next_thread("a") == "b"
        assert await saver.next_thread("b") is None


def test_saved_state_is_read_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strict reading needs bot.graph to be imported first; otherwise the start stops with a remedy."""
    check_strict()
    monkeypatch.setattr(serializer, "STRICT_MSGPACK_ENABLED", False)
    with pytest.raises(SettingsError, match="LANGGRAPH_STRICT_MSGPACK=true"):
        check_strict()


async def test_a_close_saves_waiting_writes_and_refuses_later_ones(tmp_path: Path) -> None:
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        held = Held(saver)
        saves = [asyncio.create_task(saver.aput(at(name), empty_checkpoint(), {}, {})) for name in "abc"]
        await held.until_something_waits(3)
        held.let_go()
    await asyncio.gather(*saves)
    with pytest.raises(StoreError, match=r"threads\.db is closed"):
        await saver.aget_tuple(at("a"))
    with pytest.raises(StoreError, match=r"threads\.db is closed"):
        await asyncio.to_thread(saver.get_tuple, at("a"))
    async with open_saver(tmp_path / "threads.db", VAULT) as again:
        assert await again.next_thread("b") == "c"


async def test_a_file_that_is_no_database_is_refused_and_left_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "threads.db"
    path.write_bytes(b"not a database, however long one looks at it" * 50)
    with pytest.raises(StoreError, match="is not a SQLite database"):
        async with open_saver(path, VAULT):
            pass
    assert path.read_bytes().startswith(b"not a database")
