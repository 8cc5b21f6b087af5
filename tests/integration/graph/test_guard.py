"""The guard lets a tool start once, only under a claim for exactly its arguments, on any path."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.store import journal
from tests.fakes import policy
from tests.integration.graph import agents, ways_around
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say

AROUND = Path(__file__).parent / "ways_around.py"
KINDS = {"pay": "mail.send", "slow_pay": "data.delete", "look": "db.read"}


@pytest.fixture(autouse=True)
def _kinds(house: House) -> None:
    house.in_force.append(policy(tools=KINDS))


async def told(house: House, event: str) -> list[dict[str, Any]]:
    """Return the journal's entries of an event."""
    await house.host._guard.settled()
    found = await house.db.read(lambda connection: list(journal.entries(connection)))
    return [json.loads(entry.body) for entry in found if entry.event == event]


async def stops(house: House) -> list[dict[str, Any]]:
    """Return the journal's entries about stopped tools."""
    return await told(house, "tool.stopped")


@pytest.mark.parametrize("way", ways_around.WAYS)
async def test_invariant_15_no_way_leads_around_the_guard(house: House, way: str) -> None:
    """Nothing runs, the caller is told how to gate the tool, and the journal records it."""
    await house.open("around", file=AROUND)
    thread = await house.run("around", {"way": way})
    assert ran == []
    assert (await house.thread(thread)).state == "finished"
    assert await stops(house)


async def approve_all(house: House, thread: str) -> None:
    for place in range(len(await house.actions(thread))):
        await house.vote(thread, place)
    await house.settle()


async def test_arguments_that_change_after_the_approval_do_not_run(house: House) -> None:
    """A middleware inside ours: 150 is approved, 9000 would have run."""
    await house.open("changing", file=AROUND)
    thread = await house.run("changing", say("pay 150"))
    await approve_all(house, thread)
    assert ran == []
    assert [stop["why"] for stop in await stops(house)] == ["arguments changed"]
    assert await house.states(thread) == ["failed"]
    assert (
        "List middleware that changes arguments before MembraneMiddleware()"
        in (await house.said(thread))[0][1]
    )


async def test_another_tool_under_the_same_call_does_not_run(house: House) -> None:
    await house.open("renaming", file=AROUND)
    thread = await house.run("renaming", say("pay"))
    await approve_all(house, thread)
    assert ran == []
    assert [stop["tool"] for stop in await stops(house)] == ["slow_pay"]


@pytest.mark.parametrize(("idempotent", "times"), [(False, 1), (True, 3)])
async def test_a_claim_admits_one_start_unless_the_kind_is_idempotent(
    house: House, idempotent: bool, times: int
) -> None:
    strict = policy(tools=KINDS)
    kind = replace(strict.actions["mail.send"], idempotent=idempotent)
    house.in_force.append(replace(strict, actions={**strict.actions, "mail.send": kind}))
    await house.open("repeating", file=AROUND)
    thread = await house.run("repeating", say("pay"))
    await approve_all(house, thread)
    assert ran == [("pay", 9000.0, "EUR")] * times
    assert len(await stops(house)) == 3 - times


async def test_a_swallowed_interrupt_is_reported(house: House) -> None:
    """`[Safe(), MembraneMiddleware()]`: the call does not run, and the lost question is reported."""
    await house.open("swallowing", file=AROUND)
    thread = await house.run("swallowing", say("pay"))
    assert ran == []
    assert (await house.thread(thread)).state == "finished"
    assert [each["kind"] for each in await told(house, "pause.swallowed")] == ["mail.send"]


async def test_a_rejected_call_does_not_run_when_a_middleware_jumps_to_the_tools(house: House) -> None:
    """LangChain's human-in-the-loop middleware stands beside one that jumps past its filter."""
    await house.open("jumping", file=AROUND)
    thread = await house.run("jumping", say("pay"))
    await house.vote(thread, approve=False)
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["rejected"]
    assert [stop["why"] for stop in await stops(house)] == ["no claim"]


async def test_a_rejected_call_of_a_hidden_agent_does_not_run_when_its_predicate_flips(house: House) -> None:
    """The sub-agent's predicate changes its mind, and the rejected call would run."""
    await house.open("asking", file=AROUND)
    thread = await house.run("asking", {"agent": "flips", "text": "pay"})
    assert await house.states(thread) == ["waiting"]
    await house.vote(thread, approve=False)
    agents.BROKEN.add(ways_around.FLIPPED)
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["rejected"]
    assert [stop["why"] for stop in await stops(house)] == ["no claim"]


async def test_a_hidden_agents_call_that_differs_from_what_was_shown_does_not_run(house: House) -> None:
    """The host cannot see its tool, so people see the raw arguments: '9e2', and no currency."""
    await house.open("asking", file=AROUND)
    thread = await house.run("asking", {"agent": "stock", "text": "pay exactly"})
    (action,) = await house.actions(thread)
    assert action.args == {"amount": "9e2"}
    await approve_all(house, thread)
    assert ran == []
    assert [stop["why"] for stop in await stops(house)] == ["arguments read otherwise"]
    assert await house.states(thread) == ["failed"]


