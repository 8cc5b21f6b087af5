"""The guard: no tool that the policy can gate starts without a claim for exactly its arguments.

LangChain calls its callback handlers at every start of a tool. This handler is registered for the whole
process, so it is asked whatever config, callbacks, OS thread, executor or context a tool is called with. It
raises if the tool may not run:

    a tool starts ──▶ can the policy rule its kind Tier 2 or 3? ── no ──▶ it runs
                            │ yes
                            ▼
                      a hosted run, and a permit in it for this tool, this call, these arguments?
                            │ yes: one start                   │ no: refused, journalled, admins told
                            ▼                                  ▼
                      it runs; a stock agent's call        ToolStopped: a ToolNode tells the model,
                      is reported when it ends             anything else sees it raised

An ungated tool is stopped too while a freeze holds its kind, its agent or its graph.

The guard cannot see `tool.func()` and plain functions, because calling them does not start a tool.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import ToolMessage
from langchain_core.tracers.context import register_configure_hook
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt.tool_node import ToolInvocationError

from bot.domain.risk import Tier
from bot.errors import MembraneError
from bot.graph.execution import plain
from bot.graph.run_context import RunContext, find_context
from bot.graph.stop_reasons import (
    NO_RUN,
    Stop,
)
from bot.graph.tool_permits import Permit
from bot.graph.tool_start import ToolStart
from bot.membrane import Membrane

SETTLE_S = 5.0
"""Seconds that a stopping host waits for the store."""

log = structlog.get_logger(__name__)


class ToolStopped(ToolInvocationError):
    """The tool may not run. A ToolNode gives the model the message, as it does for bad arguments."""

    def __init__(self, why: str) -> None:
        Exception.__init__(self, why)
        self.message = why


@dataclass(slots=True, eq=False)
class GuardedHost:
    """A host whose tools the guard protects, from its start to its stop."""

    membrane: Membrane
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def spawn(self, call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a call of the membrane as a task. Called on the membrane's loop."""
        task = self.loop.create_task(call)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def settled(self) -> None:
        """Wait until all stops and reports are written, for SETTLE_S seconds at most."""
        try:
            async with asyncio.timeout(SETTLE_S):
                while self.tasks:
                    await asyncio.wait(set(self.tasks))
        except TimeoutError:
            for task in self.tasks:
                task.cancel()
            log.warning("the store cannot be written, so the receipts of tools that ran will become unknown")
            await asyncio.gather(*self.tasks, return_exceptions=True)


