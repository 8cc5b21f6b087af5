"""Graphs that stall: a service is down, a question is not an approval, a node acts by itself."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_core.tools import tool
from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph
from langgraph.types import Send, interrupt

from bot.graph import MembraneMiddleware
from tests.integration.graph.scripted import ScriptedModel

ran: list[Any] = []
down: list[int] = []
"""How often the next calls of the service fail."""


class Unavailable(Exception):
    """The error that a model's client raises."""

    status_code = 503


def use_service() -> None:
    if down and down[0] > 0:
        down[0] -= 1
        raise Unavailable("overloaded")


class Model(ScriptedModel):
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        use_service()
        return super()._generate(messages, stop, run_manager, **kwargs)


@tool
async def delete(id: int) -> str:  # noqa: A002
    """Delete data: tier 3."""
    ran.append(("delete", id))
    return "deleted"


@tool
async def flaky(id: int) -> str:  # noqa: A002
    """Delete data, and lose the connection: tier 3."""
    ran.append(("flaky", id))
    raise ConnectionError("reset")


SCRIPTS: Any = {
    "delete": [[("delete", {"id": 1})], "deleted"],
    "two": [[("delete", {"id": 1}), ("delete", {"id": 2})], "both"],
    "flaky": [[("flaky", {"id": 1})], "done"],
    "flaky and more": [[("flaky", {"id": 1}), ("delete", {"id": 2})], "done"],
}
model = Model(scripts=SCRIPTS)
agent = create_agent(model, tools=[delete], middleware=[MembraneMiddleware()])
stock = create_agent(
    model,
    tools=[delete, flaky],
    middleware=[HumanInTheLoopMiddleware({"delete": True, "flaky": True}, interrupt_mode="per_call")],
)


class State(TypedDict, total=False):
    text: str
    answer: Any
    answers: Annotated[list[Any], operator.add]


def graph(node: Any) -> Any:
    return StateGraph(State).add_node("node", node).add_edge(START, "node").compile()


def ask_text(state: State) -> dict[str, Any]:
    return {"answer": interrupt("Which address?")}


def ask_dict(state: State) -> dict[str, Any]:
    return {"answer": interrupt({"question": "Is this right?", "draft": {"to": "ada"}})}


def ask_until_valid(state: State) -> dict[str, Any]:
    """LangGraph's own example: one node asks until the answer is valid."""
    prompt = "How old are you?"
    while True:
        answer = interrupt(prompt)
        if isinstance(answer, int) and not isinstance(answer, bool):
            return {"answer": answer}
        prompt = f"{answer!r} is no age. How old are you?"


def fan(state: State) -> list[Send]:
    return [Send("ask", {"text": "one"}), Send("ask", {"text": "two"}), Send("gate", {"text": "three"})]


def ask(state: State) -> dict[str, Any]:
    return {"answers": [interrupt(state["text"])]}


def gate(state: State) -> dict[str, Any]:
    answer = interrupt({"type": "membrane_gate", "kind": "data.delete", "args": {"id": 3}})
    return {"answers": [answer["outcome"]]}


text, question, loop = graph(ask_text), graph(ask_dict), graph(ask_until_valid)
several = (
    StateGraph(State).add_node("ask", ask).add_node("gate", gate).add_conditional_edges(START, fan).compile()
)


def fail_first(state: State) -> dict[str, Any]:
    use_service()
    return {}


def fail_always(state: State) -> dict[str, Any]:
    raise ValueError(f"wrong: {state['text']}")


first, always = graph(fail_first), graph(fail_always)

HITL = {
    "action_requests": [{"name": "delete", "args": {"id": 1}}],
    "review_configs": [{"action_name": "delete", "allowed_decisions": ["approve", "reject"]}],
}


def act_itself(state: State) -> dict[str, Any]:
    """Interrupts in LangChain's form, and then acts without a tool."""
    decision = interrupt(HITL)["decisions"][0]
    if decision["type"] == "approve":
        ran.append("itself")
    if state.get("text") == "raise":
        raise ValueError("after the act")
    return {}


itself = graph(act_itself)


@entrypoint()
async def functional(given: dict[str, Any]) -> str:
    decision = interrupt(HITL)["decisions"][0]
    if decision["type"] == "approve":
        ran.append("functional")
    return "done"
