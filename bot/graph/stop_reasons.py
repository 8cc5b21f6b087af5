"""The reasons why the guard stops a tool, in words that say how to gate it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.record import ActionRecord
from bot.domain.risk import Tier
from bot.domain.states import ActionState
from bot.graph.execution import NOT_KNOWN
from bot.graph.tool_permits import Permit

HOW_TO_GATE = (
    "Give the agent that calls it MembraneMiddleware() of its own: each sub-agent has its own list of "
    "middleware, and Deep Agents' general-purpose one has none of the main agent's. Or call it in the effect "
    "of a gate (bot.graph.add_gate)"
)
NO_RUN = (
    "it runs outside of a hosted run, so nobody could be asked. Start the graph's threads through the bot, "
    "and run your own threads, pools and executors with contextvars.copy_context()"
)


ARGS_CHANGED = (
    "its arguments are not the ones that its claim is for: something changed them after the ruling. "
    "List middleware that changes arguments before MembraneMiddleware()"
)
READ_OTHERWISE = (
    "it was approved as the model sent it, but the tool reads it differently: a default is added, or a value "
    "is converted. The host could not see the agent that has this tool. Name the agent in the function that "
    "calls it (`agent.ainvoke(...)`, a variable of a module), or send every argument as the tool reads it"
)


@dataclass(frozen=True, slots=True)
class Stop:
    """A refused start. `why` is for the model and the admins, `code` for the journal."""

    tool: str
    kind: str
    why: str
    code: str = "no run"


def not_asked(kind: str, tier: Tier) -> str:
    """Return the reason for a call without a claim."""
    return f"the policy can rule {kind} tier {int(tier)}, and nobody was asked. {HOW_TO_GATE}"


def already_used(permit: Permit) -> str:
    """Return the reason for a call whose claim has been used."""
    if permit.action.state is not ActionState.RUNNING or not permit.starts:
        return what_became(permit.action)
    return (
        "it has started already, and one claim admits one start; remove the retry, or declare the kind "
        f"{permit.action.kind} `idempotent: true`"
    )


def what_became(action: ActionRecord) -> str:
    """Return the text for a model about a call that an earlier attempt started."""
    if action.state is ActionState.EXECUTED:
        return f"this was executed already, by an earlier attempt, with the result: {action.result}"
    if action.state is ActionState.FAILED:
        return f"this was started already, by an earlier attempt, and failed: {action.detail}"
    return NOT_KNOWN
