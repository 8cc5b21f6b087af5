"""Hosted graphs that receive redacted values: one behind the gate, and a stock LangChain agent."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from bot.graph import Execution, gate_graph
from tests.integration.graph.scripted import ScriptedModel
from tests.security.effects import done

CARD, SSN = "4242424242424242", "078-05-1120"
FAILS = 13
ARGS: dict[str, Any] = {"amount": 9, "card_number": CARD, "customer": {"name": "Bo", "ssn": SSN}}


def charge_card(run: Execution) -> dict[str, Any]:
    """Record the arguments, and repeat them as a careless effect does."""
    done.append(run.args)
    if run.args["amount"] == 13:
        raise RuntimeError(f"the bank declined {run.args['card_number']}")
    return {"charged": run.args["card_number"], "to": f"the customer {run.args['customer']['ssn']}"}


@tool
def charge(amount: float, card_number: str, customer: dict[str, Any]) -> str:
    """Charge a card."""
    done.append({"amount": amount, "card_number": card_number, "customer": customer})
    if amount == FAILS:
        raise RuntimeError(f"the bank declined {card_number} of {customer['ssn']}")
    return f"charged {card_number} of {customer}"


_ASKED: Any = {
    "charge": {
        "allowed_decisions": ["approve", "reject"],
        "description": f"Charge {CARD} please; I am sure of it, as of {ARGS}",
    }
}


def ask(state: MessagesState) -> dict[str, Any]:
    """Ask a question that no host knows, with redacted values in it."""
    return {"messages": [("user", str(interrupt({"question": f"send a receipt for {CARD} to {SSN}?"})))]}


till = gate_graph(charge_card).compile()
clerk = create_agent(
    ScriptedModel(
        scripts={
            f"charge {CARD}": [[("charge", ARGS)], "charged"],
            "fail": [[("charge", {**ARGS, "amount": FAILS})], "not charged"],
        }
    ),
    tools=[charge],
    middleware=[HumanInTheLoopMiddleware(_ASKED)],
)
curious = (
    StateGraph(MessagesState)
    .add_node("clerk", clerk)
    .add_node("ask", ask)
    .add_edge(START, "clerk")
    .add_edge("clerk", "ask")
    .compile()
)
