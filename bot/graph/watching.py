"""Around the tools of a stock agent, which claims and reports nothing itself: LangChain's callbacks.

The host claims an approved call before its thread resumes; the watcher reports it as soon as its tool has
ended. After a crash LangGraph runs the tools of the last step again, so the guard keeps those from running
whose calls were claimed before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import structlog
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import ToolMessage
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt.tool_node import ToolInvocationError

from bot.domain.action import Action
from bot.domain.record import ActionRecord
from bot.domain.review import ActionState
from bot.errors import BadAction, MembraneError
from bot.graph.execution import NOT_KNOWN, plain
from bot.graph.seat import Seat

CLAIMED = {ActionState.RUNNING, ActionState.UNKNOWN}
"""States of an action that was claimed and not reported."""
STARTED = {*CLAIMED, ActionState.EXECUTED, ActionState.FAILED}

log = structlog.get_logger(__name__)


class NotRunAgain(ToolInvocationError):
    """A tool is kept from running. A ToolNode tells the model the message, as it does of bad arguments."""

    def __init__(self, why: str) -> None:
        Exception.__init__(self, why)
        self.message = why


def what_became(action: ActionRecord) -> str:
    """Return what a model is told of a call that was started by an earlier attempt."""
    if action.state is ActionState.EXECUTED:
        return f"this was executed already, by an earlier attempt, with the result: {action.result}"
    if action.state is ActionState.FAILED:
        return f"this was started already, by an earlier attempt, and failed: {action.detail}"
    return NOT_KNOWN


class _Calls:
    """Actions to find again when their tools start."""

    def __init__(self, seat: Seat, actions: Iterable[ActionRecord]) -> None:
        self._seat = seat
        self._actions = list(actions)

    def __len__(self) -> int:
        return len(self._actions)

    def take(self, tool: Mapping[str, Any] | None, event: Mapping[str, Any]) -> ActionRecord | None:
        """Return the action whose tool starts, once.

        By its call id; of an agent that a tool runs that is not known, so there by the kind and arguments.
        """
        call_id, inputs = event.get("tool_call_id"), event.get("inputs") or {}
        kind = self._seat.kind_of_tool(str((tool or {}).get("name")))
        for action in self._actions:
            if action.call_id:
                found = action.call_id == call_id
            else:
                found = action.kind == kind and self._same(action, inputs)
            if found:
                self._actions.remove(action)
                return action
        return None

    def _same(self, action: ActionRecord, inputs: Mapping[str, Any]) -> bool:
        """Whether a tool starts with the arguments of an action, by their digest where some are redacted."""
        given = {key: inputs.get(key) for key in action.args}
        if not action.ruling.redact or given == action.args:
            return given == action.args
        try:
            started = Action.of(action.kind, given, agent=action.agent)
        except BadAction:
            return False
        return self._seat.membrane.digest_fits(action.args_digest, started)


class ToolGuard(BaseCallbackHandler):
    """Keeps calls from starting a second time. `barred` are the actions whose calls may not."""

    raise_error = True
    run_inline = True

    def __init__(self, seat: Seat, barred: Iterable[ActionRecord]) -> None:
        self._barred = _Calls(seat, barred)

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> None:
        """Raise NotRunAgain if this call is barred; LangChain then does not run the tool."""
        action = self._barred.take(serialized, kwargs)
        if action is not None:
            raise NotRunAgain(what_became(action))


class ToolWatcher(AsyncCallbackHandler):
    """Reports each claimed call when its tool ends, however long the run goes on after it."""

    def __init__(self, seat: Seat, calls: Iterable[ActionRecord], earlier: Iterable[str]) -> None:
        self._seat = seat
        self._open = _Calls(seat, (action for action in calls if action.state in CLAIMED))
        self._runs: dict[UUID, str] = {}
        self.watches = bool(self._open)
        """Whether there is a claimed call to report at all."""
        self.started = set(earlier)
        """The actions whose tool has started, or may have in an `earlier` run."""

    async def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,  # noqa: ARG002 - LangChain's signature, as below
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Note which run is which call."""
        action = self._open.take(serialized, kwargs)
        if action is not None:
            self._runs[run_id] = action.id
            self.started.add(action.id)

    async def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Report what the tool returned: a message whose status says error is a failure."""
        action_id = self._runs.pop(run_id, None)
        if action_id is None:
            return
        if isinstance(output, ToolMessage) and output.status == "error":
            await report_call(self._seat, action_id, executed=False, detail=output.text)
        else:
            result = plain(output.content) if isinstance(output, ToolMessage) else None
            await report_call(self._seat, action_id, executed=True, result=result)

    async def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Report that the tool failed."""
        action_id = self._runs.pop(run_id, None)
        if action_id is None or isinstance(error, GraphBubbleUp):
            return  # it asks a question of its own and goes on later
        await report_call(self._seat, action_id, executed=False, detail=f"{type(error).__name__}: {error}")


async def report_call(seat: Seat, action_id: str, **what: Any) -> None:
    """Report what became of a call. If that cannot be written, its receipt becomes unknown in time."""
    try:
        await seat.reach(seat.membrane.report(action_id, **what))
    except MembraneError:
        log.exception("what became of a call could not be reported", action=action_id)


def stock_calls(actions: Iterable[ActionRecord], shapes: Mapping[str, str]) -> list[ActionRecord]:
    """Return the actions that stock agents asked about: what the host claims and reports for them."""
    return [action for action in actions if shapes.get(action.interrupt_id or "", "").startswith("hitl")]
