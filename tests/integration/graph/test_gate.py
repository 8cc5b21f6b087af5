"""The gate, as a graph of its own and as nodes in an author's graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from bot.domain.action import Action
from bot.domain.states import ReviewState
from bot.errors import GraphRefused
from bot.graph.tool_permits import Permits
from bot.store import journal
from tests.integration.graph import agents
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say

DELETE = {"kind": "data.delete", "args": {"id": 1}}
MAIL = {"kind": "mail.send", "args": {"to": "ada"}}
READ = {"kind": "db.read", "args": {"id": 1}}


async def entries(house: House) -> int:
    return await house.db.read(lambda connection: len(list(journal.entries(connection))))


async def test_an_approved_action_runs_once_with_the_arguments_that_were_shown(house: House) -> None:
    """The effect gets the claimed arguments and an idempotency key; the thread ends with its receipt."""
    await house.open("one")
    thread = await house.run("one", DELETE, on_behalf_of="U0GUS")
    assert (await house.thread(thread)).state == "parked"
    assert ran == []

    await house.vote(thread, note="go ahead")
    await house.settle()

    assert ran == [("data.delete", {"id": 1})]
    assert (await house.thread(thread)).state == "finished"
    assert await house.states(thread) == ["executed"]
    assert [each.state for each in await house.interrupts(thread)] == ["delivered"]
    settled = (await house.values(thread))["settled"]
    assert (settled["receipt"], settled["outcome"]) == ("executed", "approved")
    assert settled["answer"]["text"] == "approved by U0CLEO: go ahead"
    assert (await house.thread(thread)).result == {"result": {"settled": settled}, "cut": False}
    assert (await house.standing(thread)).action.on_behalf_of == "U0GUS"


async def test_invariant_4_three_outcomes_equal_rank(house: House) -> None:
    """Approved, rejected and expired all resume the thread in the same way, and it ends well in all three."""
    await house.open("one")
    threads = [await house.run("one", {"kind": "data.delete", "args": {"id": number}}) for number in range(3)]
    await house.vote(threads[0], approve=True)
    await house.vote(threads[1], approve=False, note="not on a Friday")
    await house.settle()
    await house.expire()
    await house.settle()

    ends = [(await house.values(thread))["settled"] for thread in threads]
    assert [end["outcome"] for end in ends] == ["approved", "rejected", "expired"]
    assert [end["receipt"] for end in ends] == ["executed", "denied", "denied"]
    assert [(await house.thread(thread)).state for thread in threads] == ["finished"] * 3
    assert [(await house.interrupts(thread))[0].state for thread in threads] == ["delivered"] * 3
    assert ends[1]["text"] == "rejected by U0CLEO: not on a Friday"
    assert (
        ends[2]["text"] == "nobody answered within 16 minutes 40 seconds; this is not a refusal by a person"
    )
    assert ends[2]["answer"]["decided_by"] == []
    assert ends[2]["answer"]["default"] == "abort"


async def test_a_thread_is_told_that_nobody_was_shown_its_review(house: House) -> None:
    await house.open("one")
    thread = await house.run("one", {"kind": "data.delete", "args": {"id": 1}})
    await house.expire(shown=False)
    await house.settle()
    end = (await house.values(thread))["settled"]
    assert (end["outcome"], end["receipt"], end["answer"]["reason"]) == ("expired", "denied", "never_shown")
    words = (
        "nobody who may decide was shown it within 16 minutes 40 seconds; this is not a refusal by a person"
    )
    assert end["text"] == words


@pytest.mark.parametrize(
    ("graph", "given"),
    [
        ("one", DELETE),
        ("own_graph", {"kind": "data.delete", "number": 1}),
        ("gated", say("delete")),
        ("batched", say("delete")),
        ("per_call", say("delete")),
    ],
)
async def test_invariant_7_pure_before_the_interrupt(house: House, graph: str, given: dict[str, Any]) -> None:
    """LangGraph may rerun a waiting node any number of times: it has no effect and writes nothing."""
    await house.open(graph)
    thread = await house.run(graph, given)
    before, asked = await entries(house), await house.interrupts(thread)
    hosted = house.host._graphs[graph]
    for _ in range(3):
        await house.host._runner._run(await house.thread(thread), hosted, None, Permits())
    assert ran == []
    assert await entries(house) == before
    assert await house.interrupts(thread) == asked
    assert await house.states(thread) == ["waiting"]


@pytest.mark.parametrize("graph", ["one", "gated"])
async def test_invariant_10_tiers_0_and_1_wait_for_nobody(house: House, graph: str) -> None:
    """With any number of parked reviews, a passing action does not park, wants no message and asks nobody."""
    await house.open("one", "gated", concurrency=1)
    for number in range(15):
        await house.run("one", {"kind": "mail.send", "args": {"to": f"user{number}"}})
    await house.membrane.outbox.lease(1000)

    given = READ if graph == "one" else say("pass")
    thread = await house.run(graph, given)

    assert (await house.thread(thread)).state == "finished"
    assert set(await house.states(thread)) == {"executed"}
    assert await house.interrupts(thread) == []
    assert ran
    for place in range(len(ran)):
        assert (await house.standing(thread, place)).reviews == ()
    assert await house.membrane.open_reviews() == 15
    assert await house.membrane.outbox.lease(1000) == []


async def test_a_halted_action_stays_answerable_and_runs_when_approved(house: House) -> None:
    """Tier 2: nobody answers, the thread parks again for the successor review, which has no window."""
    await house.open("one")
    thread = await house.run("one", MAIL)
    await house.expire()
    await house.settle()

    assert (await house.thread(thread)).state == "parked"
    assert await house.states(thread) == ["halted"]
    first, second = await house.interrupts(thread)
    assert (first.state, second.state) == ("delivered", "waiting")
    successor = (await house.standing(thread)).review
    assert successor is not None
    assert successor.expires_at is None
    assert successor.interrupt_id == second.id
    assert second.payload["follows"] == successor.predecessor_id

    await house.vote(thread)
    await house.settle()
    assert ran == [("mail.send", {"to": "ada"})]
    assert (await house.thread(thread)).state == "finished"
    assert (await house.values(thread))["settled"]["outcome"] == "approved"


async def test_a_halted_action_that_is_rejected_ends_without_its_effect(house: House) -> None:
    await house.open("one")
    thread = await house.run("one", MAIL)
    await house.expire()
    await house.settle()
    await house.vote(thread, approve=False)
    await house.settle()
    assert ran == []
    assert (await house.values(thread))["settled"]["outcome"] == "rejected"
    assert (await house.thread(thread)).state == "finished"


async def test_an_approval_that_lapsed_is_asked_again(house: House) -> None:
    """The bot was down while the approval went stale: the thread goes back to the gate."""
    await house.open("one")
    thread = await house.run("one", MAIL)
    await house.vote(thread)
    house.clock.forward(101)  # mail.send keeps for 100 s
    await house.settle()

    assert ran == []
    assert await house.states(thread) == ["waiting"]
    assert [each.state for each in await house.interrupts(thread)] == ["delivered", "waiting"]
    assert len((await house.standing(thread)).reviews) == 2

    await house.vote(thread)
    await house.settle()
    assert ran == [("mail.send", {"to": "ada"})]
    assert (await house.thread(thread)).state == "finished"


async def test_a_policy_loosened_during_the_wait_does_not_skip_the_answer(house: House) -> None:
    """The ruling before the interrupt is saved, so a pending rejection still counts."""
    await house.open("one", "gated")
    threads = [await house.run("one", DELETE), await house.run("gated", say("delete all"))]
    strict = house.in_force[-1]
    passes = replace(strict.actions["db.read"], name="data.delete")
    house.in_force.append(replace(strict, actions={**strict.actions, "data.delete": passes}))
    for thread in threads:
        await house.vote(thread, approve=False)
    await house.settle()
    assert ran == []
    assert (await house.values(threads[0]))["settled"]["outcome"] == "rejected"
    assert [status for status, _ in await house.said(threads[1])] == ["error"]


@pytest.mark.parametrize(("graph", "given"), [("one", DELETE), ("gated", say("delete"))])
async def test_a_policy_tightened_before_the_recording_is_obeyed(
    house: House, graph: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The action was ruled to pass, but no longer passes when it is recorded: it waits for a person."""
    await house.open(graph)
    passing = house.membrane.rule(Action.of("db.read", {"id": 1}, agent="ops-agent"))
    monkeypatch.setattr(house.membrane, "rule", lambda action: passing)
    thread = await house.run(graph, given)
    assert ran == []
    assert await house.states(thread) == ["waiting"]
    assert (await house.interrupts(thread))[0].payload["action_id"] == (await house.actions(thread))[0].id

    await house.vote(thread)
    await house.settle()
    assert len(ran) == 1
    assert await house.states(thread) == ["executed"]
    assert (await house.thread(thread)).state == "finished"


