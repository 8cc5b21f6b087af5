"""An operations agent: a StateGraph of one's own, with the membrane's gate in it.

    START ─▶ gate ─▶ settled ─▶ next step, or END

The gate's nodes wait for people where the policy says so; `effect` runs once, after its claim.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from bot.demo.day import RUNBOOKS
from bot.demo.world import World
from bot.graph import Execution, Proposal, Settled, add_gate


class State(TypedDict):
    """Which runbook, and what became of its steps so far."""

    runbook: str
    receipts: Annotated[list[str], operator.add]


def propose(state: State) -> Proposal:
    """Say what to do next; pure. Here it stands in the runbook, elsewhere a model has said it."""
    step = RUNBOOKS[state["runbook"]][len(state["receipts"])]
    return Proposal(kind=step.kind, args=dict(step.args), description=step.description)


def effect(run: Execution) -> Any:
    """Do it. The key makes a second run of the same effect a no-op."""
    return World.from_environment().perform(run.kind, run.args, key=run.key, action_id=run.action_id)


def settle(settled: Settled) -> dict[str, Any]:
    """Keep what became of it."""
    return {"receipts": [settled["receipt"]]}


def go_on(state: State) -> str:
    """Go on to the next step, unless this one was not carried out."""
    done = len(state["receipts"]) == len(RUNBOOKS[state["runbook"]])
    return END if done or state["receipts"][-1] != "executed" else gate.entry


builder = StateGraph(State)
gate = add_gate(builder, propose=propose, effect=effect, settle=settle)
builder.add_edge(START, gate.entry)
builder.add_conditional_edges(gate.exit, go_on, [gate.entry, END])
graph = builder.compile()
