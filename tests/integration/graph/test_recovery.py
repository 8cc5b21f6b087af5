"""After a restart nothing is lost, nothing runs twice, and an uncertain outcome is called unknown."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.domain.states import ThreadState
from bot.graph.host import Host
from tests.integration.graph import agents
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say
from tests.waiting import PATIENCE_S

DELETE = {"kind": "data.delete", "args": {"id": 1}}
JOB = {"kind": "job.run", "args": {"id": 1}}
GRAPHS = ("one", "gated", "batched", "per_call")


async def restart(house: House) -> Host:
    """Cancel every run and start again over the same files."""
    await house.host.stop(grace_s=0.0)
    return await house.open(*GRAPHS)


async def test_a_parked_interrupt_without_a_review_gets_one(house: House) -> None:
    """The bot died after LangGraph had saved the interrupt and before the store had."""
    await house.open(*GRAPHS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.membrane.interrupts, "park", _die)
        thread = await house.host.start_thread("gated", say("two"), agent="ops-agent")
        await house.host.sweep()
        await house.host.drain(PATIENCE_S)
    assert await house.actions(thread.id) == []
    await restart(house)
    await house.settle()
    assert await house.states(thread.id) == ["waiting", "waiting"]


async def _hang(*_: Any, **__: Any) -> Any:
    await asyncio.Event().wait()


async def _die(*_: Any, **__: Any) -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("graph", "given"), [("one", DELETE), ("gated", say("delete")), ("batched", say("delete"))]
)
async def test_an_answer_given_while_the_bot_was_down_is_delivered(
    house: House, graph: str, given: dict[str, Any]
) -> None:
    await house.open(*GRAPHS)
    thread = await house.run(graph, given)
    await house.host.stop()
    await house.vote(thread)
    assert ran == []
    await restart(house)
    await house.settle()
    assert len(ran) == 1
    assert (await house.thread(thread)).state == "finished"
    assert [each.state for each in await house.interrupts(thread)] == ["delivered"]


@pytest.mark.parametrize(
    ("graph", "given", "effect"),
    [
        ("one", DELETE, "data.delete"),
        ("gated", say("delete"), "delete"),
        ("batched", say("delete"), "delete"),
        ("per_call", say("delete"), "delete"),
    ],
)
async def test_an_interrupted_effect_is_unknown_and_does_not_run_again(
    house: House, graph: str, given: dict[str, Any], effect: str
) -> None:
    await house.open(*GRAPHS)
    thread = await house.run(graph, given)
    await house.vote(thread)
    agents.HOLD[effect] = asyncio.Event()
    await house.host.sweep()
    while not ran:
        await asyncio.sleep(0.01)
    assert await house.states(thread) == ["running"]

    agents.HOLD.clear()
    await restart(house)
    await house.settle()
    assert len(ran) == 1
    assert (await house.thread(thread)).state == "finished"
    house.clock.forward(601)
    await house.membrane.deadlines.unknown_due()
    assert await house.states(thread) == ["unknown"]
    if graph == "one":
        assert (await house.values(thread))["settled"]["receipt"] == "unknown"
    else:
        ((status, text),) = await house.said(thread)
        assert status == "error"
        assert "whether it happened is not known; it was not run again" in text


@pytest.mark.parametrize(
    ("graph", "given", "effect"), [("one", JOB, "job.run"), ("gated", say("job"), "job")]
)
async def test_an_interrupted_idempotent_effect_runs_again_under_its_key(
    house: House, graph: str, given: dict[str, Any], effect: str
) -> None:
    await house.open(*GRAPHS)
    thread = await house.run(graph, given)
    await house.vote(thread)
    agents.HOLD[effect] = asyncio.Event()
    await house.host.sweep()
    while not ran:
        await asyncio.sleep(0.01)

    agents.HOLD.clear()
    await restart(house)
    await house.settle()
    assert len(ran) == 2
    assert await house.states(thread) == ["executed"]
    if graph == "gated":
        (_, (_, key, first)), (_, (_, again, second)) = ran
        assert key == again
        assert (first, second) == (1, 2)


async def test_a_passing_call_is_not_proposed_twice(house: House) -> None:
    """The bot dies between the recording of a passing action and its effect: the record is reused."""
    await house.open(*GRAPHS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.membrane.claims, "start", _hang)
        for graph, given in (("one", {"kind": "db.read", "args": {}}), ("gated", say("read"))):
            await house.host.start_thread(graph, given, agent="ops-agent")
        await house.host.sweep()
        assert not await house.host.drain(0.5)
        await house.host.stop(grace_s=0.0)
    threads = [each.id for each in await house.membrane.threads.unsettled()]
    assert [await house.states(thread) for thread in threads] == [["passed"], ["passed"]]
    await house.open(*GRAPHS)
    await house.settle()
    assert [await house.states(thread) for thread in threads] == [["executed"], ["executed"]]
    assert len(ran) == 2


async def test_a_batch_claimed_for_a_resume_that_never_came_still_runs(house: House) -> None:
    """The bot died between the claims and the resume: the batch waits, so nothing of it can have started."""
    await house.open(*GRAPHS)
    thread = await house.run("batched", say("two"))
    await house.vote(thread, 0)
    await house.vote(thread, 1)
    for action in await house.actions(thread):
        await house.membrane.claims.start(action.id, action.args_digest)
    await restart(house)
    await house.settle()
    assert sorted(ran) == [("delete", 1), ("delete", 2)]
    assert await house.states(thread) == ["executed", "executed"]


async def test_a_batch_claimed_for_a_resume_that_never_came_still_lapses(house: House) -> None:
    await house.open(*GRAPHS)
    thread = await house.run("batched", say("mail"))
    await house.vote(thread)
    (action,) = await house.actions(thread)
    await house.membrane.claims.start(action.id, action.args_digest)
    house.clock.forward(101)
    await restart(house)
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["failed"]
    assert "the approval has lapsed since" in (await house.said(thread))[0][1]


async def test_a_thread_interrupted_before_its_first_step_starts_over(house: House) -> None:
    host = await house.open(*GRAPHS)
    thread = await host.start_thread("one", DELETE, agent="ops-agent")
    await house.membrane.threads.set_state(thread.id, ThreadState.RUNNING)
    await restart(house)
    await house.settle()
    assert await house.states(thread.id) == ["waiting"]


async def test_a_locked_file_delays_a_thread_and_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else holds the write lock of threads.db for longer than the bot waits."""
    monkeypatch.setattr("bot.graph.threads_file.BUSY_S", 0.05)
    await house.open(*GRAPHS)
    thread = await house.run("one", DELETE)
    await house.vote(thread)
    other = sqlite3.connect(house.folder / "threads.db")
    other.execute("BEGIN IMMEDIATE")
    await house.settle()
    assert ran == []
    assert (await house.thread(thread)).settled_at is None
    other.rollback()
    other.close()
    house.clock.forward(61)
    await house.settle()
    assert ran == [("data.delete", {"id": 1})]
    assert (await house.thread(thread)).state == "finished"