async def test_a_failing_effect_gets_a_receipt_and_the_thread_goes_on(house: House) -> None:
    agents.BROKEN.add("data.delete")
    await house.open("own_graph")
    thread = await house.run("own_graph", {"kind": "data.delete", "number": 7})
    await house.vote(thread)
    await house.settle()
    assert await house.states(thread) == ["failed"]
    assert (await house.standing(thread)).action.detail == "RuntimeError: data.delete is broken"
    assert ran == [("after", "failed")]
    assert (await house.values(thread))["seen"] == ["it failed: RuntimeError: data.delete is broken"]
    assert (await house.thread(thread)).state == "finished"


async def test_a_blocking_effect_does_not_block_the_event_loop(house: House) -> None:
    await house.open("one_blocking")
    thread = await house.run("one_blocking", DELETE)
    await house.vote(thread)
    await house.settle()
    assert ran == [("data.delete", {"id": 1})]
    assert (await house.values(thread))["settled"]["result"] == "done"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "not a kind", "args": {}}, "is not dotted words"),
        ({"kind": "data.delete"}, "needs kind and args; args missing"),
        ({"kind": "data.delete", "args": {"text": "x" * 70_000}}, "at most 65536 can be reviewed"),
        ({"kind": "data.delete", "args": {}, "hint": {"reversible": True}}, "blast_radius"),
    ],
)
async def test_an_action_too_large_to_review_is_denied_with_the_reason(
    house: House, given: dict[str, Any], says: str
) -> None:
    await house.open("one")
    thread = await house.run("one", given)
    settled = (await house.values(thread))["settled"]
    assert settled["receipt"] == "denied"
    assert says in settled["text"]
    assert await house.actions(thread) == []


