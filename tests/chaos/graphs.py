"""The hosted agents, one in each style of gating; the bot imports this file by its path.

    one        the gate as a graph
    own        the gate as nodes of a graph of its own, which notes what it was told
    gated      a LangChain agent under MembraneMiddleware
    batched    a stock agent whose interrupts batch several calls
    per_call   a stock agent that interrupts once per call

A thread's model is told by the user's message what to call, turn by turn: `[[["send_mail", "job-000007"]]]`.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any, TypedDict

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool
from langgraph.graph import START, StateGraph

from bot.errors import MembraneError
from bot.graph import Execution, MembraneMiddleware, Proposal, Settled, add_gate, execution, gate_graph
from tests.chaos import world
from tests.chaos.ledger import Ledger

ledger = Ledger.from_environment()


class Broken(Exception):
    """An effect that could not be done, so nothing has happened; or a model that does not answer."""


async def perform(kind: str, job: str, style: str, run: Execution | None) -> str:
    """Have the effect, with time around it in which the bot can be killed."""
    if world.breaks(job):
        raise Broken(f"{job} cannot be done")
    await asyncio.sleep(random.uniform(0.0, 0.02))
    known = {"key": run.key, "action_id": run.action_id, "attempt": run.attempt} if run else {}
    ledger.ran(job, kind, style=style, **known)  # type: ignore[arg-type]  # a dictionary of three types
    await asyncio.sleep(2.5 if world.drags(job) else random.uniform(0.0, 0.02))
    return f"{kind} of {job} is done"


async def carry_out(run: Execution) -> str:
    """Have the effect of a gate."""
    return await perform(run.kind, run.args["job"], "gate", run)


def _tool(kind: world.Kind) -> StructuredTool:
    async def run(job: str) -> str:
        try:
            claimed, style = execution(), "middleware"
        except MembraneError:  # a stock agent's tools are not told
            claimed, style = None, "stock"
        return await perform(kind.name, job, style, claimed)

    return StructuredTool.from_function(coroutine=run, name=kind.tool, description=f"Does {kind.name}.")


class Obedient(BaseChatModel):
    """A model that calls what the user's message names, one list of calls a turn, and then says done."""

    @property
    def _llm_type(self) -> str:
        return "obedient"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Obedient:
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked = next(message for message in messages if isinstance(message, HumanMessage))
        turns = json.loads(asked.text)
        spoken = sum(isinstance(each, AIMessage) for each in messages)
        if spoken and world.fails(turns[0][0][1]) and random.random() < 0.5:
            raise Broken("the model is away")
        calls = [
            {"name": tool, "args": {"job": job}, "id": f"call_{job}"}
            for tool, job in (turns[spoken] if spoken < len(turns) else ())
        ]
        said = AIMessage("" if calls else "done", tool_calls=calls, id=f"said_{spoken}")
        return ChatResult(generations=[ChatGeneration(message=said)])


TOOLS = [_tool(kind) for kind in world.KINDS.values()]
ASKS = {kind.tool: {"allowed_decisions": ["approve", "reject"]} for kind in world.KINDS.values()}

one = gate_graph(carry_out)
gated = create_agent(Obedient(), tools=TOOLS, middleware=[MembraneMiddleware()])
batched = create_agent(Obedient(), tools=TOOLS, middleware=[HumanInTheLoopMiddleware(ASKS)])  # type: ignore[arg-type]  # a plain dictionary is what its documentation shows
per_call = create_agent(
    Obedient(),
    tools=TOOLS,
    middleware=[HumanInTheLoopMiddleware(ASKS, interrupt_mode="per_call")],  # type: ignore[arg-type]  # as above
)


class Order(TypedDict, total=False):
    """The state of the graph that has a gate among its own nodes."""

    kind: str
    job: str
    settled: Settled


def _propose(state: Order) -> Proposal:
    return {"kind": state["kind"], "args": {"job": state["job"]}, "description": "as it was ordered"}


def _note(state: Order) -> dict[str, Any]:
    """Write what the gate said; this node comes after the gate, so a kill can make it run again."""
    said = state["settled"]
    ledger.told(state["job"], action_id=said["action_id"], receipt=said["receipt"], outcome=said["outcome"])
    return {}


_builder = StateGraph(Order)
_gate = add_gate(_builder, effect=carry_out, propose=_propose)
_builder.add_node("note", _note)
_builder.add_edge(START, _gate.entry)
_builder.add_edge(_gate.exit, "note")
own = _builder.compile()
