"""The guarded saver: a write that fails or is cancelled leaves nothing behind that stops the next one."""

from __future__ import annotations

import asyncio
import operator
import sqlite3
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import START, StateGraph

from bot.errors import SettingsError
from bot.graph import saver as saver_module
from bot.graph.saver import check_strict, open_saver
from bot.membrane import Vault

VAULT = Vault(b"a secret of thirty-two characters", "threads")


class Count(TypedDict):
    steps: Annotated[int, operator.add]


def graph() -> StateGraph[Any, Any, Any, Any]:
    builder = StateGraph(Count)
    builder.add_node("step", lambda _: {"steps": 1})
    builder.add_edge(START, "step")
    return builder


async def test_a_lock_timeout_leaves_no_open_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LangGraph's own saver would fail with "database is locked" from here on."""
    monkeypatch.setattr(saver_module, "BUSY_S", 0.05)
    config: Any = {"configurable": {"thread_id": "t"}}
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        compiled = graph().compile(checkpointer=saver)
        other = sqlite3.connect(tmp_path / "threads.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await compiled.ainvoke({"steps": 0}, config, durability="sync")
        other.rollback()
        other.close()
        assert not saver.conn.in_transaction
        assert (await compiled.ainvoke({"steps": 0}, config, durability="sync"))["steps"] == 1


async def test_a_cancelled_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled between the insert and the commit, the file would stay locked for everybody else."""
    config: Any = {"configurable": {"thread_id": "t"}}
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        compiled = graph().compile(checkpointer=saver)
        commit, reached = saver.conn.commit, asyncio.Event()

        async def slow() -> None:
            reached.set()
            await asyncio.sleep(0.05)
            await commit()

        monkeypatch.setattr(saver.conn, "commit", slow)
        run = asyncio.create_task(compiled.ainvoke({"steps": 0}, config, durability="sync"))
        await reached.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await saver.quiesce()
        assert not saver.conn.in_transaction
    other = sqlite3.connect(tmp_path / "threads.db", timeout=0)
    assert other.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
    other.close()


async def test_only_what_others_write_counts_as_changed_elsewhere(tmp_path: Path) -> None:
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


async def test_threads_are_walked_in_order(tmp_path: Path) -> None:
    async with open_saver(tmp_path / "threads.db", VAULT) as saver:
        compiled = graph().compile(checkpointer=saver)
        for name in ("b", "a"):
            await compiled.ainvoke({"steps": 0}, {"configurable": {"thread_id": name}})
        assert await saver.next_thread("") == "a"
        assert await saver.next_thread("a") == "b"
        assert await saver.next_thread("b") is None


def test_saved_state_is_read_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing bot.graph first is what makes it so; otherwise the start stops and says what to do."""
    check_strict()
    monkeypatch.setattr(saver_module, "STRICT_MSGPACK_ENABLED", False)
    with pytest.raises(SettingsError, match="LANGGRAPH_STRICT_MSGPACK=true"):
        check_strict()
