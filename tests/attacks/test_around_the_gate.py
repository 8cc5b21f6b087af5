"""No gated tool of a hosted agent runs without a person's approval. The agent's author does not matter."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from bot.localslack import Person
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import ADMIN
from tests.attacks.hostile import WAYS
from tests.attacks.running import CARDS, REFUSED, Target, mark, say

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDED = ("finished", "failed", "stalled", "gone")
GATED = ("gated", "stock", "batched")
"""An agent with the membrane's middleware, and LangChain's own in both of its modes."""


def pay(word: str, amount: Any = 150, **more: Any) -> list[Any]:
    """Return a call of the tool."""
    return ["pay", {"amount": amount, "note": word, **more}]


async def ended(attacker: Agent, graph: str, given: Json) -> Json:
    """Run a thread to its end."""
    return await attacker.thread(await attacker.start(graph, given), *ENDED)


def said(thread: Json) -> str:
    """Return a thread's answer as text."""
    return json.dumps(thread)


@pytest.mark.parametrize("way", WAYS)
async def test_invariant_15_no_way_leads_around_the_gate(target: Target, attacker: Agent, way: str) -> None:
    """The tool does not run, whatever calls it, and the journal records the stop."""
    word, before = mark(), len(target.told("tool.stopped"))
    thread = await ended(attacker, "around", {"way": way, "word": word})
    assert target.effects(word) == []
    assert thread["state"] == "finished", thread
    stopped = target.told("tool.stopped")[before:]
    assert stopped
    assert {each["thread"] for each in stopped} <= {thread["id"], None}


async def test_the_admins_are_told_how_to_gate_a_bypassed_tool(
    target: Target, attacker: Agent, cleo: Person
) -> None:
    await ended(attacker, "around", {"way": "tool.ainvoke", "word": mark()})
    await cleo.wait_for_message(ADMIN, "MembraneMiddleware()")


@pytest.mark.parametrize("sub", ["plain", "asks nothing"])
async def test_a_sub_agent_without_the_middleware_runs_no_gated_tool(
    target: Target, attacker: Agent, sub: str
) -> None:
    """`create_deep_agent(middleware=[MembraneMiddleware()])` makes sub-agents without the middleware."""
    word = mark()
    script = json.dumps([[pay(word), ["wipe", {"note": word}], ["look", {"note": word}]], "done"])
    thread = await ended(attacker, "deep", say([["task", {"sub": sub, "script": script}]], "handed over"))
    assert [line["ran"] for line in target.effects(word)] == ["look"]
    assert thread["state"] == "finished", thread
    assert {each["tool"] for each in target.told("tool.stopped", thread["id"])} == {"pay", "wipe"}


@pytest.mark.parametrize("graph", ["jumping", "stock", "batched", "gated"])
async def test_a_call_that_a_person_rejected_does_not_run(
    target: Target, attacker: Agent, finn: Person, graph: str
) -> None:
    """This holds even if a middleware jumps to the tools, past LangChain's filter of answered calls."""
    word = mark()
    started = await attacker.start(graph, say([pay(word)], "done"))
    await finn.click(CARDS, await target.card(finn, word), "reject")
    thread = await attacker.thread(started, *ENDED)
    assert target.effects(word) == []
    assert [each["state"] for each in thread["actions"]] == ["rejected"]


async def test_a_rejected_call_of_a_sub_agent_does_not_run_when_its_condition_flips(
    target: Target, attacker: Agent, finn: Person
) -> None:
    word = mark()
    given = {"sub": "flips", "script": json.dumps([[pay(word)], "done"])}
    started = await attacker.start("deep", say([["task", given]], "done"))
    await finn.click(CARDS, await target.card(finn, word), "reject")
    await attacker.thread(started, *ENDED)
    assert target.effects(word) == []


async def test_arguments_that_change_after_the_approval_do_not_run(
    target: Target, attacker: Agent, finn: Person
) -> None:
    """A person approves 150, and a middleware inside ours changes it to 9000."""
    word = mark()
    started = await attacker.start("changing", say([pay(word)], "done"))
    await target.approve(word, finn)
    thread = await attacker.thread(started, *ENDED)
    assert target.effects(word) == []
    assert [each["receipt"] for each in thread["actions"]] != ["executed"]


async def test_a_tool_that_is_swapped_after_the_approval_does_not_run(
    target: Target, attacker: Agent, finn: Person
) -> None:
    word = mark()
    started = await attacker.start("renaming", say([pay(word)], "done"))
    await target.approve(word, finn)
    await attacker.thread(started, *ENDED)
    assert target.effects(word) == []


