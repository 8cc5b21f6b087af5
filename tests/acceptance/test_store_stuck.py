"""People hear of a disk that takes no writes. The bot needs no folder for temporary files."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent
from tests.acceptance.company import ADMIN, APPROVALS
from tests.acceptance.staging import PROGRAM, UP_S, Process, Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

_LEAVE_NO_TMPDIR = """
import os, sys, tempfile
gone = tempfile.mkdtemp()
handle = os.open(gone, os.O_RDONLY)
os.set_inheritable(handle, True)
os.rmdir(gone)
os.environ["TMPDIR"] = f"/proc/self/fd/{handle}"
os.execv(sys.argv[1], sys.argv[1:])
"""
WITHOUT_TEMPORARY_FILES = (sys.executable, "-c", _LEAVE_NO_TMPDIR)
"""Starts a command whose TMPDIR looks fine but takes no files, as on a full disk."""


@contextmanager
def no_writes(process: Process) -> Iterator[None]:
    """Keep the process's files from growing, as on a full disk. This needs no privileges."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def test_a_store_that_cannot_write_is_reported_everywhere_and_so_is_its_recovery(
    stage: Stage, cleo: Person
) -> None:
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        asked = await agent.propose("data.delete", {"what": "old logs"})
        card = await cleo.wait_for_message(APPROVALS, "old logs")

        async def ready() -> bool:
            return "store" not in await agent.problems()

        async def stuck() -> bool:
            return not await ready()

        with no_writes(process):
            await eventually(stuck, what="/readyz to say so")
            assert str(stage.database) in (await agent.problems())["store"]
            told = await cleo.wait_for_message(ADMIN, "The store cannot be written")
            assert told["text"].startswith("🔴 Action needed: ")
            assert "What to do: " in told["text"]
            assert [line["level"] for line in process.logged("the store cannot be written")] == ["error"]
            assert (await cleo.click(APPROVALS, card, "approve")).acked
            await cleo.wait_for_message(APPROVALS, "the bot cannot write to its store right now")
            assert (await agent.ask("POST", "/v1/actions", json=asked_for("new"), expect=503))[
                "status"
            ] == 503
            assert (await agent.standing(asked))["state"] == "waiting"

        await eventually(ready, what="/readyz to be well")
        again = await cleo.wait_for_message(ADMIN, "The store can be written again")
        assert again["text"].startswith("🔵 For information: ")
        assert len(process.logged("the store can be written again")) == 1
        assert (await cleo.click(APPROVALS, card, "approve")).acked
        await agent.wait_for(asked, "approved")


ON_ANOTHER_FILE_SYSTEM = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /proc/$$/mountinfo && exec "$@"')
"""Starts a command that reads its mounts from a given file. This needs the right to mount."""


@pytest.mark.skipif(os.geteuid() != 0, reason="it mounts, which only root may")
async def test_a_data_folder_on_a_network_file_system_is_refused_before_anything_is_written(
    stage: Stage,
) -> None:
    mounts, data = stage.folder / "mountinfo", stage.database.parent
    data.mkdir()
    mounts.write_text(f"27 1 254:0 / / rw - ext4 /dev/vda rw\n30 27 0:33 / {data} rw - nfs4 host:/e rw\n")
    stage.before = (*ON_ANOTHER_FILE_SYSTEM, str(mounts))
    async with stage.started() as process:
        assert await process.ended(UP_S) == 3, process.log
        said = process.log[-1]["event"]
    assert f"the data folder {data} is on nfs4" in said
    assert "MEMBRANE_ALLOW_FILESYSTEM=nfs4" in said
    assert list(data.iterdir()) == []
    doctor = await asyncio.create_subprocess_exec(
        *stage.before,
        PROGRAM,
        "doctor",
        "--no-slack",
        env={**os.environ, **stage.environment},
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await doctor.communicate()
    assert b"is on nfs4" in told
    stage.settings["MEMBRANE_ALLOW_FILESYSTEM"] = "nfs4"
    async with stage.process() as process, Agent(process.url) as anybody:
        assert await anybody.problems() == {}


def asked_for(what: str) -> dict[str, object]:
    return {"kind": "data.delete", "args": {"what": what}}


async def test_nothing_depends_on_a_folder_for_temporary_files(stage: Stage, cleo: Person) -> None:
    token = await stage.token()
    stage.before = WITHOUT_TEMPORARY_FILES
    async with stage.process() as process, Agent(process.url, token) as agent:
        for number in range(4):
            asked = await agent.propose("data.delete", {"what": f"logs {number}", "why": "x" * 20_000})
            card = await cleo.wait_for_message(APPROVALS, f"logs {number}")
            assert (await cleo.click(APPROVALS, card, "approve")).acked
            await agent.wait_for(asked, "approved")
        assert await agent.problems() == {}
        thread = await agent.start("ledger", {"kind": "db.read", "args": {}})
        assert (await agent.thread(thread, "finished"))["actions"][0]["receipt"] == "executed"
