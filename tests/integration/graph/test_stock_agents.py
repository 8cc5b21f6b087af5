"""Stock agents with LangChain's human-in-the-loop middleware, in both modes, hosted unchanged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.domain.record import Claim, Standing
from bot.domain.states import ThreadState
from tests.integration.graph import agents
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say

SILENCE = "nobody answered within 16 minutes 40 seconds; this is not a refusal by a person"


async def test_a_batch_resumes_once_when_its_last_call_is_answered(house: House) -> None:
    """Each call has its own ruling: one passes, one is approved, one is rejected."""
    await house.open("batched")
    thread = await house.run("batched", say("mixed"))
    assert await house.states(thread) == ["passed", "waiting", "waiting"]
    assert [action.call_id for action in await house.actions(thread)] == ["call_0_0", "call_0_1", "call_0_2"]

    await house.vote(thread, 1)
    await house.settle()
    assert ran == []

    await house.vote(thread, 2, approve=False, note="keep it")
    await house.settle()
    assert sorted(ran) == [("mail", "ada"), ("read", 1)]
    assert await house.states(thread) == ["executed", "executed", "rejected"]
    assert (await house.thread(thread)).state == "finished"
    answers = await house.said(thread)
    assert ("success", "mail ada done") in answers
    assert any("rejected by U0CLEO: keep it" in text for _, text in answers)
    assert (await house.standing(thread, 1)).action.result == "mail ada done"


async def test_a_batch_of_passing_calls_asks_nobody(house: House) -> None:
    await house.open("batched")
    thread = await house.run("batched", say("pass"))
    assert await house.states(thread) == ["executed", "executed"]
    assert [each.state for each in await house.interrupts(thread)] == ["delivered"]
    assert (await house.thread(thread)).state == "finished"


@pytest.mark.parametrize("graph", ["batched", "per_call"])
async def test_an_expired_tier_3_call_is_rejected_as_unanswered_and_not_refused(
    house: House, graph: str
) -> None:
    await house.open(graph)
    thread = await house.run(graph, say("delete"))
    await house.expire()
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["aborted"]
    ((status, text),) = await house.said(thread)
    assert status == "error"
    assert SILENCE in text
    assert (await house.thread(thread)).state == "finished"


@pytest.mark.parametrize("graph", ["batched", "per_call"])
async def test_an_expired_tier_2_call_stays_parked_until_its_successor_is_answered(
    house: House, graph: str
) -> None:
    await house.open(graph)
    thread = await house.run(graph, say("mail"))
    await house.expire()
    await house.settle()
    assert await house.states(thread) == ["halted"]
    assert [each.state for each in await house.interrupts(thread)] == ["waiting"]
    await house.vote(thread)
    await house.settle()
    assert ran == [("mail", "ada")]
    assert (await house.thread(thread)).state == "finished"


async def test_a_call_too_large_to_judge_is_rejected_with_the_reason(house: House) -> None:
    await house.open("batched")
    thread = await house.run("batched", say("huge"))
    assert [action.kind for action in await house.actions(thread)] == ["data.delete"]
    await house.vote(thread)
    await house.settle()
    assert ran == [("delete", 3)]
    assert any("cannot be put before a person: args are" in text for _, text in await house.said(thread))


async def test_an_approval_that_lapses_while_siblings_wait_is_asked_again(house: House) -> None:
    await house.open("batched")
    thread = await house.run("batched", say("mixed"))
    await house.vote(thread, 1)
    house.clock.forward(101)  # mail.send keeps for 100 s
    await house.vote(thread, 2)
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["passed", "waiting", "approved"]
    assert [each.state for each in await house.interrupts(thread)] == ["waiting"]

    await house.vote(thread, 1)
    await house.settle()
    assert sorted(ran) == [("delete", 3), ("mail", "ada"), ("read", 1)]
    assert (await house.thread(thread)).state == "finished"


async def test_per_call_mode_runs_each_call_as_soon_as_it_is_approved(house: House) -> None:
    await house.open("per_call")
    thread = await house.run("per_call", say("mixed"))
    assert [each.shape for each in await house.interrupts(thread)] == ["hitl_call", "hitl_call"]
    assert ran == [("read", 1)]
    await house.vote(thread, 1)
    await house.settle()
    assert ran == [("read", 1), ("delete", 3)]
    assert await house.states(thread) == ["waiting", "executed"]
    await house.vote(thread, 0, approve=False)
    await house.settle()
    assert (await house.thread(thread)).state == "finished"


async def test_a_call_is_reported_as_soon_as_its_tool_ends(house: House) -> None:
    """The agent keeps thinking for a long time, and the card does not wait for it."""
    await house.open("batched")
    thread = await house.run("batched", say("two"))
    event = agents.HOLD["delete"] = asyncio.Event()
    await house.vote(thread, 0)
    await house.vote(thread, 1, approve=False)
    await house.host.sweep()
    assert not await house.host.drain(0.1)
    assert await house.states(thread) == ["running", "rejected"]
    event.set()
    await house.settle()
    assert await house.states(thread) == ["executed", "rejected"]


@pytest.mark.parametrize("graph", ["batched", "per_call"])
async def test_the_store_knows_of_a_tools_end_before_the_saved_state(
    house: House, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    """A bot that dies after saving a tool's result has already reported it."""
    report, reporting, go = house.membrane.reports.record, asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **kwargs: Any) -> Standing:
        reporting.set()
        await go.wait()
        return await report(*args, **kwargs)

    monkeypatch.setattr(house.membrane.reports, "record", slow)
    await house.open(graph)
    thread = await house.run(graph, say("delete"))
    await house.vote(thread)
    await house.host.sweep()
    await reporting.wait()
    hosted = house.host._graphs[graph].graph
    for _ in range(20):  # far longer than a save: each of these goes through the file after it
        state = await hosted.aget_state({"configurable": {"thread_id": thread}})
        assert all(task.result is None for task in state.tasks)
        assert not any(each.type == "tool" for each in state.values["messages"])
    assert await house.states(thread) == ["running"]
    go.set()
    await house.settle()
    assert await house.states(thread) == ["executed"]
    assert (await house.thread(thread)).state == "finished"


