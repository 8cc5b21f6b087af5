"""The policy's rulings on an agent's tool calls: made after the model's message, read when a call runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, ToolCall
from langchain_core.tools import BaseTool

from bot.domain.action import Action
from bot.domain.digest import is_version_1
from bot.errors import BadAction, GraphRefused, UnfitAction
from bot.graph.gate_payload import Proposal, action_of
from bot.graph.run_context import RunContext
from bot.graph.tool_arguments import Unfit, read_args
from bot.graph.toolbox import SAME_ID

_UNFIT = "unfit"
"""Key of a saved ruling for the reason why a strict policy refuses the call."""


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call as its tool reads it, and as it was sent. Earlier releases asked about the sent form."""

    proposal: Proposal
    action: Action
    sent: Mapping[str, Any]

    def fitting(self, context: RunContext, digest: str) -> Action | None:
        """Return the action that has this digest; None if the policy or the tool changed meanwhile."""
        if context.membrane.digest_fits(digest, self.action):
            return self.action
        if is_version_1(digest):
            as_sent = action_of({**self.proposal, "args": self.sent}, context.thread)
            return as_sent if context.membrane.digest_fits(digest, as_sent) else None
        return None


def asked_call(context: RunContext, call: ToolCall, tool: BaseTool | None, state: Any) -> AskedCall:
    """Return a call as its tool reads it. Raises BadAction if it cannot be put before a person."""
    if not call["id"]:
        raise GraphRefused(
            f"the call of {call['name']} has no id, so its answer could not be matched to it; "
            "use a chat model that gives its tool calls ids"
        )
    message = last_message(state)
    if message is not None and sum(each["id"] == call["id"] for each in message.tool_calls) > 1:
        raise Unfit(SAME_ID.format(id=call["id"]))
    args = read_args(tool, call["args"]) if tool is not None else call["args"]
    proposal = Proposal(kind=context.kind_of_tool(call["name"]), args=args)
    return AskedCall(proposal, action_of(proposal, context.thread), call["args"])


def rule_call(
    context: RunContext, state: Any, message: AIMessage, call: ToolCall, tool: BaseTool | None
) -> dict[str, Any]:
    """Return the policy's ruling on a call as plain JSON, which the agent's state keeps."""
    try:
        action = asked_call(context, call, tool, state).action
        context.membrane.proposals.check_fit(action)
    except UnfitAction as unfit:
        return {"waits": True, "digest": context.membrane.digest_of(action), _UNFIT: str(unfit)}
    except BadAction:
        return {"waits": True}  # the call itself is refused later, with the fault
    return {
        "waits": context.membrane.rule(action).tier.waits,
        "digest": context.membrane.digest_of(action),
        "key": f"{context.thread.id}:{message.id}:{call['id']}",
    }


def earlier_ruling(
    context: RunContext, state: Any, asked: AskedCall, call: ToolCall
) -> Mapping[str, Any] | None:
    """Return the ruling on a call from when the model made it. Raises Unfit if it did not fit then.

    The saved ruling counts, not the policy in force: a waiting call goes on as it began.
    """
    ruled: Mapping[str, Any] | None = (state.get("membrane_calls") or {}).get(call["id"])
    if ruled is not None and _UNFIT in ruled and asked.fitting(context, ruled["digest"]) is not None:
        raise Unfit(ruled[_UNFIT])
    return ruled


def last_message(state: Any) -> AIMessage | None:
    """Return the model's last message in an agent's state, if there is one."""
    return next((each for each in reversed(state["messages"]) if isinstance(each, AIMessage)), None)
