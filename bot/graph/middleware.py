"""A LangChain middleware that puts every tool call of an agent before the membrane.

    create_agent(model, tools=[...], middleware=[MembraneMiddleware()])

The policy is asked after the model's message, in a node of its own, and its rulings are saved in the agent's
state. Each call then waits by itself: calls that pass run at once, the reviews of the others all open
together, and each call runs as soon as it is approved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
    ToolCallRequest,
)
from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from bot.domain.action import Action
from bot.domain.states import Receipt
from bot.errors import BadAction, GraphRefused, TooMany
from bot.graph.answer import Answer
from bot.graph.call_rulings import AskedCall, asked_call, earlier_ruling, last_message, rule_call
from bot.graph.execution import Ending, Execution, Ran, carry_out, plain
from bot.graph.gate_payload import Proposal, gate_payload
from bot.graph.run_context import RunContext, require_context
from bot.graph.tool_arguments import Unfit

ToolResult = ToolMessage | Command[Any]

CHANGED = "the policy, or the tool's schema, now reads this call as another action, so it is ruled again"


class _State(AgentState[Any]):
    membrane_calls: NotRequired[Annotated[dict[str, Any], PrivateStateAttr]]
    """The policy's rulings on the tool calls of the last message, by call id; plain JSON."""


class MembraneMiddleware(AgentMiddleware[Any, Any, Any]):
    """Gates every tool of an agent by the policy in force; a tool's name is its kind unless mapped.

    List it before middleware that handles tool errors, which could swallow its pause, and after middleware
    that changes arguments. Middleware that retries tools runs inside one claim, which admits one start unless
    the kind is declared idempotent. Each sub-agent needs the middleware in its own list.

    A tool that asks its own questions (`interrupt`) starts again from its top when it is answered, so its
    kind has to be declared idempotent.
    """

    state_schema = _State

    def __init__(self) -> None:
        super().__init__()
        self._tools: dict[str, BaseTool] = {}
        """The tools of the last model request, by name. A call is ruled as its tool reads it."""

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Remember the tools that the model gets."""
        self._note(request)
        return handler(request)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Remember the tools that the model gets, as `wrap_model_call` does."""
        self._note(request)
        return await handler(request)

    def _note(self, request: ModelRequest[Any]) -> None:
        self._tools.update({tool.name: tool for tool in request.tools if isinstance(tool, BaseTool)})

    def after_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002 - LangChain's signature
        """Ask the policy about each tool call, without effects, and keep its rulings."""
        message = last_message(state)
        if message is None or not message.tool_calls:
            return None
        context = require_context()
        tools = self._tools
        ruled = {
            call["id"]: rule_call(context, state, message, call, tools.get(call["name"]))
            for call in message.tool_calls
        }
        return {"membrane_calls": ruled}

    async def aafter_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Ask the policy about each tool call, as `after_model` does."""
        return self.after_model(state, runtime)

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolResult]
    ) -> ToolResult:
        """Gate a tool call of an agent that runs synchronously, on a thread of its own."""

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
        """Let the call pass or wait for its answer; then claim, run and report it."""
        context, call = require_context(), request.tool_call
        if request.tool is None:
            return await handler(request)  # there is no such tool: the ToolNode tells the model
        try:
            asked = asked_call(context, call, request.tool, request.state)
            ruled = earlier_ruling(context, request.state, asked, call)
        except Unfit as unfit:
            return _refusal(call, str(unfit))
        except BadAction as bad:
            return _refusal(call, f"this cannot be put before a person: {bad}")
        action = asked.action
        try:
            action_id = await _recorded(context, asked, ruled, call["id"])
        except TooMany as full:
            return _refusal(call, str(full))
        follows: str | None = None
        # On a resume this runs from its top, and every earlier interrupt returns its saved answer again. A
        # claim may come before the next interrupt: after a refusal it is refused again, or the effect runs.
        while True:
            if action_id is not None and follows is None:
                ending = await self._attempt(context, action_id, action, request, handler)
                if ending.receipt is not None:
                    return _message(call, ending)
            answer = _ask(context, asked.proposal, call["id"], action_id=action_id, follows=follows)
            action_id, follows = answer.action_id, answer.review_id if answer.halts else None
            if answer.outcome != "approved" and not answer.halts:
                return _refusal(call, answer.text)
            if (answered := asked.fitting(context, answer.args_digest)) is None:
                await context.reach(context.membrane.interrupts.withdraw_call(answer.action_id, CHANGED))
                action_id, follows = None, None
            else:
                action = answered

    async def _attempt(
        self,
        context: RunContext,
        action_id: str,
        action: Action,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolResult]],
    ) -> Ending:
        async def run(execution: Execution) -> Ran:  # noqa: ARG001 - the tool finds it with execution()
            return _ran(await handler(request))

        return await carry_out(context, action_id, action, run, request.tool_call)


def _ask(
    context: RunContext,
    proposal: Proposal,
    call_id: str | None,
    *,
    action_id: str | None,
    follows: str | None,
) -> Answer:
    """Wait for the answer. The host reports after the run if something swallowed the pause."""
    payload = gate_payload(proposal, action_id=action_id, follows=follows, call_id=call_id)
    try:
        answer: Answer = interrupt(payload, response_schema=Answer)
    except GraphBubbleUp:
        context.paused.append((call_id, proposal["kind"]))
        raise
    return answer


async def _recorded(
    context: RunContext, asked: AskedCall, ruled: Mapping[str, Any] | None, call_id: str | None
) -> str | None:
    """Record a call that was ruled to pass, and return its action id; None if people have to be asked.

    A call without a ruling, or with changed arguments, is asked about: the host rules it again and answers at
    once if it passes. The action that is recorded under the key is used from then on, also when this runs
    again after a change of the policy.
    """
    action = asked.fitting(context, ruled["digest"]) if ruled is not None and not ruled["waits"] else None
    if ruled is None or action is None:
        return None
    standing = await context.reach(
        context.membrane.proposals.propose(
            action, idempotency_key=ruled["key"], thread_id=context.thread.id, call_id=call_id
        )
    )
    return standing.action.id


def _ran(output: Any) -> Ran:
    if not isinstance(output, ToolMessage):
        return Ran(executed=True, output=output)
    if output.status == "error":
        return Ran(executed=False, detail=output.text, output=output)
    return Ran(executed=True, result=plain(output.content), output=output)


def _message(call: ToolCall, ending: Ending) -> ToolResult:
    """Return the message to the model about a call that ran, now or in an earlier attempt."""
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
