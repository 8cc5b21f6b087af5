"""The gate: the nodes that propose one action to the membrane and run it if it is approved.

    rule ──▶ gate ──▶ execute ──▶ settle          rule       is pure: asks the policy for its ruling
      │       │ ▲        │          ▲             gate       waits for the answer, and does nothing else
      │       │ └────────┤ lapsed   │             safe_halt  waits again: nobody answered, it stays answerable
      │       ├──▶ safe_halt ───────┤             execute    claims, runs the effect, reports
      │       └──▶ abort ───────────┤             abort      ends without the effect
      └─ passes ──▶ execute         │

LangGraph runs a node again from its top when it resumes. So each interrupt has its own node with nothing
above it, and the ruling is saved before: a policy that changes meanwhile cannot skip an interrupt whose
answer is on its way. Interrupt ids depend on node names, so the names must not change.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, cast

from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from bot.domain.states import Receipt
from bot.errors import BadAction, TooMany, UnfitAction
from bot.graph.answer import Answer
from bot.graph.execution import Ending, Execution, Ran, carry_out, plain
from bot.graph.gate_payload import Proposal, action_of, gate_payload, proposal_of
from bot.graph.run_context import RunContext, require_context

Effect = Callable[[Execution], Any]
"""Carries an action out; may be async. Its return value is the result, its exception the failure."""


class Settled(TypedDict):
    """How an action ended. `outcome` is None if nobody had to be asked."""

    receipt: Literal["executed", "failed", "denied", "unknown"]
    outcome: Literal["approved", "rejected", "expired"] | None
    action_id: str | None
    result: Any
    text: str
    answer: dict[str, Any] | None


class Gate(NamedTuple):
    """The names of a gate's first and last node."""

    entry: str
    exit: str


