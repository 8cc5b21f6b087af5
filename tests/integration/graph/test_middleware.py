"""MembraneMiddleware: every tool of a LangChain agent, gated by the policy in force."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.states import Receipt
from tests.integration.graph import agents
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say


async def test_each_call_waits_for_itself(house: House) -> None:
    """Passing calls run at once, all cards open together, and each call runs as soon as it is approved."""
    await house.open("gated")
    thread = await house.run("gated", say("mixed"))
    assert await house.states(thread) == ["executed", "waiting", "waiting"]
    assert ran == [("read", 1)]

    await house.vote(thread, 2)
    await house.settle()
    assert ran == [("read", 1), ("delete", 3)]
    assert await house.states(thread) == ["executed", "waiting", "executed"]
    assert (await house.thread(thread)).state == "parked"

    await house.vote(thread, 1, approve=False, note="she left")
    await house.settle()
    assert ran == [("read", 1), ("delete", 3)]
    assert (await house.thread(thread)).state == "finished"
    assert await house.said(thread) == [
        ("success", "read 1 done"),
        ("error", "mail was not run: rejected by U0CLEO: she left"),
        ("success", "delete 3 done"),
    ]


async def test_the_model_can_tell_silence_from_a_refusal(house: House) -> None:
    await house.open("gated")
    thread = await house.run("gated", say("delete"))
    await house.expire()
    await house.settle()
    assert await house.said(thread) == [
        (
            "error",
            (
                "delete was not run: nobody answered within "
                "16 minutes 40 seconds; this is not a refusal by a person"
            ),
        )
    ]
    assert (await house.thread(thread)).state == "finished"
    assert (await house.values(thread))["messages"][-1].text == "deleted"


async def test_a_halted_call_stays_answerable(house: House) -> None:
    await house.open("gated")
    thread = await house.run("gated", say("mail"))
    await house.expire()
    await house.settle()
    assert await house.states(thread) == ["halted"]
    assert [each.state for each in await house.interrupts(thread)] == ["delivered", "waiting"]

    await house.vote(thread)
    await house.settle()
    assert ran == [("mail", "ada")]
    assert (await house.thread(thread)).state == "finished"
    assert [each.state for each in await house.interrupts(thread)] == ["delivered", "delivered"]


@pytest.mark.parametrize("approve", [True, False])
async def test_a_lapsed_approval_is_asked_again(house: House, approve: bool) -> None:
    await house.open("gated")
    thread = await house.run("gated", say("mail"))
    await house.vote(thread)
    house.clock.forward(101)
    await house.settle()
    assert await house.states(thread) == ["waiting"]
    assert ran == []

    await house.vote(thread, approve=approve)
    await house.settle()
    assert ran == ([("mail", "ada")] if approve else [])
    assert (await house.thread(thread)).state == "finished"
    assert [each.state for each in await house.interrupts(thread)] == ["delivered", "delivered"]


async def test_a_lapsed_approval_that_is_asked_again_and_halts_stays_answerable(house: House) -> None:
    """The approval lapses, the new review expires, its successor is approved: the call runs once."""
    await house.open("gated")
    thread = await house.run("gated", say("mail"))
    await house.vote(thread)
    house.clock.forward(101)
    await house.settle()
    await house.expire()
    await house.settle()
    assert await house.states(thread) == ["halted"]
    await house.vote(thread)
    await house.settle()
    assert ran == [("mail", "ada")]
    assert len((await house.standing(thread)).reviews) == 3
    assert (await house.thread(thread)).state == "finished"


async def test_the_model_is_told_that_a_tool_raised(house: House) -> None:
    agents.BROKEN.add("delete")
    await house.open("gated")
    thread = await house.run("gated", say("delete"))
    await house.vote(thread)
    await house.settle()
    assert await house.states(thread) == ["failed"]
    assert await house.said(thread) == [("error", "delete: it failed: RuntimeError: delete is broken")]
    assert (await house.thread(thread)).state == "finished"


async def test_the_same_call_in_another_turn_is_another_action(house: House) -> None:
    await house.open("gated")
    thread = await house.run("gated", say("delete again"))
    await house.vote(thread, 0)
    await house.settle()
    assert await house.states(thread) == ["executed", "waiting"]
    await house.vote(thread, 1)
    await house.settle()
    assert ran == [("delete", 1), ("delete", 1)]
    assert (await house.thread(thread)).state == "finished"


async def test_arguments_too_large_to_judge_are_refused_to_the_model(house: House) -> None:
    await house.open("gated")
    thread = await house.run("gated", say("huge"))
    assert await house.states(thread) == ["waiting"]
    await house.vote(thread)
    await house.settle()
    (first, text), second = await house.said(thread)
    assert first == "error"
    assert "cannot be put before a person: args are" in text
    assert second == ("success", "delete 3 done")


async def test_an_agent_run_synchronously_by_a_tool_is_gated_too(house: House) -> None:
    """The sub-agent's question surfaces in the outer thread, and its answer finds the way back."""
    await house.open("with_sub_agent")
    thread = await house.run("with_sub_agent", say("sub"))
    assert (await house.thread(thread)).state == "parked"
    assert [action.kind for action in await house.actions(thread)] == ["data.delete"]
    await house.vote(thread)
    await house.settle()
    assert ran == [("blocking_delete", 1)]
    assert (await house.thread(thread)).state == "finished"
    assert (await house.said(thread))[-1] == ("success", "deleted")


async def test_an_agent_as_a_node_is_gated_too(house: House) -> None:
    await house.open("nested_agent")
    thread = await house.run("nested_agent", say("delete"))
    assert await house.states(thread) == ["waiting"]
    await house.vote(thread)
    await house.settle()
    assert ran == [("delete", 1)]
    assert (await house.thread(thread)).state == "finished"


async def test_a_tool_finds_its_idempotency_key(house: House) -> None:
    await house.open("gated")
    thread = await house.run("gated", say("job"))
    await house.vote(thread)
    await house.settle()
    standing = await house.standing(thread)
    review = standing.review
    assert review is not None
    assert ran == [("job", (1, f"{review.id}:{review.args_digest}", 1))]
    assert standing.action.receipt is Receipt.EXECUTED


async def test_a_tool_that_asks_after_its_start_fails_with_a_remedy(house: House) -> None:
    """Its claim is already used, so it could never finish. It hears so before anybody approves."""
    await house.open("supervisor")
    thread = await house.run("supervisor", say("yourself"))
    assert await house.states(thread) == ["failed"]
    assert "declare the kind `idempotent: true`" in (await house.said(thread))[0][1]
    assert (await house.thread(thread)).state == "finished"


async def test_a_supervisor_and_its_agents_are_all_gated(house: House) -> None:
    """The tool that runs the agent is an action too. Declared idempotent, it goes on after the answer."""
    strict = house.in_force[-1]
    again = replace(strict.actions["db.read"], idempotent=True)
    house.in_force.append(replace(strict, actions={**strict.actions, "db.read": again}))
    await house.open("supervisor")
    thread = await house.run("supervisor", say("sub"))
    assert await house.states(thread) == ["running", "waiting"]
    await house.vote(thread, 1)
    await house.settle()
    assert await house.states(thread) == ["executed", "executed"]
    assert ran == [("blocking_delete", 1)]
    assert (await house.thread(thread)).state == "finished"