async def test_the_run_of_a_synchronous_agent_waits_for_its_reports(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tool runs on another OS thread that does not wait; the end of the hosted thread does."""
    order: list[str] = []
    report, finished = house.membrane.reports.record, house.membrane.threads.set_state

    async def slow(*args: Any, **kwargs: Any) -> Standing:
        for _ in range(20):
            await house.membrane.open_reviews()  # other work of the store goes first
        order.append("reported")
        return await report(*args, **kwargs)

    async def state(thread_id: str, state: ThreadState, *args: Any, **kwargs: Any) -> None:
        order.append(state)
        await finished(thread_id, state, *args, **kwargs)

    await house.open("with_sync_stock_agent")
    thread = await house.run("with_sync_stock_agent", say("sync stock"))
    monkeypatch.setattr(house.membrane.reports, "record", slow)
    monkeypatch.setattr(house.membrane.threads, "set_state", state)
    await house.vote(thread)
    await house.settle()
    assert order[-2:] == ["reported", ThreadState.FINISHED]
    assert ran == [("blocking_delete", 1)]
    assert await house.states(thread) == ["executed"]


async def test_a_tool_that_raises_stalls_the_thread_and_fails_only_that_call(house: House) -> None:
    """Stock agents do not catch the error. The call that raised failed; its sibling keeps waiting."""
    agents.BROKEN.add("delete")
    await house.open("per_call")
    thread = await house.run("per_call", say("mixed"))
    await house.vote(thread, 1)
    await house.settle()
    stalled = await house.thread(thread)
    assert (stalled.state, stalled.error) == ("stalled", "RuntimeError: delete is broken")
    assert await house.states(thread) == ["waiting", "failed"]
    assert (await house.standing(thread, 1)).action.detail == "RuntimeError: delete is broken"
    assert await house.membrane.open_reviews() == 1


async def test_only_approved_calls_are_claimed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed: list[str] = []
    claim = house.membrane.claims.start

    async def noted(action_id: str, *args: Any, **kwargs: Any) -> Claim:
        claimed.append(action_id)
        return await claim(action_id, *args, **kwargs)

    monkeypatch.setattr(house.membrane.claims, "start", noted)
    await house.open("batched")
    thread = await house.run("batched", say("two"))
    await house.vote(thread, 0, approve=False)
    await house.vote(thread, 1)
    await house.settle()
    assert claimed == [(await house.actions(thread))[1].id]


async def test_a_stock_agent_run_by_a_tool_is_reported_too(house: House) -> None:
    """Its messages are not in the thread's own state, so the host learns of its calls as they run."""
    await house.open("with_stock_agent")
    thread = await house.run("with_stock_agent", say("stock"))
    assert [action.call_id for action in await house.actions(thread)] == [None, None]
    await house.vote(thread, 0)
    await house.vote(thread, 1, approve=False)
    await house.settle()
    assert ran == [("delete", 1)]
    assert await house.states(thread) == ["executed", "rejected"]
    assert (await house.thread(thread)).state == "finished"
