"""Only its owner reads the data folder, and saved state and messages reveal only ids."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import httpx2
import pytest

from tests.security.conftest import CLEO, Scene, propose, standing
from tests.security.graphs import ARGS
from tests.security.test_redacted import threads_action


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """The umask of most machines, under which everybody can read a new file."""
    before = os.umask(0o022)
    yield
    os.umask(before)


async def test_only_the_bots_user_can_read_the_data_folder(scene: Scene, agent: httpx2.AsyncClient) -> None:
    await propose(agent, "data.delete", {"id": 1})
    assert scene.data.stat().st_mode & 0o077 == 0
    files = {path.name: path.stat().st_mode & 0o077 for path in scene.data.rglob("*") if path.is_file()}
    assert {name: mode for name, mode in files.items() if mode} == {}
    assert {"membrane.db", "membrane.db-wal", "membrane.db-shm", "secret", "membrane.lock"} <= files.keys()
    assert {"threads.db", "threads.db-wal"} <= files.keys()


async def test_saved_state_says_nothing_in_clear_but_ids(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """This includes the metadata that LangGraph writes beside the state."""
    given = {"kind": "data.delete", "args": {"what": "a plain secret"}}
    thread = (await agent.post("/v1/threads", json={"graph": "till", "input": given})).json()
    await threads_action(agent, thread, "waiting")
    with closing(sqlite3.connect(scene.data / "threads.db")) as saved:
        metadata = [json.loads(row[0]) for row in saved.execute("SELECT metadata FROM checkpoints")]
        types = {
            row[0] for row in saved.execute("SELECT type FROM checkpoints UNION SELECT type FROM writes")
        }
    assert metadata
    assert {key for each in metadata for key in each} <= {"source", "step", "parents", "thread_id"}
    assert {sealed.partition("+")[2] for sealed in types} == {"membrane"}
    assert all(b"a plain secret" not in scene.stored()[name] for name in ("threads.db", "threads.db-wal"))


async def test_metadata_of_messages_holds_ids_only(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """Every app and everybody in the workspace can read it."""
    asked = await propose(agent, "card.charge", ARGS)
    await scene.click(asked, CLEO, "reject")
    await standing(agent, asked, wait=20)
    posts = scene.slack.calls.of("chat.postMessage")
    assert posts
    for post in posts:
        metadata = (
            json.loads(post.args["metadata"])
            if isinstance(post.args["metadata"], str)
            else post.args["metadata"]
        )
        assert metadata["event_type"] == "membrane_message"
        assert set(metadata["event_payload"]) == {"message_id"}
