"""An agent that calls a tool five hundred times in one message, behind LangChain's own middleware."""

from __future__ import annotations

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool

from tests.integration.graph.scripted import ScriptedModel

CALLS = 500


@tool("data.delete")
async def delete(row: int) -> str:
    """Delete a row."""
    return f"row {row} is gone"


flood = create_agent(
    ScriptedModel(scripts={"all": [[("data.delete", {"row": row}) for row in range(CALLS)], "done"]}),
    tools=[delete],
    middleware=[HumanInTheLoopMiddleware({"data.delete": True})],
)
