"""The stop button and hosted threads: frozen actions do not start, and threads park until the thaw."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes import policy
from tests.integration.graph import agents, ways_around
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say
from tests.integration.graph.test_between_saves import WAYS, Dying
from tests.integration.graph.test_guard import AROUND, KINDS
from tests.waiting import PATIENCE_S


async def freeze(house: House, name: str) -> None:
    await house.membrane.freezes.freeze(name, why="incident 42", by="a test")
    await house.membrane.freeze_effects.follow_up()


async def thaw(house: House, name: str) -> None:
    await house.membrane.freezes.thaw(name, by="a test")
    await house.membrane.freeze_effects.follow_up()
    await house.settle()


DELETE = {"kind": "data.delete", "args": {"id": 1}}
READ = {"kind": "db.read", "args": {"id": 1}}
APPROVED: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "gate": ("one", DELETE, [("data.delete", {"id": 1})]),
    "middleware": ("gated", say("delete"), [("delete", 1)]),
    "batch": ("batched", say("mixed"), [("read", 1), ("mail", "ada"), ("delete", 3)]),
    "per call": ("per_call", say("delete"), [("delete", 1)]),
}


@pytest.mark.parametrize("name", ["data.delete", "ops-agent", "graph", "all"])
@pytest.mark.parametrize("shape", APPROVED)
async def test_an_approved_thread_stays_parked_until_the_thaw(house: House, shape: str, name: str) -> None:
    graph, given, effects = APPROVED[shape]
    frozen = graph if name == "graph" else name
    await house.open(graph)
    thread = await house.run(graph, given)
    before = list(ran)
    await freeze(house, frozen)
    for index, state in enumerate(await house.states(thread)):
        if state == "waiting":
            await house.vote(thread, index)
    await house.settle()
    assert (ran, (await house.thread(thread)).state) == (before, "parked")
    await thaw(house, frozen)
    assert (await house.thread(thread)).state == "finished"
    assert sorted(map(repr, ran)) == sorted(map(repr, effects))
    assert set(await house.states(thread)) == {"executed"}


async def test_a_call_claimed_before_a_stop_does_not_start_under_a_freeze(house: House) -> None:
    """The bot claimed the call, and stopped before its thread went on."""
    await house.open("batched")
    thread = await house.run("batched", say("mixed"))
    before = list(ran)
    for index, state in enumerate(await house.states(thread)):
        if state == "waiting":
            await house.vote(thread, index)
    for action in await house.actions(thread):
        if action.kind == "data.delete":
            await house.membrane.claims.start(action.id, action.args_digest)
    await freeze(house, "data.delete")
    await house.settle()
    assert (ran, (await house.thread(thread)).state) == (before, "parked")
    await thaw(house, "data.delete")
    assert (await house.thread(thread)).state == "finished"
    assert set(await house.states(thread)) == {"executed"}


async def test_an_ungated_tool_is_refused_under_a_freeze_of_its_kind(house: House) -> None:
    await house.open("harmless")
    await freeze(house, "db.read")
    thread = await house.run("harmless", say("pass"))
    assert [name for name, _ in ran] == ["make_report"]
    assert "db.read is frozen by a test: incident 42" in str(await house.said(thread))
    await thaw(house, "db.read")
    await house.run("harmless", say("pass"))
    assert sorted(name for name, _ in ran) == ["make_report", "make_report", "read"]


@pytest.mark.parametrize("name", ["ops-agent", "one", "all"])
async def test_a_thread_is_not_started_before_the_thaw(house: House, name: str) -> None:
    await house.open("one")
    await freeze(house, name)
    thread = await house.run("one", READ)
    assert (ran, (await house.thread(thread)).state) == ([], "wanted")
    await thaw(house, name)
    assert (await house.thread(thread)).state == "finished"
    assert len(ran) == 1


PASSING: dict[str, tuple[str, dict[str, Any], str]] = {
    "gate": ("one", READ, "db.read"),
    "middleware": ("gated", say("pass"), "db.read"),
    "batch": ("batched", say("pass"), "db.read"),
    "two of a turn": ("gated", say("pass"), "report.make"),
}


@pytest.mark.parametrize("shape", PASSING)
async def test_a_frozen_call_that_would_pass_parks_its_thread_until_the_thaw(
    house: House, shape: str
) -> None:
    graph, given, kind = PASSING[shape]
    await house.open(graph)
    await freeze(house, kind)
    thread = await house.run(graph, given)
    assert (await house.thread(thread)).state == "parked"
    assert "frozen" in await house.states(thread)
    sweeps = [await house.host.sweep() for _ in range(3)]
    assert sweeps == [0, 0, 0], "a frozen thread is not polled"
    await thaw(house, kind)
    assert (await house.thread(thread)).state == "finished"
    assert set(await house.states(thread)) == {"executed"}
    assert len(ran) == len({repr(each) for each in ran}) == len(await house.states(thread))


async def test_a_rejection_under_a_freeze_ends_the_thread_at_the_thaw(house: House) -> None:
    await house.open("one")
    thread = await house.run("one", DELETE)
    await freeze(house, "all")
    await house.vote(thread, approve=False, note="no")
    await house.settle()
    assert (await house.thread(thread)).state == "parked"
    await thaw(house, "all")
    assert (ran, await house.states(thread)) == ([], ["rejected"])


@pytest.mark.parametrize("graph", ["one", "gated"])
async def test_an_approval_survives_a_crash_right_after_a_freeze_refused_its_claim(
    house: House, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The freeze came after the answer was sent, and the bot died before it noted the delivery."""
    await house.open(graph)
    thread = await house.run(graph, DELETE if graph == "one" else say("delete"))
    await house.vote(thread)
    claim = house.membrane.claims.start

    async def freeze_first(*args: Any, **kwargs: Any) -> Any:
        await freeze(house, "all")
        return await claim(*args, **kwargs)

    async def die(*_: Any) -> bool:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(house.membrane.claims, "start", freeze_first)
        patch.setattr(house.membrane.interrupts, "mark_delivered", die)
        await house.host.sweep()
        await house.host.drain(PATIENCE_S)
    await house.host.stop()
    await house.open(graph)
    await house.settle()
    assert (await house.states(thread))[0] == "approved"
    await thaw(house, "all")
    assert (await house.thread(thread)).state == "finished"
    assert await house.states(thread) == ["executed"]
    assert len(ran) == 1
    assert len((await house.standing(thread)).reviews) == 1, "nobody is asked again"
    assert {each.state for each in await house.interrupts(thread)} == {"delivered"}


