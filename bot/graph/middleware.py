"""A LangChain middleware that puts every tool call of an agent before the membrane.

    create_agent(model, tools=[...], middleware=[MembraneMiddleware()])

The policy is asked after the model has spoken, in a node of its own, and what it said is saved with the
agent's state. Each call then waits for itself: calls that pass run at once, the cards of the others all open
together, and each runs as soon as it is approved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
    ToolCallRequest,
)
from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt

from bot.domain.action import Action
from bot.domain.digest import is_version_1
from bot.domain.states import Receipt
from bot.errors import BadAction, GraphRefused, TooMany, UnfitAction
from bot.graph.answer import Answer
from bot.graph.arguments import Unfit, read_args
from bot.graph.execution import Ending, Execution, Ran, carry_out, plain
from bot.graph.gate_payload import Proposal, action_of, gate_payload
from bot.graph.run_context import RunContext, require_context
from bot.graph.toolbox import SAME_ID

ToolResult = ToolMessage | Command[Any]

_UNFIT = "unfit"
"""Where the ruling that is saved of a call says why a strict policy does not take it."""
CHANGED = "the policy, or the tool's schema, reads this call as another action by now, so it is ruled again"


class _State(AgentState[Any]):
    membrane_calls: NotRequired[Annotated[dict[str, Any], PrivateStateAttr]]
    """What the policy said of the last message's tool calls, by call id; plain JSON."""


class MembraneMiddleware(AgentMiddleware[Any, Any, Any]):
    """Gates every tool of an agent by the policy in force; a tool's name is its kind unless mapped.

    List it before middleware that handles the errors of tools, which could swallow its pause, and after
    middleware that changes their arguments. Middleware that retries tools runs inside one claim, which admits
    one start unless the kind is declared idempotent. Each sub-agent needs one in its own list.

    A tool that asks questions of its own (`interrupt`) starts again from its top when it is answered, so its
    kind has to be declared idempotent.
    """

    state_schema = _State

    def __init__(self) -> None:
        super().__init__()
        self._tools: dict[str, BaseTool] = {}
        """The tools that the model was last given, by name: a call is ruled as its tool reads it."""

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Note the tools that the model is given."""
        self._note(request)
        return handler(request)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Do the same."""
        self._note(request)
        return await handler(request)

    def _note(self, request: ModelRequest[Any]) -> None:
        self._tools.update({tool.name: tool for tool in request.tools if isinstance(tool, BaseTool)})

    def after_model(self, state: Any, runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002 - LangChain's signature
        """Ask the policy about each tool call, purely, and keep what it said."""
        message = _last_message(state)
        if message is None or not message.tool_calls:
            return None
        context = require_context()
        tools = self._tools
        ruled = {
            call["id"]: _ruled(context, state, message, call, tools.get(call["name"]))
            for call in message.tool_calls
        }
        return {"membrane_calls": ruled}

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
        context, call = require_context(), request.tool_call
        if request.tool is None:
            return await handler(request)  # there is no such tool: the ToolNode tells the model
        try:
            asked = _asked(context, call, request.tool, request.state)
            ruled = _ruled_before(context, request.state, asked, call)
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
        # claim may stand above the next one: refused once, it is refused again or it lets the effect run.
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call as its tool reads it, and as it was sent, which is how an earlier release asked about it."""

    proposal: Proposal
    action: Action
    sent: Mapping[str, Any]

    def fitting(self, context: RunContext, digest: str) -> Action | None:
        """Return the action that a digest is of; None where the policy or the tool changed meanwhile."""
        if context.membrane.digest_fits(digest, self.action):
            return self.action
        if is_version_1(digest):
            as_sent = action_of({**self.proposal, "args": self.sent}, context.thread)
            return as_sent if context.membrane.digest_fits(digest, as_sent) else None
        return None


def _asked(context: RunContext, call: ToolCall, tool: BaseTool | None, state: Any) -> _Asked:
    """Return a call as its tool reads it. Raises BadAction where it cannot be put before a person."""
    if not call["id"]:
        raise GraphRefused(
            f"the call of {call['name']} has no id, so its answer could not be matched to it; "
            "use a chat model that gives its tool calls ids"
        )
    message = _last_message(state)
    if message is not None and sum(each["id"] == call["id"] for each in message.tool_calls) > 1:
        raise Unfit(SAME_ID.format(id=call["id"]))
    args = read_args(tool, call["args"]) if tool is not None else call["args"]
    proposal = Proposal(kind=context.kind_of_tool(call["name"]), args=args)
    return _Asked(proposal, action_of(proposal, context.thread), call["args"])


def _ruled(
    context: RunContext, state: Any, message: AIMessage, call: ToolCall, tool: BaseTool | None
) -> dict[str, Any]:
    try:
        action = _asked(context, call, tool, state).action
        context.membrane.proposals.check_fit(action)
    except UnfitAction as unfit:
        return {"waits": True, "digest": context.membrane.digest_of(action), _UNFIT: str(unfit)}
    except BadAction:
        return {"waits": True}  # the call itself is refused, with what is wrong
    return {
        "waits": context.membrane.rule(action).tier.waits,
        "digest": context.membrane.digest_of(action),
        "key": f"{context.thread.id}:{message.id}:{call['id']}",
    }


def _ruled_before(context: RunContext, state: Any, asked: _Asked, call: ToolCall) -> Mapping[str, Any] | None:
    """Return what was ruled of a call when the model made it. Raises Unfit where it did not fit the policy.

    What was saved then is looked at, and not the policy in force: a call that waits goes on as it began.
    """
    ruled: Mapping[str, Any] | None = (state.get("membrane_calls") or {}).get(call["id"])
    if ruled is not None and _UNFIT in ruled and asked.fitting(context, ruled["digest"]) is not None:
        raise Unfit(ruled[_UNFIT])
    return ruled


def _ask(
    context: RunContext,
    proposal: Proposal,
    call_id: str | None,
    *,
    action_id: str | None,
    follows: str | None,
) -> Answer:
    """Wait for the answer. A pause that something swallows on its way is told after the run."""
    payload = gate_payload(proposal, action_id=action_id, follows=follows, call_id=call_id)
    try:
        answer: Answer = interrupt(payload, response_schema=Answer)
    except GraphBubbleUp:
        context.paused.append((call_id, proposal["kind"]))
        raise
    return answer


def _last_message(state: Any) -> AIMessage | None:
    return next((each for each in reversed(state["messages"]) if isinstance(each, AIMessage)), None)


async def _recorded(
    context: RunContext, asked: _Asked, ruled: Mapping[str, Any] | None, call_id: str | None
) -> str | None:
    """Record a call that was ruled to pass, and return its action. None: it has to be asked about.

    A call that was not ruled, or whose arguments were changed since, is asked about: the host rules it anew
    and answers at once if it passes. What is recorded under the key decides ever after, also when this runs
    again after the policy has changed.
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
