"""Stalled threads keep their state and their reviews, and go on by a retry or by an operator."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.domain.hosting import Cause, Wanted
from bot.domain.states import ThreadState
from bot.errors import Conflict
from bot.membrane import RETRY_AFTER_S, OperatorRequests
from tests.fakes import ADA, GUS, policy
from tests.integration.graph import agents, stalling
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say

FILE = Path(stalling.__file__)
TOOLS = {**agents.KINDS, "flaky": "data.delete"}


def module() -> Any:
    """Return the hosted module: the host imports it under a name of its own."""
    hosted = [each for name, each in sys.modules.items() if name.startswith("membrane_graph_")]
    (found,) = [each for each in hosted if each.__file__ == stalling.__file__]
    return found


async def open_host(house: House, *graphs: str) -> None:
    house.in_force.append(policy(tools=TOOLS))
    await house.open(*graphs, file=FILE)
    module().ran.clear()
    module().down[:] = [0]


def operating(house: House) -> OperatorRequests:
    return OperatorRequests(house.db, house.membrane.vault("rows"), house.clock)


async def ask(house: House, thread: str, wanted: Wanted, **more: Any) -> None:
    await operating(house).ask(thread, wanted, by="op", **more)
    await house.settle()


async def notices(house: House) -> list[tuple[str, str]]:
    leased = await house.membrane.outbox.lease(100)
    return [(each.recipient, str(each.body)) for each in leased if each.kind == "notice"]


async def events(house: House, thread: str) -> list[str]:
    rows = await house.db.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT event, CAST(body AS TEXT) FROM journal WHERE event LIKE 'thread.%' ORDER BY id"
        ).fetchall()
    )
    return [event for event, body in rows if thread in body]


async def stall(house: House, thread: str) -> Any:
    found = await house.membrane.stalls.of_thread(thread)
    assert found is not None
    assert (await house.thread(thread)).state == "stalled"
    return found


async def test_a_503_after_an_approval_is_retried_and_withdraws_nothing(house: House) -> None:
    """The model is down when the agent continues after a tool; the other call's review stays open."""
    await open_host(house, "agent")
    thread = await house.run("agent", say("two"), owner=GUS)
    await house.vote(thread, 0)
    await house.settle()
    assert module().ran == [("delete", 1)]
    await house.vote(thread, 1)
    module().down[:] = [1]
    await house.settle()
    found = await stall(house, thread)
    assert (found.cause, found.why, found.tries) == (Cause.ERROR, "Unavailable: overloaded", 0)
    assert found.retry_at == house.clock() + RETRY_AFTER_S[0]
    assert await house.states(thread) == ["executed", "executed"]
    assert await notices(house) == [], "the bot retries by itself"

    house.clock.forward(RETRY_AFTER_S[0])
    await house.settle()
    assert (await house.thread(thread)).state == "finished"
    assert module().ran == [("delete", 1), ("delete", 2)]
    told = await events(house, thread)
    assert [each for each in told if each in {"thread.stalled", "thread.retried"}] == [
        "thread.stalled", "thread.retried"
    ]  # fmt: skip


async def test_a_stalled_thread_is_retried_three_times_before_an_operator_is_asked(house: House) -> None:
    await open_host(house, "agent")
    thread = await house.run("agent", say("delete"), owner=GUS)
    await house.vote(thread)
    module().down[:] = [5]
    await house.settle()
    for number, after_s in enumerate(RETRY_AFTER_S):
        assert (await stall(house, thread)).tries == number
        await restart(house, "agent")  # the count is kept
        house.clock.forward(after_s)
        await house.settle()
    found = await stall(house, thread)
    assert (found.tries, found.retry_at) == (3, None)
    house.clock.forward(86_400)
    await house.settle()
    assert module().down == [1]
    told = await notices(house)
    (words,) = [text for to, text in told if to == "#membrane-admin"]
    assert "Unavailable: overloaded" in words
    for command in ("show", "retry", "withdraw"):
        assert f"membrane threads {command} {thread}" in words
    (mine,) = [text for to, text in told if to == GUS]
    assert thread in mine
    assert "overloaded" not in mine, "it may be an agent's own text"

    await ask(house, thread, Wanted.RETRY)
    await stall(house, thread)
    await ask(house, thread, Wanted.RETRY)
    assert (await house.thread(thread)).state == "finished"
    assert module().ran == [("delete", 1)]
    assert await house.states(thread) == ["executed"]


async def restart(house: House, *graphs: str) -> None:
    await house.host.stop()
    await house.open(*graphs, file=FILE)
    await house.settle()