async def test_two_gates_in_one_graph_ask_one_after_the_other(house: House) -> None:
    await house.open("two_gates")
    thread = await house.run("two_gates", {"kind": "mail.send", "number": 1})
    await house.vote(thread)
    await house.settle()
    assert await house.states(thread) == ["executed", "waiting"]
    await house.vote(thread, 1)
    await house.settle()
    assert [what for what, _ in ran] == ["mail.send", "data.delete"]
    assert (await house.thread(thread)).state == "finished"


async def test_a_recently_rejected_action_is_answered_without_a_review(house: House) -> None:
    await house.open("one")
    first = await house.run("one", DELETE)
    await house.vote(first, approve=False, note="no")
    await house.settle()
    second = await house.run("one", DELETE)
    settled = (await house.values(second))["settled"]
    assert settled["outcome"] == "rejected"
    assert "was rejected recently" in settled["text"]
    assert (await house.standing(second)).reviews == ()
    assert (await house.thread(second)).state == "finished"


async def test_a_gate_outside_of_a_host_raises_an_explanation() -> None:
    graph = agents.one.compile(checkpointer=InMemorySaver())
    with pytest.raises(GraphRefused, match="outside of the membrane's host"):
        await graph.ainvoke(DELETE, {"configurable": {"thread_id": "t"}})


async def test_the_review_of_a_gate_closes_like_any_other(house: House) -> None:
    """Expiry closes the review of a gate, and the answer names it."""
    await house.open("one")
    thread = await house.run("one", DELETE)
    await house.expire()
    await house.settle()
    review = (await house.standing(thread)).review
    assert review is not None
    assert review.state is ReviewState.EXPIRED
    assert (await house.values(thread))["settled"]["answer"]["review_id"] == review.id


async def test_a_remembered_expiry_is_reported_as_an_expiry(house: House) -> None:
    """A second thread asks the same within the hour. Its answer is an expiry and not a refusal."""
    await house.open("one", "gated", "batched")
    first = await house.run("one", DELETE)
    await house.expire()
    await house.settle()
    again = await house.run("one", DELETE)
    assert (await house.thread(again)).state == "finished"
    settled = (await house.values(again))["settled"]
    assert (settled["receipt"], settled["outcome"]) == ("denied", "expired")
    assert "this is not a refusal by a person, and nobody was asked again" in settled["text"]
    earlier = (await house.actions(first))[0].id
    assert [(each.state, each.remembers) for each in await house.actions(again)] == [("aborted", earlier)]
    assert await house.membrane.open_reviews() == 0
