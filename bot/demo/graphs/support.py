"""A support agent: LangChain's `create_agent`, and one line of middleware.

`MembraneMiddleware` rules every tool call by the policy in force. A passing call runs at once; a gated one
parks the thread until a person answers. The model is told who said no and why, or that nobody answered.
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool

from bot.demo.day import SUPPORT_TICKETS
from bot.demo.scripted_model import ScriptedModel
from bot.demo.world import World
from bot.graph import MembraneMiddleware, execution


def carry_out() -> Any:
    """Carry out the claimed action in the books. The key makes a second run a no-op."""
    run = execution()
    return World.from_environment().perform(run.kind, run.args, key=run.key, action_id=run.action_id)


@tool
def search_articles(query: str) -> Any:  # noqa: ARG001 - what runs are the arguments that were approved
    """Search the help articles."""
    return carry_out()


@tool
def query_database(table: str, where: str | None = None) -> Any:  # noqa: ARG001
    """Read a table; `where` is column=value."""
    return carry_out()


@tool
def add_note(customer: str, text: str) -> Any:  # noqa: ARG001
    """Write a note into the customer's file."""
    return carry_out()


@tool
def issue_refund(order: str, amount: float, recipient: str) -> Any:  # noqa: ARG001
    """Pay an order back, in USD."""
    return carry_out()


@tool
def send_email(to: list[str], subject: str, body: str) -> Any:  # noqa: ARG001
    """Send a mail."""
    return carry_out()


graph = create_agent(
    ScriptedModel(scripts=SUPPORT_TICKETS),  # a real one: "anthropic:claude-…", "openai:gpt-…"
    tools=[search_articles, query_database, add_note, issue_refund, send_email],
    middleware=[MembraneMiddleware()],
)