class ToolGuard(BaseCallbackHandler):
    """Callback handler for every start of a tool in this process. Until a host arms it, it allows all."""

    raise_error = True
    run_inline = True
    ignore_llm = True
    ignore_retry = True
    ignore_chain = True
    ignore_retriever = True
    ignore_chat_model = True
    ignore_custom_event = True

    def __init__(self) -> None:
        self._armed: list[GuardedHost] = []
        self._lock = threading.Lock()
        self._runs: dict[UUID, tuple[RunContext, Permit]] = {}

    def arm(self, membrane: Membrane) -> GuardedHost:
        """Guard the tools of this process by a membrane's policy. Call it on the membrane's loop."""
        armed = GuardedHost(membrane, asyncio.get_running_loop())
        with self._lock:
            self._armed = [*self._armed, armed]
        return armed

    def disarm(self, armed: GuardedHost) -> None:
        """Stop guarding for a host that has stopped."""
        with self._lock:
            self._armed = [each for each in self._armed if each is not armed]

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        tool_call_id: str | None = None,
        inputs: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002 - LangChain's signature
    ) -> None:
        """Raise ToolStopped unless this tool may start. LangChain then does not run it."""
        armed = self._armed
        if not armed:
            return
        name, context = str((serialized or {}).get("name")), find_context()
        if context is not None:
            context.starts.note(metadata)
        membranes = [context.membrane] if context is not None else [each.membrane for each in armed]
        gating = next((each for each in membranes if _gated(each, name)), None)
        frozen = next((stop for each in membranes if (stop := _frozen(each, name, context))), None)
        if context is None:
            if gating is not None:
                self._stop(Stop(name, gating.policy.kind_of_tool(name), NO_RUN), gating, None, tool_call_id)
            if frozen is not None:
                self._stop(frozen, membranes[0], None, tool_call_id)
        elif gating is not None or frozen is not None or context.permits.reporting:
            call = ToolStart(context, name, tool_call_id, inputs if inputs is not None else input_str)
            permit = call.permit()
            if permit is None and gating is not None:
                stop, stopped = call.why_stopped()
                if stopped is not None and stopped.reports and context.permits.spend(stopped):
                    self._report(context, stopped, executed=False, detail=stop.why)
                self._stop(stop, gating, context.thread.id, tool_call_id)
            if permit is None and frozen is not None:
                self._stop(frozen, context.membrane, context.thread.id, tool_call_id)
            if permit is not None and permit.reports:
                self._runs[run_id] = (context, permit)

    def _stop(self, stop: Stop, membrane: Membrane, thread_id: str | None, call_id: str | None) -> None:
        armed = next((each for each in self._armed if each.membrane is membrane), None)
        if armed is not None:
            told = {"tool": stop.tool, "kind": stop.kind, "thread": thread_id, "call_id": call_id}
            call = _written(armed.membrane, why=stop.code, advice=stop.why, **told)
            armed.loop.call_soon_threadsafe(armed.spawn, call)
        raise ToolStopped(f"{stop.tool} was not run: {stop.why}")

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """Report the result of a stock agent's call. A message with the status error is a failure.

        Not a coroutine: LangChain would start an event loop for it at the end of each synchronous tool.
        """
        run = self._runs.pop(run_id, None)
        if run is None:
            return
        if isinstance(output, ToolMessage) and output.status == "error":
            self._report(*run, executed=False, detail=output.text)
        else:
            result = plain(output.content) if isinstance(output, ToolMessage) else None
            self._report(*run, executed=True, result=result)

    def on_tool_error(
        self,
        error: BaseException,
        *,
        run_id: UUID,
        **kwargs: Any,  # noqa: ARG002 - as above
    ) -> None:
        """Report that a stock agent's call failed, unless it asks its own question and continues later."""
        run = self._runs.pop(run_id, None)
        if run is not None and not isinstance(error, GraphBubbleUp):
            self._report(*run, executed=False, detail=f"{type(error).__name__}: {error}")

    def _report(self, context: RunContext, permit: Permit, **what: Any) -> None:
        context.reports.note(lambda: context.reach(context.membrane.reports.record(permit.action.id, **what)))
        armed = next((each for each in self._armed if each.loop is context.loop), None)
        write = armed.spawn if armed is not None else context.loop.create_task
        context.loop.call_soon_threadsafe(write, context.reports.write())


async def _written(membrane: Membrane, **what: Any) -> None:
    try:
        await membrane.guard_log.record_stopped_tool(**what)
    except MembraneError:
        log.exception("a stopped tool could not be journalled", **what)


def _gated(membrane: Membrane, name: str) -> bool:
    policy = membrane.policy
    return policy.strictest(policy.kind_of_tool(name)) >= Tier.ASYNC_APPROVAL


def _frozen(membrane: Membrane, tool: str, context: RunContext | None) -> Stop | None:
    """Return why a freeze stops an ungated tool, if one does. A claimed call may still start."""
    kind = membrane.policy.kind_of_tool(tool)
    borne = (kind,) if context is None else (kind, context.thread.agent, context.thread.graph)
    found = membrane.freeze_effects.find_cached(*borne)
    return None if found is None else Stop(tool, kind, f"{found}. It may start after the thaw", "frozen")


GUARD = ToolGuard()
"""The only guard of this process. Importing this module registers it; a host arms it."""

register_configure_hook(
    ContextVar("membrane_tool_guard", default=GUARD),  # a default holds in every context, fresh ones too
    inheritable=True,
    handle_class=ToolGuard,
)
