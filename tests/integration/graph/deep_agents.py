"""Deep Agents as people usually write them, and as the refusal advises."""

from __future__ import annotations

from typing import Any, TypedDict

from deepagents import create_deep_agent
from deepagents.middleware.subagents import GENERAL_PURPOSE_SUBAGENT
from langchain.agents import create_agent
from langgraph.graph import START, StateGraph

from bot.graph import MembraneMiddleware
from tests.integration.graph.scripted import ScriptedModel, Turn, say
from tests.integration.graph.ways_around import PAY, TOOLS, pay

SCRIPTS: dict[str, list[Turn]] = {
    "pay": [[("pay", PAY)], "paid"],
    "general": [[("task", {"description": "pay", "subagent_type": "general-purpose"})], "done"],
    "payer": [[("task", {"description": "pay", "subagent_type": "payer"})], "done"],
}
PAYER: dict[str, Any] = {"name": "payer", "description": "pays", "system_prompt": "Pay.", "tools": [pay]}


def deep(**settings: Any) -> Any:
    return create_deep_agent(
        model=ScriptedModel(scripts=SCRIPTS), tools=TOOLS, middleware=[MembraneMiddleware()], **settings
    )


default = deep()
gated = deep(subagents=[{**GENERAL_PURPOSE_SUBAGENT, "tools": TOOLS, "middleware": [MembraneMiddleware()]}])
compiled = create_agent(ScriptedModel(scripts=SCRIPTS), tools=[pay])
AGENTS: dict[str, tuple[Any, str]] = {
    "general": (default, "general"),
    "asks nobody": (deep(interrupt_on={"pay": True}, subagents=[{**PAYER, "interrupt_on": {}}]), "payer"),
    "compiled": (deep(subagents=[{"name": "payer", "description": "pays", "runnable": compiled}]), "payer"),
}


class Which(TypedDict):
    agent: str


async def ask(state: Which) -> dict[str, Any]:
    module: Any = globals()
    agent, text = module["AGENTS"][state["agent"]]  # so that a look at the graph does not find it
    await agent.ainvoke(say(text))
    return {}


hidden = StateGraph(Which).add_node("ask", ask).add_edge(START, "ask")