KILLED = """
import asyncio, json, os, sys
from pathlib import Path
from bot.graph.host import Host
from bot.membrane import Membrane
from bot.store.database import open_database
from tests.fakes import CLEO, SECRET, FakeDirectory, policy
from tests.integration.graph import agents, conftest
from tests.waiting import PATIENCE_S

folder, graph, given = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])

async def note(name, what):
    with (folder / "effects").open("a") as file:
        file.write(f"{name}\\n")
    if not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(9)
    return "done"

agents.note = note

async def main():
    db = open_database(folder / "membrane.db", exclusive=True)
    membrane = Membrane(db, lambda: policy(tools=agents.KINDS), FakeDirectory(), secret=SECRET)
    host = Host(membrane, [f"{graph}={conftest.HOSTED}:{graph}"], folder / "threads.db")
    await host.start()
    if not (folder / "died").exists():
        await host.start_thread(graph, given, agent="ops-agent")
    for _ in range(4):
        while await host.sweep() or host.running:
            await host.drain(PATIENCE_S)
        for action in await membrane.proposals.listed("ops-agent", most=9):
            standing = await membrane.proposals.standing(action.id)
            review = standing.review
            if review and review.pending:
                await membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)
    (action,) = await membrane.proposals.listed("ops-agent", most=9)
    thread = await membrane.threads.get(action.thread_id)
    print(json.dumps([action.state, thread.state]))
    await host.stop()
    await db.close()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("graph", "given", "runs", "ends"),
    [
        ("one", DELETE, 1, "running"),
        ("one", JOB, 2, "executed"),
        ("gated", say("delete"), 1, "running"),
        ("per_call", say("delete"), 1, "running"),
    ],
)
def test_killed_between_the_effect_and_the_saved_state(
    tmp_path: Path, graph: str, given: dict[str, Any], runs: int, ends: str
) -> None:
    """A real process dies just after its effect. A claimed action never runs without a new claim."""
    command = [sys.executable, "-W", "error", "-c", KILLED, str(tmp_path), graph, json.dumps(given)]
    root = Path(__file__).parents[3]
    died = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert died.returncode == 9, died.stderr
    again = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "effects").read_text().count("\n") == runs
    assert json.loads(again.stdout) == [ends, "finished"]


async def test_saved_state_older_than_the_store_is_not_answered_twice(house: House) -> None:
    """Somebody restored an old threads.db: the thread waits with an answered question."""
    await house.open(*GRAPHS)
    thread = await house.run("one", DELETE)
    await house.host.stop()
    files = {each: each.read_bytes() for each in house.folder.glob("threads.db*")}
    await house.open(*GRAPHS)
    await house.vote(thread)
    other = await house.run("one", {"kind": "data.delete", "args": {"id": 2}})
    assert await house.states(thread) == ["executed"]
    await house.membrane.threads.set_state(
        thread, ThreadState.PARKED
    )  # as a store would say that ended a moment later
    await house.host.stop()
    for each in house.folder.glob("threads.db*"):
        each.unlink()
    for each, content in files.items():
        each.write_bytes(content)

    await house.open(*GRAPHS)
    await house.settle()
    stale = await house.thread(thread)
    assert stale.state == "failed"
    assert "answered before" in (stale.error or "")
    assert ran == [("data.delete", {"id": 1})]
    assert (await house.thread(other)).state == "gone"
    assert await house.states(other) == ["withdrawn"]


async def test_threads_of_an_unloaded_graph_wait_and_are_reported(house: House) -> None:
    await house.open("one")
    thread = await house.run("one", DELETE)
    await house.host.stop()
    await house.vote(thread)
    await house.open("gated")
    await house.settle()
    assert (await house.thread(thread)).state == "stalled"
    told = [each.body for each in await house.membrane.outbox.lease(100) if each.kind == "notice"]
    assert any("name it in MEMBRANE_GRAPHS again" in (text or "") for text in told)
    await house.host.stop()
    await house.open("one", "gated")
    house.clock.forward(61)
    await house.settle()
    assert ran == [("data.delete", {"id": 1})]


@pytest.mark.parametrize("writes", range(1, 7))
async def test_a_thread_stalls_in_one_write_or_not_at_all(house: House, writes: int) -> None:
    """A bot killed while it records a failed tool must not blame the saved state for it."""
    await house.open(*GRAPHS)
    thread = await house.run("per_call", say("delete"))
    await house.vote(thread)
    agents.BROKEN.add("delete")
    write, left, killed = house.db.write, [writes], asyncio.Event()

    async def dying(work: Any) -> Any:
        left[0] -= 1
        done = await write(work)
        if left[0] > 0:
            return done
        killed.set()
        return await _hang()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.db, "write", dying)
        sweeping = asyncio.create_task(house.host.sweep())
        async with asyncio.timeout(60):  # the stall takes this many writes
            await killed.wait()
        sweeping.cancel()
        await asyncio.wait([sweeping])
        await house.host.drain(0)
    await restart(house)
    house.clock.forward(61)
    await house.settle()
    ended = await house.thread(thread)
    told = (ended.state, ended.error)
    assert told in {("stalled", "RuntimeError: delete is broken"), ("finished", None)}
    assert await house.states(thread) in (["failed"], ["running"])