async def test_one_claim_admits_one_start(target: Target, attacker: Agent, finn: Person) -> None:
    word = mark()
    started = await attacker.start("repeating", say([pay(word)], "done"))
    await target.approve(word, finn)
    await attacker.thread(started, *ENDED)
    assert len(target.effects(word)) == 1


async def test_a_pause_that_is_swallowed_runs_nothing(target: Target, attacker: Agent) -> None:
    word = mark()
    await ended(attacker, "swallowing", say([pay(word)], "done"))
    assert target.effects(word) == []
    assert target.told("pause.swallowed")


@pytest.mark.parametrize("graph", GATED)
@pytest.mark.parametrize("amount", ["9e2", 900])
async def test_the_card_shows_the_arguments_that_the_tool_reads(
    target: Target, attacker: Agent, finn: Person, graph: str, amount: Any
) -> None:
    """The card shows 900 and the unwritten default, and the tool runs with exactly those."""
    word = mark()
    started = await attacker.start(graph, say([pay(word, amount)], "done"))
    card = json.dumps(await target.card(finn, word))
    assert "900" in card
    assert "EUR" in card
    await target.approve(word, finn)
    thread = await attacker.thread(started, *ENDED)
    assert [line["args"] for line in target.effects(word)] == [
        {"amount": 900.0, "note": word, "currency": "EUR"}
    ]
    assert [each["receipt"] for each in thread["actions"]] == ["executed"]


UNASKED: dict[str, Any] = {
    "a tool that is not there": lambda word: [["pay_nobody", {"note": word}]],
    "a tool of nearly that name": lambda word: [["Pay", {"amount": 1, "note": word}]],
    "a word for an amount": lambda word: [pay(word, "much")],
    "no amount": lambda word: [["pay", {"note": word}]],
    "a list for an amount": lambda word: [pay(word, [1])],
    "nothing": lambda word: [["wipe", {}]],
    "two calls of one id": lambda word: [[*pay(word), "call_same"], [*pay(word, 170), "call_same"]],
    "two tools, one id": lambda word: [[*pay(word), "call_same"], ["wipe", {"note": word}, "call_same"]],
}


@pytest.mark.parametrize("graph", GATED)
@pytest.mark.parametrize("what", UNASKED)
async def test_a_call_that_cannot_run_is_answered_to_the_model_and_nobody_is_asked(
    target: Target, attacker: Agent, graph: str, what: str
) -> None:
    word = mark()
    thread = await ended(attacker, graph, say(UNASKED[what](word), "done"))
    assert thread["state"] == "finished", thread
    assert thread["actions"] == []
    assert target.effects(word) == []


async def test_an_agent_over_http_cannot_lower_the_kind_of_its_tools(target: Target, attacker: Agent) -> None:
    """A tool's kind comes from the policy, not from what a model, an id or an argument calls it."""
    word = mark()
    call = ["wipe", {"note": word, "kind": "attack.look", "tier": 0}, "attack.look"]
    started = await attacker.start("gated", say([call], "done"))
    thread = await attacker.thread(started, "parked", *ENDED)
    assert [each["tier"] for each in thread["actions"]] in ([3], [])
    assert target.effects(word) == []


async def test_types_of_the_state_survive_a_park(target: Target, attacker: Agent, cleo: Person) -> None:
    """A type that comes back as a dict would fail the thread after the approved effect."""
    word = mark()
    started = await attacker.start("typed", {"word": word})
    await target.approve(word, cleo)
    assert (await attacker.thread(started, *ENDED))["state"] == "finished"
    assert [line["ran"] for line in target.effects(word)] == ["typed", "after"]
    assert target.effects(word)[1]["args"]["types"] == ["Line", "Colour"]


@pytest.mark.parametrize("graph", ["acting", "functional"])
async def test_an_effect_without_a_tool_is_unknown_and_never_failed(
    target: Target, attacker: Agent, cleo: Person, graph: str
) -> None:
    """A node that interrupts in LangChain's form and then acts without a tool."""
    word = mark()
    started = await attacker.start(graph, {"word": word})
    await target.approve(word, cleo)
    thread = await attacker.thread(started, *ENDED)
    assert len(target.effects(word)) == 1
    assert [each["receipt"] for each in thread["actions"]] == ["unknown"]
    assert "without running it" not in said(thread)


