"""An attacker who can write to `threads.db` runs neither code nor an unapproved action."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import ormsgpack
import pytest

from bot.domain.digest import Keyring
from bot.errors import StoreError
from bot.graph.saver import open_saver
from bot.graph.serializer import sealed
from bot.membrane import Vault
from tests.security.conftest import CLEO, Json, Scene, standing
from tests.security.effects import done
from tests.security.graphs import ARGS
from tests.security.test_redacted import threads_action
from tests.waiting import PATIENCE_S, eventually

OTHER = {**ARGS, "amount": 9_000_000}


def poison(command: str) -> bytes:
    """Return saved state that runs a command if a careless reader loads it."""
    call = ormsgpack.packb(["os", "system", command])
    return ormsgpack.packb(ormsgpack.Ext(0, call))


async def parked(agent: httpx2.AsyncClient, args: Json) -> Json:
    """Park a thread; returns its action."""
    given = {"kind": "card.charge", "args": args}
    thread = (await agent.post("/v1/threads", json={"graph": "till", "input": given})).json()
    return await threads_action(agent, thread, "waiting")


def write(scene: Scene, statement: str, *values: Any) -> None:
    """Write to the saved state behind the bot's back."""
    with closing(sqlite3.connect(scene.data / "threads.db", timeout=PATIENCE_S)) as saved, saved:
        saved.execute(statement, values)


async def test_a_poisoned_checkpoint_runs_nothing(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """The bot does not read it, because it is not sealed. The thread stays, and the log says why."""
    asked = await parked(agent, ARGS)
    marker = scene.folder / "poisoned"
    write(scene, "UPDATE checkpoints SET type = 'msgpack', checkpoint = ?", poison(f"touch {marker}"))
    write(scene, "UPDATE writes SET type = 'msgpack', value = ?", poison(f"touch {marker}"))
    await scene.click(asked, CLEO, "approve")

    async def said() -> bool:
        return "is not sealed" in scene.log.getvalue()

    await eventually(said, "the reason in the log")
    assert not marker.exists()
    assert done == []
    assert (await standing(agent, asked))["state"] == "approved"


def test_even_sealed_poison_is_read_strictly(tmp_path: Path) -> None:
    """Even if the secret leaks too, the reader calls no type other than LangChain's messages."""
    vault = Vault(Keyring.of(b"a secret of thirty-two characters"), "threads")
    marker = tmp_path / "poisoned"
    sealed = vault.seal(poison(f"touch {marker}"))

    async def read() -> Any:
        async with open_saver(tmp_path / "threads.db", vault) as saver:
            return saver.serde.loads_typed(("msgpack+membrane", sealed))

    assert asyncio.run(read()) != 0
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["msgpack", "json", "pickle", "bytes", "null", "msgpack+aes"])
def test_unsealed_saved_state_is_not_read(kind: str) -> None:
    with pytest.raises(StoreError, match="sealed"):
        sealed(Vault(Keyring.of(b"a secret of thirty-two characters"), "threads")).loads_typed(
            (kind, b"\x80")
        )


async def test_the_saved_state_of_another_thread_runs_nothing(
    scene: Scene, agent: httpx2.AsyncClient
) -> None:
    """Sealed rows can be copied. Still only the approved action runs, by its digest in the store."""
    asked, other = await parked(agent, ARGS), await parked(agent, OTHER)
    with closing(sqlite3.connect(scene.data / "membrane.db")) as store:
        rows = dict(store.execute("SELECT id, thread_id FROM actions"))
    mine, theirs = rows[asked["id"]], rows[other["id"]]
    for table in ("checkpoints", "writes"):
        write(scene, f"DELETE FROM {table} WHERE thread_id = ?", mine)
        write(scene, f"UPDATE {table} SET thread_id = ? WHERE thread_id = ?", mine, theirs)
    await scene.click(asked, CLEO, "approve")

    async def over() -> bool:
        state = (await agent.get(f"/v1/threads/{mine}")).json()["state"]
        return state in {"failed", "gone", "finished"} or "no longer waits" in scene.log.getvalue()

    await eventually(over, "the end of the thread")
    assert OTHER not in done


def test_strict_reading_is_set_before_langgraph_is_imported() -> None:
    """This holds for any first module of the bot, and for any environment."""
    look = (
        "import sys; read = sys.modules.get('langgraph.checkpoint.serde._msgpack'); "
        "print(read is None or read.STRICT_MSGPACK_ENABLED)"
    )
    for module in ("bot.app", "bot.demo.session"):
        environment = {**os.environ, "LANGGRAPH_STRICT_MSGPACK": "false"}
        out = subprocess.run(
            [sys.executable, "-c", f"import {module}; {look}"],
            env=environment,
            capture_output=True,
            check=True,
        ).stdout
        assert out.strip() == b"True", module


def _sources() -> list[Path]:
    return sorted(Path("bot").rglob("*.py"))


@pytest.mark.parametrize(
    "wrong", ["import pickle", "from pickle", "pickle_fallback", "yaml.load(", "shell=True"]
)
def test_the_sources_use_no_loader_that_runs_its_input(wrong: str) -> None:
    assert [str(path) for path in _sources() if wrong in path.read_text(encoding="utf-8")] == []
