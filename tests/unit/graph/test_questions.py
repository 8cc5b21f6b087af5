"""The question that a thread is parked at is read, and an answer that would poison the thread is refused."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import ToolCall
from langgraph.types import Interrupt

from bot.domain.hosting import ThreadRecord
from bot.domain.risk import BlastRadius, Risk
from bot.domain.states import ThreadState
from bot.errors import BadAction, GraphRefused
from bot.graph.gate_payload import action_of, gate_payload
from bot.graph.hitl_decisions import approve, check, reject
from bot.graph.questions import read, shape_of

THREAD = ThreadRecord(
    "thr_1", "g", "v", "ops-agent", "U0OWN", "U0GUS", {}, ThreadState.RUNNING, None, 0.0, None
)
KINDS = {"delete_file": "fs.delete"}


def kind_of(name: str) -> str:
    return KINDS.get(name, name)


def batch(
    *requests: tuple[str, dict[str, Any]], allowed: tuple[str, ...] = ("approve", "reject")
) -> dict[str, Any]:
    return {
        "action_requests": [{"name": name, "args": args} for name, args in requests],
        "review_configs": [
            {"action_name": name, "allowed_decisions": list(allowed)}
            for name in {name for name, _ in requests}
        ],
    }


def call(name: str, args: dict[str, Any], call_id: str) -> ToolCall:
    return ToolCall(name=name, args=args, id=call_id, type="tool_call")


def test_a_gate_asks_about_one_action_in_the_threads_name() -> None:
    payload = gate_payload(
        {"kind": "fs.delete", "args": {"path": "/x"}, "description": "clean up"}, call_id="c1"
    )
    parked = read(Interrupt(payload, id="i"), THREAD, kind_of)
    (asked,) = parked.calls
    assert (parked.shape, asked.call_id, asked.place) == ("gate", "c1", 0)
    assert (asked.action.kind, asked.action.description) == ("fs.delete", "clean up")
    assert (asked.action.agent, asked.action.owner) == ("ops-agent", "U0OWN")
    assert asked.action.on_behalf_of == "U0GUS"


def test_a_gate_that_asks_again_names_the_action_and_makes_none() -> None:
    payload = gate_payload({"kind": "fs.delete", "args": {}}, action_id="act_1", follows="rev_1")
    parked = read(Interrupt(payload, id="i"), THREAD, kind_of)
    assert (parked.action_id, parked.calls) == ("act_1", ())


def test_a_batch_is_matched_to_its_calls_in_order() -> None:
    """Requests have no ids; two calls may be the same; calls that are not asked about lie between."""
    calls = [
        call("delete_file", {"path": "/a"}, "c1"),
        call("read", {}, "c2"),
        call("delete_file", {"path": "/a"}, "c3"),
        call("delete_file", {"path": "/b"}, "c4"),
    ]
    value = batch(*(("delete_file", {"path": path}) for path in ("/a", "/a", "/b")))
    parked = read(Interrupt(value, id="i"), THREAD, kind_of, calls)
    assert [(each.place, each.call_id) for each in parked.calls] == [(0, "c1"), (1, "c3"), (2, "c4")]
    assert {each.action.kind for each in parked.calls} == {"fs.delete"}
    assert [each.call_id for each in read(Interrupt(value, id="i"), THREAD, kind_of).calls] == [None] * 3


def test_a_call_that_cannot_be_judged_is_left_out() -> None:
    value = batch(("read", {"x": float("nan")}), ("read", {"x": 1}))
    assert [each.place for each in read(Interrupt(value, id="i"), THREAD, kind_of).calls] == [1]


def test_langchains_default_description_is_not_shown_twice() -> None:
    args = {"path": "/a"}
    value = {
        "type": "tool_approval",
        "tool_call_id": "c1",
        "name": "delete_file",
        "args": args,
        "description": f"Tool execution requires approval\n\nTool: delete_file\nArgs: {args}",
    }
    (asked,) = read(Interrupt(value, id="i"), THREAD, kind_of).calls
    assert asked.action.description is None
    (asked,) = read(Interrupt({**value, "description": "why" * 2000}, id="i"), THREAD, kind_of).calls
    assert asked.action.description is not None
    assert len(asked.action.description) == 3000


@pytest.mark.parametrize("value", ["are you sure?", None, {}, {"type": "form"}, {"action_requests": []}])
def test_an_unknown_question_is_refused(value: Any) -> None:
    with pytest.raises(GraphRefused, match="not one of the questions"):
        shape_of(value)


def test_an_agents_hint_becomes_a_risk() -> None:
    hint = {"reversible": False, "blast_radius": "high", "cost_usd": 3}
    action = action_of({"kind": "a", "args": {}, "hint": hint, "on_behalf_of": "U0ELSE"}, THREAD)
    assert action.hint == Risk(reversible=False, blast_radius=BlastRadius.HIGH, cost_usd=3.0)
    assert action.on_behalf_of == "U0ELSE"
    for bad in ({"reversible": True}, {"reversible": True, "blast_radius": "huge"}, {"blast_radius": "low"}):
        with pytest.raises(BadAction, match="hint needs reversible"):
            action_of({"kind": "a", "args": {}, "hint": bad}, THREAD)


def test_an_answer_that_would_poison_the_thread_is_not_sent() -> None:
    value = batch(("mail", {}), ("mail", {}))
    check(value, [approve(), reject("no")])
    with pytest.raises(GraphRefused, match="1 decisions were made for 2 calls"):
        check(value, [approve()])
    with pytest.raises(GraphRefused, match="does not let a reviewer reject mail"):
        check(batch(("mail", {}), allowed=("approve",)), [reject("no")])
