"""Inspecting a graph's shape reveals tools that would run ungated and answers that could be lost."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from bot.graph import MembraneMiddleware
from bot.graph.inspection import problems_of, version_of
from bot.graph.loader import AnyGraph
from tests.fakes import policy
from tests.integration.graph import agents, ways_around
from tests.integration.graph.agents import delete, mail, model, read

POLICY = policy(tools={**agents.KINDS, "ask_ungated": "db.read"})
BOTH: dict[str, Any] = {"allowed_decisions": ["approve", "reject"]}


@tool
async def ask_ungated(text: str) -> str:
    """Ask an agent whose tools nobody gates."""
    answer = await agents.ungated.ainvoke({"messages": [{"role": "user", "content": text}]})
    return str(answer)


def around(node: Any, **compile_with: Any) -> AnyGraph:
    return StateGraph(MessagesState).add_node("inner", node).add_edge(START, "inner").compile(**compile_with)


def stock(interrupt_on: dict[str, Any]) -> AnyGraph:
    return create_agent(
        model(), tools=[read, mail, delete], middleware=[HumanInTheLoopMiddleware(interrupt_on)]
    )


@pytest.mark.parametrize(
    "graph",
    [
        agents.gated,
        agents.batched,
        agents.per_call,
        agents.harmless,
        agents.one.compile(),
        agents.with_sub_agent,
        around(agents.gated),
        create_agent(
            model(), tools=[ways_around.Payment(), ways_around.Logged()], middleware=[MembraneMiddleware()]
        ),
        around(ToolNode([delete], awrap_tool_call=MembraneMiddleware().awrap_tool_call)),
    ],
)
def test_a_gated_graph_is_hosted(graph: AnyGraph) -> None:
    assert problems_of(graph, POLICY) == []


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (agents.ungated, "the tool mail would run ungated, but the policy can rule mail.send tier 2"),
        (around(agents.ungated), "in inner"),
        (around(ToolNode([delete])), "the tool delete would run ungated"),
        (stock({"mail": BOTH}), "the tool delete would run ungated"),
        (stock({"mail": BOTH, "delete": False}), "the tool delete would run ungated"),
        (
            stock({"mail": BOTH, "delete": {**BOTH, "when": lambda _: True}}),
            "the tool delete would run ungated if its `when` says no",
        ),
        (
            stock({"mail": BOTH, "delete": {"allowed_decisions": ["respond"]}}),
            "interrupt_on['delete'] must allow approve and reject",
        ),
        (
            create_agent(
                model(),
                tools=[delete],
                middleware=[MembraneMiddleware(), HumanInTheLoopMiddleware({"delete": True})],
            ),
            "would both ask; use one of them",
        ),
        (
            around(create_agent(model(), tools=[read], checkpointer=False)),
            "the graph in inner is compiled with checkpointer=False",
        ),
        (create_agent(model(), tools=[ask_ungated]), "in tools/ask_ungated"),
        (
            create_agent(model(), tools=[ways_around.Silent()], middleware=[MembraneMiddleware()]),
            "the tool pay has run of its own (Silent.run)",
        ),
        (
            around(ToolNode([ways_around.Told()], awrap_tool_call=MembraneMiddleware().awrap_tool_call)),
            "write _run or _arun instead, or call super().run()",
        ),
        (around(agents.gated, interrupt_before=["inner"]), "a breakpoint asks no question"),
    ],
)
def test_a_graph_that_could_bypass_a_person_is_refused(graph: AnyGraph, says: str) -> None:
    assert any(says in problem for problem in problems_of(graph, POLICY)), problems_of(graph, POLICY)


def test_an_unknown_tool_counts_as_the_strictest() -> None:
    assert any("the tool mail" in each for each in problems_of(agents.ungated, policy()))


def test_the_version_follows_the_names_of_the_nodes() -> None:
    assert version_of(agents.one.compile()) == version_of(agents.one.compile())
    assert version_of(agents.own_graph().compile()) != version_of(agents.renamed_gate().compile())
    assert version_of(around(agents.gated)) != version_of(around(agents.harmless))