@pytest.mark.parametrize("graph", ["late", "late_per_call", "late_gated"])
async def test_a_call_claimed_before_the_freeze_may_finish(house: House, graph: str) -> None:
    """The freeze lands between the resume and the tool's start, so the call counts as running."""
    house.in_force.append(policy(tools=KINDS))
    await house.open(graph, file=AROUND)
    thread = await house.run(graph, say("pay"))
    release = agents.HOLD["late"] = asyncio.Event()
    await house.vote(thread)
    await house.host.sweep()
    while ways_around.REACHED not in ran:
        await asyncio.sleep(0.01)
    assert await house.states(thread) == ["running"]
    await freeze(house, "all")
    release.set()
    await house.settle()
    assert ran == [ways_around.REACHED, ("pay", 9000.0, "EUR")]
    assert await house.states(thread) == ["executed"]
    assert (await house.thread(thread)).state == "finished"


@pytest.mark.parametrize("name", ["data.delete", "all"])
@pytest.mark.parametrize("saves", range(4))
@pytest.mark.parametrize("graph", WAYS)
async def test_a_call_left_claimed_by_a_crash_does_not_start_before_the_thaw(
    house: House, graph: str, saves: int, name: str
) -> None:
    """The bot dies in a resume and restarts under a freeze: the thread waits and is not refused."""
    await house.open(*WAYS)
    thread = await house.run(graph, WAYS[graph])
    await house.vote(thread)
    with pytest.MonkeyPatch.context() as patch:
        await Dying(patch, saves).sweep(house)
    before = list(ran)
    await freeze(house, name)
    await house.open(*WAYS)
    await house.settle()
    house.clock.forward(6)
    await house.settle()
    assert ran == before
    await thaw(house, name)
    house.clock.forward(6)
    await house.settle()
    assert (await house.thread(thread)).state == "finished"
    assert (len(ran), await house.states(thread)) == (1, ["executed"])
