"""The graphs whose threads a release left parked: one for each way of gating. Keep them as they are.

What they do can be seen in a file, one line for each effect: the host imports them under a name of its own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypedDict

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph

from bot.graph import Execution, MembraneMiddleware, Proposal, Settled, add_gate, gate_graph
from tests.integration.graph.scripted import ScriptedModel, Turn

VARIABLE = "RELEASES_LEDGER"
"""The environment names the file."""


def note(what: str, args: dict[str, Any]) -> str:
    """Write a line for an effect."""
    with Path(os.environ[VARIABLE]).open("a") as file:
        file.write(json.dumps([what, args], sort_keys=True) + "\n")
    return f"{what} done"


@tool
def mail(to: str, text: str = "hello") -> str:
    """Send a mail: Tier 2."""
    return note("mail", {"to": to, "text": text})


@tool
def flag(name: str) -> str:
    """Flip a flag: Tier 2, with a window of seconds."""
    return note("flag", {"name": name})


@tool
def delete(id: int) -> str:  # noqa: A002 - the tool's argument is the model's
    """Delete data: Tier 3."""
    return note("delete", {"id": id})


@tool
def refund(amount: float, to: str) -> str:
    """Refund: Tier 2."""
    return note("refund", {"amount": amount, "to": to})


@tool
def read(table: str) -> str:
    """Read a table: Tier 0."""
    return note("read", {"table": table})


SCRIPTS: dict[str, list[Turn]] = {
    "batch": [[("read", {"table": "a"}), ("mail", {"to": "batch", "text": "x"}), ("delete", {"id": 11})]],
    "halted batch": [[("flag", {"name": "batched"})]],
    "calls": [[("mail", {"to": "calls", "text": "x"}), ("delete", {"id": 12})]],
    "wrapped": [[("read", {"table": "b"}), ("refund", {"amount": 900.0, "to": "wrapped"})]],
    "halted wrapped": [[("flag", {"name": "wrapped"})]],
}
TOOLS = [read, mail, flag, delete, refund]
_MODEL = ScriptedModel(scripts=SCRIPTS)
_TWO: Any = {"allowed_decisions": ["approve", "reject"]}
_GATED: Any = {"read": True, "mail": _TWO, "flag": _TWO, "delete": True, "refund": _TWO}

batched = create_agent(_MODEL, tools=TOOLS, middleware=[HumanInTheLoopMiddleware(_GATED)])
per_call = create_agent(
    _MODEL, tools=TOOLS, middleware=[HumanInTheLoopMiddleware(_GATED, interrupt_mode="per_call")]
)
wrapped = create_agent(_MODEL, tools=TOOLS, middleware=[MembraneMiddleware()])


def carry_out(run: Execution) -> dict[str, Any]:
    """Note the effect."""
    return {"did": note(run.kind, dict(run.args))}


one = gate_graph(carry_out).compile()


class Order(TypedDict, total=False):
    """What the graph with two gates is started with, and how it ends."""

    number: int
    first: str
    settled: Settled


def _first(state: Order) -> Proposal:
    return Proposal(kind=state["first"], args={"number": state["number"]})


def _second(state: Order) -> Proposal:
    return Proposal(kind="data.delete", args={"second": state["number"]})


def _keep(settled: Settled) -> dict[str, Any]:
    return {}


_order = StateGraph(Order)
_gate_1 = add_gate(_order, effect=carry_out, propose=_first, name="first", settle=_keep)
_gate_2 = add_gate(_order, effect=carry_out, propose=_second, name="second")
_order.add_edge(START, _gate_1.entry)
_order.add_edge(_gate_1.exit, _gate_2.entry)
order = _order.compile()