async def test_a_step_that_started_a_tool_is_not_retried_automatically(house: House) -> None:
    """Its siblings stay: a call approved while the thread is stalled runs once it goes on."""
    await open_host(house, "stock")
    thread = await house.run("stock", say("flaky and more"))
    await house.vote(thread, 0)
    await house.settle()
    found = await stall(house, thread)
    assert (found.cause, found.retry_at) == (Cause.ERROR, None)
    assert await house.states(thread) == ["failed", "waiting"]
    await house.vote(thread, 1)
    house.clock.forward(60)
    await restart(house, "stock")
    assert module().ran == [("flaky", 1)]
    assert await house.states(thread) == ["failed", "approved"]
    await stall(house, thread)

    await ask(house, thread, Wanted.RETRY)
    assert module().ran == [("flaky", 1), ("delete", 2)], "the failed call does not start again"
    assert await house.states(thread) == ["failed", "executed"]
    assert (await house.thread(thread)).state == "finished"


async def test_a_thread_that_did_nothing_fails_unless_a_service_is_down(house: House) -> None:
    await open_host(house, "first", "always")
    module().down[:] = [1]
    passing = await house.run("first", {"text": ""}, owner=GUS)
    await stall(house, passing)
    house.clock.forward(RETRY_AFTER_S[0])
    await house.settle()
    assert (await house.thread(passing)).state == "finished"

    wrong = [await house.run("always", {"text": text}, owner=GUS) for text in ("a 1", "a 2", "b")]
    assert {(await house.thread(each)).state for each in wrong} == {"failed"}
    told = await notices(house)
    words = [text for to, text in told if to == "#membrane-admin"]
    assert ["wrong: a" in each for each in words] == [True, False], "each cause is reported once"
    assert len([text for to, text in told if to == GUS]) == 3


async def test_the_person_behind_a_failed_thread_is_told_if_the_agent_may_write_to_them(
    house: House,
) -> None:
    """The bot writes to people of the policy, and to nobody else whom an agent names."""
    await open_host(house, "always")
    for named in (ADA, "U0STRANGER", GUS):
        await house.run("always", {"text": "a"}, owner=GUS, on_behalf_of=named)
    told = [to for to, _ in await notices(house)]
    assert (told.count(ADA), told.count("U0STRANGER"), told.count(GUS)) == (1, 0, 3)


@pytest.mark.parametrize(
    ("graph", "value", "answer"),
    [
        ("text", "Which address?", "the second"),
        ("question", {"question": "Is this right?", "draft": {"to": "ada"}}, True),
    ],
)
async def test_a_question_that_is_no_approval_waits_for_an_operator(
    house: House, graph: str, value: Any, answer: Any
) -> None:
    await open_host(house, graph)
    thread = await house.run(graph, {"text": ""}, owner=GUS)
    found = await stall(house, thread)
    assert (found.cause, found.retry_at) == (Cause.QUESTION, None)
    assert list(operating(house).questions(found).values()) == [value]
    row = await house.db.read(
        lambda connection: connection.exec_driver_sql("SELECT questions, why FROM stalls").fetchone()
    )
    assert row is not None
    assert "address" not in str(row), "it may hold what the policy redacts"
    assert "right" not in str(row)
    words = [text for to, text in await notices(house) if to == "#membrane-admin"]
    assert f"membrane threads answer {thread}" in words[0]

    await restart(house, graph)
    await stall(house, thread)
    with pytest.raises(Conflict, match="would only ask again"):
        await ask(house, thread, Wanted.RETRY)
    await ask(house, thread, Wanted.ANSWER, answer=answer)
    assert (await house.thread(thread)).state == "finished"
    assert (await house.values(thread))["answer"] == answer
    assert "thread.answered" in await events(house, thread)


async def test_a_node_may_ask_until_the_answer_is_valid(house: House) -> None:
    await open_host(house, "loop")
    thread = await house.run("loop", {"text": ""})
    for answer, again in (("old", "'old' is no age"), (True, "True is no age")):
        await ask(house, thread, Wanted.ANSWER, answer=answer)
        (value,) = operating(house).questions(await stall(house, thread)).values()
        assert again in value
    await ask(house, thread, Wanted.ANSWER, answer=41)
    assert (await house.thread(thread)).state == "finished"
    assert (await house.values(thread))["answer"] == 41


