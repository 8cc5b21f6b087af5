"""A LangChain middleware that puts every tool call of an agent before the membrane.

    create_agent(model, tools=[...], middleware=[MembraneMiddleware()])

The policy is asked after the model has spoken, in a node of its own, and what it said is saved with the
agent's state. Each call then waits for itself: calls that pass run at once, the cards of the others all open
together, and each runs as soon as it is approved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware.types import AgentMiddleware, AgentState, PrivateStateAttr, ToolCallRequest
from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from bot.domain.action import Action
from bot.domain.review import Receipt
from bot.errors import BadAction, GraphRefused, TooMany
from bot.graph.answer import Answer
from bot.graph.execution import Ending, Execution, Ran, carry_out, plain
from bot.graph.payload import Proposal, action_of, gate_payload
from bot.graph.seat import Seat, here

ToolResult = ToolMessage | Command[Any]


class _State(AgentState[Any]):
    membrane_calls: NotRequired[Annotated[dict[str, Any], PrivateStateAttr]]
    """What the policy said of the last message's tool calls, by call id; plain JSON."""


class MembraneMiddleware(AgentMiddleware[Any, Any, Any]):
    """Gates every tool of an agent by the policy in force; a tool's name is its kind unless mapped.

    List it before middleware that retries tools or handles their errors; such middleware then runs inside
    one claim. A tool that asks questions of its own (`interrupt`) starts again from its top when it is
    answered, so its kind has to be declared idempotent.
    """

    state_schema = _State

    def after_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002 - LangChain's signature
        """Ask the policy about each tool call, purely, and keep what it said."""
        message = next((each for each in reversed(state["messages"]) if isinstance(each, AIMessage)), None)
        if message is None or not message.tool_calls:
            return None
        seat = here()
        return {"membrane_calls": {call["id"]: _ruled(seat, message, call) for call in message.tool_calls}}

    async def aafter_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Do the same; it is pure."""
        return self.after_model(state, runtime)

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolResult]
    ) -> ToolResult:
        """Gate a call of an agent that is run synchronously, on a thread of its own."""

        async def handle(changed: ToolCallRequest) -> ToolResult:
            return handler(changed)

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.awrap_tool_call(request, handle))
        raise GraphRefused(
            "an agent is run synchronously (invoke) inside a coroutine, which would block the bot; "
            "await its ainvoke instead"
        )

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolResult]]
    ) -> ToolResult:
        """Let the call pass, or wait for its answer; then claim, run and report it."""
        seat, call = here(), request.tool_call
        try:
            proposal = _proposal(seat, call)
            action = action_of(proposal, seat.thread)
        except BadAction as bad:
            return _refusal(call, f"this cannot be put before a person: {bad}")
        ruled = (request.state.get("membrane_calls") or {}).get(call["id"])
        try:
            action_id = await _recorded(seat, action, ruled, call["id"])
        except TooMany as full:
            return _refusal(call, str(full))
        follows: str | None = None
        # On a resume this runs from its top, and every earlier interrupt returns its saved answer again. A
        # claim may stand above the next one: refused once, it is refused again or it lets the effect run.
        while True:
            if action_id is not None and follows is None:
                ending = await self._attempt(seat, action_id, action, request, handler)
                if ending.receipt is not None:
                    return _message(call, ending)
            payload = gate_payload(proposal, action_id=action_id, follows=follows, call_id=call["id"])
            answer = interrupt(payload, response_schema=Answer)
            action_id, follows = answer.action_id, answer.review_id if answer.halts else None
            if answer.outcome != "approved" and not answer.halts:
                return _refusal(call, answer.text)

    async def _attempt(
        self,
        seat: Seat,
        action_id: str,
        action: Action,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolResult]],
    ) -> Ending:
        async def run(execution: Execution) -> Ran:  # noqa: ARG001 - the tool finds it with execution()
            return _ran(await handler(request))

        return await carry_out(seat, action_id, action, run)


def _ruled(seat: Seat, message: AIMessage, call: ToolCall) -> dict[str, Any]:
    try:
        action = action_of(_proposal(seat, call), seat.thread)
    except BadAction:
        return {"waits": True}  # the call itself is refused, with what is wrong
    return {
        "waits": seat.membrane.rule(action).tier.waits,
        "digest": seat.membrane.digest_of(action),
        "key": f"{seat.thread.id}:{message.id}:{call['id']}",
    }


def _proposal(seat: Seat, call: ToolCall) -> Proposal:
    if not call["id"]:
        raise GraphRefused(
            f"the call of {call['name']} has no id, so its answer could not be matched to it; "
            "use a chat model that gives its tool calls ids"
        )
    return Proposal(kind=seat.kind_of_tool(call["name"]), args=call["args"])


async def _recorded(
    seat: Seat, action: Action, ruled: Mapping[str, Any] | None, call_id: str | None
) -> str | None:
    """Record a call that was ruled to pass, and return its action. None: it has to be asked about.

    A call that was not ruled, or whose arguments were changed since, is asked about: the host rules it anew
    and answers at once if it passes. What is recorded under the key decides ever after, also when this runs
    again after the policy has changed.
    """
    if ruled is None or ruled["waits"] or not seat.membrane.digest_fits(ruled["digest"], action):
        return None
    standing = await seat.reach(
        seat.membrane.propose(action, idempotency_key=ruled["key"], thread_id=seat.thread.id, call_id=call_id)
    )
    return standing.action.id


def _ran(output: Any) -> Ran:
    if not isinstance(output, ToolMessage):
        return Ran(executed=True, output=output)
    if output.status == "error":
        return Ran(executed=False, detail=output.text, output=output)
    return Ran(executed=True, result=plain(output.content), output=output)


def _message(call: ToolCall, ending: Ending) -> ToolResult:
    """Return what the model is told of a call that was run, now or by an earlier attempt."""
    if ending.ran is not None and ending.ran.output is not None:
        output: ToolResult = ending.ran.output
        return output
    if ending.receipt is Receipt.EXECUTED:
        content = ending.result if isinstance(ending.result, str) else str(ending.result)
        return ToolMessage(content, name=call["name"], tool_call_id=call["id"])
    if ending.receipt is Receipt.DENIED:
        return _refusal(call, ending.text)
    return ToolMessage(
        f"{call['name']}: {ending.text}", name=call["name"], tool_call_id=call["id"], status="error"
    )


def _refusal(call: ToolCall, why: str) -> ToolMessage:
    return ToolMessage(
        f"{call['name']} was not run: {why}", name=call["name"], tool_call_id=call["id"], status="error"
    )
