"""An operations agent: a custom StateGraph with the membrane's gate in it.

    START ─▶ gate ─▶ settled ─▶ next step, or END

The gate's nodes wait for people if the policy says so; `effect` runs once, after its claim.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from bot.demo.day import RUNBOOKS
from bot.demo.world import World
from bot.graph import Execution, Proposal, Settled, add_gate


class State(TypedDict):
    """The runbook, and the receipts of its steps so far."""

    runbook: str
    receipts: Annotated[list[str], operator.add]


def propose(state: State) -> Proposal:
    """Return the next action; pure. Here it comes from the runbook, elsewhere from a model."""
    step = RUNBOOKS[state["runbook"]][len(state["receipts"])]
    return Proposal(kind=step.kind, args=dict(step.args), description=step.description)


def effect(run: Execution) -> Any:
    """Carry out the action. The key makes a second run of the same effect a no-op."""
    return World.from_environment().perform(run.kind, run.args, key=run.key, action_id=run.action_id)


def settle(settled: Settled) -> dict[str, Any]:
    """Keep the receipt."""
    return {"receipts": [settled["receipt"]]}


def go_on(state: State) -> str:
    """Continue with the next step if this one was executed."""
    done = len(state["receipts"]) == len(RUNBOOKS[state["runbook"]])
    return END if done or state["receipts"][-1] != "executed" else gate.entry


builder = StateGraph(State)
gate = add_gate(builder, propose=propose, effect=effect, settle=settle)
builder.add_edge(START, gate.entry)
builder.add_conditional_edges(gate.exit, go_on, [gate.entry, END])
graph = builder.compile()