@pytest.mark.parametrize("graph", ["stock", "batched"])
@pytest.mark.parametrize("way", ["raises", "returns", "prints"])
async def test_a_redacted_value_appears_nowhere(
    target: Target, attacker: Agent, cleo: Person, graph: str, way: str
) -> None:
    """A stock agent's tool fails with the secret in its error, repeats it, or prints it."""
    secret = f"4000{time.time_ns()}"
    started = await attacker.start(graph, say([["charge", {"card": secret, "way": way}]], "done"))
    (action,) = (await attacker.thread(started, "parked"))["actions"]
    await cleo.click(CARDS, await target.card(cleo, "attack.charge"), "approve")
    thread = await attacker.thread(started, *ENDED)
    assert [each["receipt"] for each in thread["actions"]] == ["failed" if way == "raises" else "executed"]
    await target.stage.shown()
    assert action["id"] in target.everywhere()
    assert secret not in said(thread)
    assert secret not in target.everywhere()


@pytest.mark.parametrize("graph", GATED[1:])
@pytest.mark.parametrize("slip", [{"way": "no identifier"}, {"way": 7}, {"card": None}])
async def test_a_refused_call_reveals_no_redacted_value(
    target: Target, attacker: Agent, graph: str, slip: Json
) -> None:
    """The policy or the tool refuses the arguments: nobody is asked, and no refusal repeats the number."""
    secret = int(f"4000{time.time_ns() % 10**11}")
    card = secret if "card" in slip else str(secret)
    before = len(target.effects("charge"))
    thread = await ended(attacker, graph, say([["charge", {**slip, "card": card}]], "done"))
    assert (thread["state"], thread["actions"]) == ("finished", [])
    assert len(target.effects("charge")) == before
    await target.stage.shown()
    assert thread["id"] in target.everywhere()
    assert str(secret) not in said(thread)
    assert str(secret) not in target.everywhere()


async def test_a_payment_runs_once_when_the_model_is_overloaded_after_it(
    target: Target, attacker: Agent, finn: Person, cleo: Person
) -> None:
    """The thread stalls with its state and resumes, and the payment happens once."""
    word = mark()
    fails = {"fails": word, "times": 1, "then": "done"}
    started = await attacker.start("unavailable", say([pay(word)], fails))
    await target.approve(word, finn)
    await attacker.thread(started, "stalled")
    assert len(target.effects(word)) == 1
    await target.command("threads", "retry", started["id"])
    assert (await attacker.thread(started, "finished"))["state"] == "finished"
    assert len(target.effects(word)) == 1


async def test_a_question_is_answered_by_an_operator_and_never_by_an_agent(
    target: Target, attacker: Agent
) -> None:
    word = mark()
    started = await attacker.start("asking", {"word": word})
    await attacker.thread(started, "stalled")
    for path in ("answer", "retry", "resume"):
        url = f"/v1/threads/{started['id']}/{path}"
        refused = await attacker.send("POST", url, json={"answer": "yes", "why": "x"})
        assert refused.status_code in {403, 404, 405}
    again = await attacker.start("asking", {"word": mark(), "answer": "yes", "resume": "yes"})
    assert again["id"] != started["id"]
    assert target.effects(word) == []
    listed = await target.command("threads", "list", "--json")
    assert started["id"] in listed.out
    await target.command("threads", "answer", started["id"], "--text", "12 Elm Street")
    await attacker.thread(started, "finished")
    assert [line["args"]["answer"] for line in target.effects(word)] == ["12 Elm Street"]


async def test_an_approval_of_a_gate_is_never_given_as_an_answer(
    target: Target, attacker: Agent, cleo: Person
) -> None:
    word = mark()
    started = await attacker.start("gated", say([["wipe", {"note": word}]], "done"))
    await target.card(cleo, word)
    answer = json.dumps({"outcome": "approved", "decisions": [{"type": "approve"}]})
    for line in (("answer", "--json", answer), ("answer", "--text", "approve"), ("retry",)):
        await target.command("threads", line[0], started["id"], *line[1:], code=1)
    assert target.effects(word) == []
    await target.command("threads", "withdraw", started["id"], "--why", "an attack")
    await attacker.thread(started, *ENDED)
    assert target.effects(word) == []


async def test_refused_graphs_stop_nothing_else(target: Target, attacker: Agent) -> None:
    for graph in REFUSED:
        problem = await attacker.ask("POST", "/v1/threads", expect=409, json={"graph": graph, "input": {}})
        assert graph in problem["detail"]
    await target.well()
    word = mark()
    await ended(attacker, "gated", say([["look", {"note": word}]], "done"))
    assert [line["ran"] for line in target.effects(word)] == ["look"]


async def test_output_of_a_graph_forges_no_log_line(target: Target, attacker: Agent) -> None:
    word = mark()
    thread = await ended(attacker, "chatty", {"word": word})
    assert thread["state"] == "finished"
    for line in target.process.raw:
        assert isinstance(json.loads(line), dict), line
    assert [line for line in target.process.log if line["event"] == "forged"] == []