async def test_several_questions_and_a_review_are_answered_in_any_order(house: House) -> None:
    """Only reviewers answer the review; an operator cannot."""
    await open_host(house, "several")
    thread = await house.run("several", {"text": ""})
    questions = operating(house).questions(await stall(house, thread))
    assert sorted(questions.values()) == ["one", "two"]
    assert await house.states(thread) == ["waiting"]
    with pytest.raises(Conflict, match="asks 2 questions; name one"):
        await ask(house, thread, Wanted.ANSWER, answer="x")
    (gate,) = await house.interrupts(thread)
    with pytest.raises(Conflict, match="asks 2 questions; name one"):
        await ask(house, thread, Wanted.ANSWER, answer={"outcome": "approved"}, question=gate.id)
    ids = {value: each for each, value in questions.items()}
    await ask(house, thread, Wanted.ANSWER, answer="1", question=ids["one"])
    await stall(house, thread)
    await house.vote(thread)
    await house.settle()
    await stall(house, thread)
    await ask(house, thread, Wanted.ANSWER, answer="2")
    assert (await house.thread(thread)).state == "finished"
    assert sorted((await house.values(thread))["answers"]) == ["1", "2", "approved"]


async def test_an_operator_withdraws_a_thread_in_any_state(house: House) -> None:
    await open_host(house, "agent", "text")
    parked = await house.run("agent", say("delete"))
    asking = await house.run("text", {"text": ""})
    for thread in (parked, asking):
        await ask(house, thread, Wanted.WITHDRAW, why="not needed")
        gone = await house.thread(thread)
        assert (gone.state, gone.error) == ("gone", "withdrawn by op: not needed")
        assert "thread.withdrawn" in await events(house, thread)
        with pytest.raises(Conflict, match="is gone already"):
            await ask(house, thread, Wanted.WITHDRAW, why="again")
    assert await house.states(parked) == ["withdrawn"]


async def test_a_thread_that_is_not_stalled_cannot_be_resumed_by_an_operator(house: House) -> None:
    await open_host(house, "agent")
    thread = await house.run("agent", say("delete"))
    for wanted in (Wanted.RETRY, Wanted.ANSWER):
        with pytest.raises(Conflict, match="is parked; only a stalled thread"):
            await ask(house, thread, wanted, answer="approved")
    await house.vote(thread)
    module().down[:] = [9]
    await house.settle()
    with pytest.raises(Conflict, match="has no question that an operator can answer"):
        await ask(house, thread, Wanted.ANSWER, answer="approved")
    await operating(house).ask(thread, Wanted.RETRY, by="op")
    with pytest.raises(Conflict, match="has an earlier request that the bot has not carried out yet"):
        await operating(house).ask(thread, Wanted.RETRY, by="op")


@pytest.mark.parametrize(("graph", "act"), [("itself", "itself"), ("functional", "functional")])
async def test_an_effect_of_a_node_outside_any_tool_is_unknown_and_never_guessed(
    house: House, graph: str, act: str
) -> None:
    """The node interrupts in LangChain's form and acts without a tool: a person is asked at once."""
    await open_host(house, graph)
    thread = await house.run(graph, {"text": ""})
    await house.vote(thread)
    await house.settle()
    assert module().ran == [act]
    assert (await house.thread(thread)).state == "finished"
    assert await house.states(thread) == ["unknown"]
    kinds = [each.kind for each in await house.membrane.outbox.lease(100)]
    assert "receipt" in kinds


async def test_a_node_that_acted_before_it_raised_is_neither_retried_nor_called_failed(house: House) -> None:
    await open_host(house, "itself")
    thread = await house.run("itself", {"text": "raise"})
    await house.vote(thread)
    await house.settle()
    assert (await stall(house, thread)).retry_at is None
    assert await house.states(thread) == ["running"]
    house.clock.forward(601)
    await house.membrane.deadlines.unknown_due()
    assert await house.states(thread) == ["unknown"]
    await asyncio.sleep(0)
    assert module().ran == ["itself"]


async def test_a_frozen_thread_is_not_retried_before_the_thaw(house: House) -> None:
    await open_host(house, "agent")
    thread = await house.run("agent", say("delete"))
    await house.vote(thread)
    module().down[:] = [2]
    await house.settle()
    await house.membrane.freezes.freeze("agent", why="incident 42", by="op")
    house.clock.forward(RETRY_AFTER_S[0])
    await ask(house, thread, Wanted.RETRY)
    assert (await stall(house, thread)).tries == 0
    assert module().down == [1]
    await house.membrane.freezes.thaw("agent", by="op")
    await house.settle()
    assert module().down == [0]


async def test_a_node_that_may_have_acted_before_a_crash_does_not_act_again(house: House) -> None:
    """The action was claimed and the thread resumed, and the bot died before any of it was saved."""
    await open_host(house, "itself")
    thread = await house.run("itself", {"text": ""})
    await house.vote(thread)
    (action,) = await house.actions(thread)
    await house.membrane.claims.start(action.id, action.args_digest)
    await house.membrane.threads.set_state(thread, ThreadState.RUNNING)
    await restart(house, "itself")
    assert module().ran == []
    assert (await house.thread(thread)).state == "finished"
    house.clock.forward(601)
    await house.membrane.deadlines.unknown_due()
    assert await house.states(thread) == ["unknown"]
