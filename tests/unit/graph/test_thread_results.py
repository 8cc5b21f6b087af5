"""A finished thread's result is the output of its graph as bounded plain JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, TypedDict

import orjson
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel

from bot.domain.action import MAX_BYTES
from bot.graph.thread_results import result_of, without_redacted
from tests import fakes


class Chat(TypedDict, total=False):
    messages: Annotated[list[Any], add_messages]
    found: Any
    secret: str


class Out(TypedDict, total=False):
    found: Any


class Order(BaseModel):
    number: int


@dataclass
class Line:
    item: str


def run_with(update: dict[str, Any], output: type | None = None) -> tuple[Any, Any]:
    builder = StateGraph(Chat, output_schema=output) if output else StateGraph(Chat)
    builder.add_node("work", lambda _: update)
    builder.add_edge(START, "work")
    builder.add_edge("work", END)
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    graph.invoke({}, config)
    return graph, graph.get_state(config)


def ended_with(update: dict[str, Any], output: type | None = None) -> tuple[Any, bool]:
    return result_of(*run_with(update, output))


def test_messages_are_read_as_type_and_content() -> None:
    call = {"name": "refund", "args": {"amount": 4}, "id": "c1", "type": "tool_call"}
    said = [HumanMessage("refund it"), AIMessage("on it", tool_calls=[call])]
    result, cut = ended_with({"messages": said})
    assert cut is False
    assert [(each["type"], each["content"]) for each in result["messages"]] == [
        ("human", "refund it"),
        ("ai", "on it"),
    ]
    assert result["messages"][1]["tool_calls"] == [call]


def test_a_result_holds_only_the_graphs_output() -> None:
    assert ended_with({"found": 7, "secret": "inner"}, Out) == ({"found": 7}, False)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (Order(number=7), {"number": 7}),
        (Line("shoe"), {"item": "shoe"}),
        ({1: "a"}, {"1": "a"}),
        ((1, 2), [1, 2]),
        (float("nan"), None),
        ({"b", "a"}, ["a", "b"]),
    ],
)
def test_every_value_becomes_json(value: Any, read: Any) -> None:
    assert ended_with({"found": value}) == ({"found": read, "messages": []}, False)


def test_a_value_that_json_cannot_hold_becomes_text() -> None:
    result, cut = ended_with({"found": {(1, 2): "a key that is no text"}})
    assert cut is True
    assert isinstance(result, str)
    assert "a key that is no text" in result


def test_a_long_chat_keeps_its_end() -> None:
    said = [HumanMessage(f"{number} {'x' * 500}") for number in range(400)]
    result, cut = ended_with({"messages": said, "found": "short"})
    assert cut is True
    assert len(orjson.dumps(result)) <= MAX_BYTES
    assert result["messages"][-1]["content"].startswith("399 ")
    assert len(result["messages"]) > 30
    assert result["found"] == "short"


@pytest.mark.parametrize(
    "value", ["ü" * 90_000, {"deep": ["x" * 90_000]}, ["\x00" * 90_000], list(range(90_000))]
)
def test_a_long_result_is_bounded(value: Any) -> None:
    result, cut = ended_with({"found": value})
    assert cut is True
    assert len(orjson.dumps(result)) <= MAX_BYTES


def test_redacted_arguments_of_tool_calls_are_cut_out() -> None:
    """This covers every call in the messages and every copy of the value; other tools' arguments stay."""
    policy = fakes.policy()
    mail = replace(policy.actions["mail.send"], redact=("card.number",))
    policy = replace(policy, actions={**policy.actions, "mail.send": mail}, tools={"mail": "mail.send"})
    calls = [
        {"name": "mail", "args": {"card": {"number": "4000123"}}, "id": "c1"},
        {"name": "mail", "args": {"card": {"number": 4000456}}, "id": "c2"},
        {"name": "look", "args": {"card": {"number": "4000789"}}, "id": "c3"},
    ]
    said = [HumanMessage("charge 4000123"), AIMessage("4000456 and 4000789", tool_calls=calls)]
    graph, snapshot = run_with({"messages": said, "found": {"4000123": 4000456}})
    result = without_redacted(result_of(graph, snapshot)[0], snapshot, policy)
    assert result["found"] == {"redacted": "redacted"}
    assert [each["content"] for each in result["messages"]] == ["charge redacted", "redacted and 4000789"]
    numbers = [call["args"]["card"]["number"] for call in result["messages"][1]["tool_calls"]]
    assert numbers == ["redacted", "redacted", "4000789"]