async def test_a_hidden_agents_call_that_equals_what_was_shown_runs(house: House) -> None:
    await house.open("asking", file=AROUND)
    thread = await house.run("asking", {"agent": "stock", "text": "pay as read"})
    await approve_all(house, thread)
    assert ran == [("pay", 900.0, "EUR")]
    assert await house.states(thread) == ["executed"]
    assert await stops(house) == []


@pytest.mark.parametrize("graph", ["gated", "batched", "per_call"])
async def test_arguments_are_shown_and_compared_as_the_tool_reads_them(house: House, graph: str) -> None:
    """'9e2' is shown as the 900.0 that runs, with the default currency."""
    await house.open(graph, file=AROUND)
    thread = await house.run(graph, say("pay exactly"))
    (action,) = await house.actions(thread)
    assert action.args == {"amount": 900.0, "currency": "EUR"}
    await approve_all(house, thread)
    assert ran == [("pay", 900.0, "EUR")]
    assert await house.states(thread) == ["executed"]
    assert await stops(house) == []


@pytest.mark.parametrize("graph", ["gated", "batched", "per_call"])
async def test_arguments_that_the_tool_refuses_are_answered_to_the_model_without_a_review(
    house: House, graph: str
) -> None:
    await house.open(graph, file=AROUND)
    thread = await house.run(graph, say("pay oddly"))
    assert await house.actions(thread) == []
    assert (await house.thread(thread)).state == "finished"
    ((status, text),) = await house.said(thread)
    assert status == "error"
    assert "Input should be a valid number" in text


@pytest.mark.parametrize("graph", ["gated", "batched", "per_call"])
async def test_a_call_of_a_missing_tool_is_answered_to_the_model_without_a_review(
    house: House, graph: str
) -> None:
    await house.open(graph, file=AROUND)
    thread = await house.run(graph, say("pay nobody"))
    assert await house.actions(thread) == []
    assert (await house.thread(thread)).state == "finished"
    assert "pay_nobody is not a valid tool" in (await house.said(thread))[0][1]


@pytest.mark.parametrize("graph", ["gated", "batched", "per_call"])
async def test_two_calls_with_one_id_are_refused(house: House, graph: str) -> None:
    """Their answers could not be told apart, so nobody is asked and neither runs."""
    await house.open(graph, file=AROUND)
    thread = await house.run(graph, say("pay both"))
    assert await house.actions(thread) == []
    assert ran == []
    assert (await house.thread(thread)).state == "finished"
    assert all("give each call an id of its own" in text for _, text in await house.said(thread))


@pytest.mark.parametrize("graph", ["gated", "batched", "per_call"])
async def test_a_tool_whose_kind_changed_is_ruled_again(house: House, graph: str) -> None:
    """An action approved as one kind never runs as another; it is withdrawn."""
    await house.open(graph, file=AROUND)
    thread = await house.run(graph, say("pay"))
    await house.vote(thread)
    house.in_force.append(policy(tools={**KINDS, "pay": "data.delete"}))
    await house.settle()
    assert ran == []
    assert (await house.states(thread))[0] == "withdrawn"
    if graph == "gated":  # the middleware asks again by itself; a stock agent's model is told to ask again
        assert await house.states(thread) == ["withdrawn", "waiting"]
        await house.vote(thread, 1)
        await house.settle()
        assert ran == [("pay", 9000.0, "EUR")]
    assert (await house.thread(thread)).state == "finished"


async def test_a_tool_that_the_policy_never_gates_needs_no_claim(house: House) -> None:
    """A stock agent's tools that the policy never gates need no claim."""
    await house.open("plain", file=AROUND)
    thread = await house.run("plain", say("look"))
    assert ran == [("look", 1)]
    assert (await house.thread(thread)).state == "finished"
    assert await stops(house) == []


async def test_the_guard_ignores_tools_outside_of_a_host(house: House) -> None:
    """The guard works from a host's start to its stop, only in its process."""
    await house.open("plain", file=AROUND)
    await house.host.stop()
    assert ways_around.pay.invoke({"amount": 1}) == "paid"
    assert ran == [("pay", 1.0, "EUR")]


async def test_the_admins_are_told_once_how_to_gate_it(house: House) -> None:
    await house.open("around", file=AROUND)
    for _ in range(3):
        await house.run("around", {"way": "ainvoke"})
    assert len(await stops(house)) == 3
    notices = [each for each in await house.membrane.outbox.lease(1000) if each.kind == "notice"]
    assert len(notices) == 1
    assert "MembraneMiddleware()" in str(notices[0])
