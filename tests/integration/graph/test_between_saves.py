"""LangGraph saves a step in several commits. A bot that dies between any two of them loses nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.graph.saver import GroupedSaver
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say
from tests.integration.graph.test_recovery import GRAPHS
from tests.waiting import PATIENCE_S

WAYS = {"one": {"kind": "data.delete", "args": {"id": 1}}, **dict.fromkeys(GRAPHS[1:], say("delete"))}


class Dying:
    """Blocks every save of a run after the n-th, as if the process had been killed there."""

    def __init__(self, patch: pytest.MonkeyPatch, left: int) -> None:
        self.died = False
        self._left = left
        self._over = asyncio.Event()
        for name in ("aput", "aput_writes"):
            patch.setattr(GroupedSaver, name, self._instead_of(getattr(GroupedSaver, name)))

    def _instead_of(self, original: Any) -> Any:
        async def save(*args: Any, **kwargs: Any) -> Any:
            if self._left == 0:
                self.died = True
                await self._over.wait()
                raise asyncio.CancelledError
            self._left -= 1
            return await original(*args, **kwargs)

        return save

    async def sweep(self, house: House) -> None:
        """Run the due threads until they end or die, and nothing afterwards."""
        await house.host.sweep()
        while not self.died and house.host.running:
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(house.host.stop(grace_s=0.0))
        await asyncio.sleep(0.01)  # the run is cancelled before the save fails, so no code sees the failure
        self._over.set()
        await stopping


@pytest.mark.parametrize("saves", range(8))
@pytest.mark.parametrize("graph", GRAPHS)
async def test_an_answer_is_not_lost_between_two_saves(house: House, graph: str, saves: int) -> None:
    await house.open(*GRAPHS)
    thread = await house.run(graph, WAYS[graph])
    await house.vote(thread)
    with pytest.MonkeyPatch.context() as patch:
        dying = Dying(patch, saves)
        await dying.sweep(house)
    await house.open(*GRAPHS)
    await house.settle()
    assert (await house.thread(thread)).state == "finished"
    assert len(ran) == 1
    assert await house.states(thread) == ["executed"]
    assert [each.state for each in await house.interrupts(thread)] == ["delivered"]
    assert dying.died or saves > 4, "this many saves are part of the way"


@pytest.mark.parametrize("saves", range(6))
@pytest.mark.parametrize("graph", GRAPHS)
async def test_a_question_is_not_lost_between_two_saves(house: House, graph: str, saves: int) -> None:
    await house.open(*GRAPHS)
    with pytest.MonkeyPatch.context() as patch:
        dying = Dying(patch, saves)
        thread = await house.host.start_thread(graph, WAYS[graph], agent="ops-agent")
        await dying.sweep(house)
    await house.open(*GRAPHS)
    await house.settle()
    assert await house.states(thread.id) == ["waiting"]
    await house.vote(thread.id)
    await house.settle()
    assert (await house.thread(thread.id)).state == "finished"
    assert len(ran) == 1


async def test_an_answer_taken_by_a_thread_before_the_bot_died_is_delivered(house: House) -> None:
    """The review expired and the thread parked again; the successor is approved before the next start."""
    await house.open(*GRAPHS)
    thread = await house.run("one", {"kind": "mail.send", "args": {"id": 1}})
    await house.expire()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.membrane.interrupts, "mark_delivered", _die)
        await house.host.sweep()
        await house.host.drain(PATIENCE_S)
    await house.vote(thread)
    await house.host.stop()
    await house.open(*GRAPHS)
    await house.settle()
    assert len(ran) == 1
    assert [each.state for each in await house.interrupts(thread)] == ["delivered", "delivered"]


async def _die(*_: Any) -> bool:
    raise asyncio.CancelledError
