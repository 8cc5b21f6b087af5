"""A stock campaign agent: LangChain's own human-in-the-loop middleware, batched.

Nothing here knows the membrane. The host reads the interrupt, rules each call separately, lets some pass,
asks people about the others, and resumes the thread once, after the last answer. It refuses an agent if a
tool that the policy could gate is missing in `interrupt_on`, so all tools are listed.
"""

from __future__ import annotations

from typing import Annotated, Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import BaseTool, InjectedToolCallId, tool

from bot.demo.day import CRM_TICKETS
from bot.demo.scripted_model import ScriptedModel
from bot.demo.world import World

Call = Annotated[str, InjectedToolCallId]
"""The id of the tool call: a stock agent's idempotency key."""


@tool
def query_database(call: Call, table: str, where: str | None = None) -> Any:
    """Read a table; `where` is column=value."""
    return World.from_environment().perform("db.read", {"table": table, "where": where}, key=call)


@tool
def generate_report(call: Call, name: str, cost: float) -> Any:
    """Buy a report; `cost` is in USD."""
    return World.from_environment().perform("report.generate", {"name": name, "cost": cost}, key=call)


@tool
def export_data(call: Call, columns: list[str], destination: str) -> Any:
    """Export columns of the customers to a storage."""
    args = {"columns": columns, "destination": destination}
    return World.from_environment().perform("data.export", args, key=call)


@tool
def grant_permission(call: Call, who: str, role: str) -> Any:
    """Give somebody a role."""
    return World.from_environment().perform("permission.grant", {"who": who, "role": role}, key=call)


@tool
def draft_newsletter(call: Call, subject: str, body: str) -> Any:
    """Write a draft of the newsletter."""
    args = {"subject": subject, "body": body}
    return World.from_environment().perform("mail.newsletter-draft", args, key=call)


TOOLS: list[BaseTool] = [query_database, generate_report, export_data, grant_permission, draft_newsletter]

graph = create_agent(
    ScriptedModel(scripts=CRM_TICKETS),
    tools=TOOLS,
    middleware=[
        HumanInTheLoopMiddleware(
            interrupt_on={each.name: {"allowed_decisions": ["approve", "reject"]} for each in TOOLS}
        )
    ],
)