def _merge(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return {**left, **right}


class _Channels(TypedDict, total=False):
    membrane: Annotated[dict[str, Any], _merge]
    """The current step of each gate of the graph, by the gate's name; plain JSON."""
    settled: Settled


class _OneAction(Proposal, _Channels):
    pass


class _Out(TypedDict):
    settled: Settled


def gate_graph(effect: Effect) -> StateGraph[Any, Any, Any, Any]:
    """Return a graph of one gated action. Its input is a Proposal, its output `settled`."""
    builder = StateGraph(_OneAction, input_schema=Proposal, output_schema=_Out)
    gate = add_gate(builder, effect=effect, propose=lambda state: cast("Proposal", state))
    builder.add_edge(START, gate.entry)
    return builder


def add_gate(
    builder: StateGraph[Any, Any, Any, Any],
    *,
    effect: Effect,
    propose: Callable[[Any], Proposal],
    settle: Callable[[Settled], dict[str, Any]] | None = None,
    name: str = "",
) -> Gate:
    """Add a gate to a graph. Connect an edge to `entry`, and continue from `exit`.

    `propose` makes the proposal from the graph's state and must be pure. `settle` turns the Settled into a
    state update; without it, the Settled is written to the channel `settled`. In a graph with several gates
    each needs its own `name`, which must not change while threads are parked. A gate handles one action at a
    time: to fan out, send each action to its own sub-graph.
    """
    nodes = _Nodes(name, effect, propose, settle or (lambda settled: {"settled": settled}))
    names = nodes.names
    asks = (names.execute, names.safe_halt, names.abort)
    builder.add_node(names.rule, nodes.rule, destinations=(names.gate, names.execute, names.settle))
    builder.add_node(names.gate, nodes.ask, input_schema=_Channels, destinations=asks)
    builder.add_node(names.safe_halt, nodes.ask, input_schema=_Channels, destinations=asks)
    builder.add_node(
        names.execute, nodes.execute, input_schema=_Channels, destinations=(names.gate, names.settle)
    )
    builder.add_node(names.abort, nodes.abort, input_schema=_Channels, destinations=(names.settle,))
    builder.add_node(names.settle, nodes.settle, input_schema=_Channels)
    return Gate(names.rule, names.settle)


class _Names(NamedTuple):
    """The names of a gate's nodes."""

    rule: str
    gate: str
    safe_halt: str
    execute: str
    abort: str
    settle: str


def _names(prefix: str) -> _Names:
    return _Names(*(f"{prefix}_{node}" if prefix else node for node in _Names._fields))


class _Nodes:
    """The nodes of one gate."""

    def __init__(
        self,
        name: str,
        effect: Effect,
        propose: Callable[[Any], Proposal],
        settle: Callable[[Settled], dict[str, Any]],
    ) -> None:
        self.names = _names(name)
        self._name = name or "gate"
        self._effect = effect
        self._propose = propose
        self._settle = settle

    def _go(self, goto: str, step: dict[str, Any], **changes: Any) -> Command[Any]:
        return Command(goto=goto, update={"membrane": {self._name: {**step, **changes}}})

    def _end(self, step: dict[str, Any], ending: Ending) -> Command[Any]:
        answer = step.get("answer")
        settled = Settled(
            receipt=cast("Any", (ending.receipt or Receipt.DENIED).value),
            outcome=answer["outcome"] if answer else None,
            action_id=step.get("action_id"),
            result=ending.result,
            text=ending.text,
            answer=answer,
        )
        return self._go(self.names.settle, step, settled=settled)

    async def rule(self, state: Any) -> Command[Any]:
        """Ask the policy, without effects, and keep its ruling."""
        context = require_context()
        try:
            proposal = proposal_of(self._propose(state))
            action = action_of(proposal, context.thread)
            context.membrane.proposals.check_fit(action)
        except UnfitAction as unfit:
            return self._end({}, Ending(Receipt.DENIED, str(unfit)))
        except BadAction as bad:
            return self._end({}, Ending(Receipt.DENIED, f"this cannot be put before a person: {bad}"))
        task = get_config()["configurable"]["checkpoint_ns"]
        step = {"proposal": proposal, "key": f"{context.thread.id}:{task}"}
        if context.membrane.rule(action).tier.waits:
            return self._go(self.names.gate, step)
        return self._go(self.names.execute, step)

    async def ask(self, state: _Channels) -> Command[Any]:
        """Wait for the answer. Nothing comes before the interrupt; the answer alone decides the next node."""
        step = state["membrane"][self._name]
        payload = gate_payload(step["proposal"], action_id=step.get("action_id"), follows=step.get("follows"))
        answer = interrupt(payload, response_schema=Answer)
        changes = {
            "action_id": answer.action_id,
            "answer": answer.model_dump(mode="json"),
            "follows": answer.review_id if answer.halts else None,
        }
        if answer.outcome == "approved":
            return self._go(self.names.execute, step, **changes)
        return self._go(self.names.safe_halt if answer.halts else self.names.abort, step, **changes)

    async def execute(self, state: _Channels) -> Command[Any]:
        """Claim the action, run the effect, report it. Return to the gate if it lapsed or now has to wait."""
        context, step = require_context(), state["membrane"][self._name]
        action_id = step.get("action_id") or await self._record(context, step)
        if action_id is None:
            return self._go(self.names.gate, step)
        action = action_of(step["proposal"], context.thread)
        ending = await carry_out(context, action_id, action, self._run)
        if ending.receipt is None:
            return self._go(self.names.gate, step, action_id=action_id)
        return self._end({**step, "action_id": action_id}, ending)

    async def _record(self, context: RunContext, step: dict[str, Any]) -> str | None:
        """Record an action that passes. Returns None if it now has to wait and the agent is at its cap."""
        action = action_of(step["proposal"], context.thread)
        try:
            standing = await context.reach(
                context.membrane.proposals.propose(
                    action, idempotency_key=step["key"], thread_id=context.thread.id
                )
            )
        except TooMany:
            return None
        return standing.action.id

    async def _run(self, run: Execution) -> Ran:
        if inspect.iscoroutinefunction(self._effect):
            result = await self._effect(run)
        else:
            result = await asyncio.to_thread(self._effect, run)
            if inspect.isawaitable(result):
                result = await result
        return Ran(executed=True, result=plain(result))

    async def abort(self, state: _Channels) -> Command[Any]:
        """End without the effect, because a person said no or nobody answered in time."""
        step = state["membrane"][self._name]
        return self._end(step, Ending(Receipt.DENIED, step["answer"]["text"]))

    async def settle(self, state: _Channels) -> dict[str, Any]:
        """Pass the Settled on to the graph."""
        return self._settle(state["membrane"][self._name]["settled"])
