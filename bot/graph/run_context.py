"""How a node reaches the membrane: through the run it is part of, never through what LangGraph saves.

The host seats itself in a context variable of the run's own task. LangGraph copies the context into every
node, tool and sub-graph it calls, and nothing of it is written to a checkpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.domain.hosting import ThreadRecord
from bot.errors import GraphRefused
from bot.graph.code_origin import code_from
from bot.graph.started_tools import StartedTools
from bot.graph.tool_permits import Permits
from bot.graph.tool_reports import ToolReports
from bot.membrane import Membrane

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run knows of its host. `loop` is the one that the membrane lives on.

    `permits` are what the run may start. `paused` are the call ids and kinds of the questions that it raised:
    one that its thread is not parked at afterwards was swallowed on its way. `starts` are the tools that
    started in it, `reports` what is to be written of stock agents' calls that have ended.
    """

    membrane: Membrane
    thread: ThreadRecord
    loop: asyncio.AbstractEventLoop
    permits: Permits = field(default_factory=Permits)
    paused: list[tuple[str | None, str]] = field(default_factory=list)
    starts: StartedTools = field(default_factory=StartedTools)
    reports: ToolReports = field(default_factory=ToolReports)

    def kind_of_tool(self, name: str) -> str:
        """Return the action kind that a tool stands for, by the policy in force."""
        return self.membrane.policy.kind_of_tool(name)

    async def reach(self, call: Coroutine[Any, Any, T]) -> T:
        """Await a call of the membrane, from whichever loop this runs on.

        A tool that runs a sub-agent synchronously does so on a thread with a loop of its own. What the
        membrane does on the way is the bot's own, and waits for no tool.
        """
        with code_from(None):
            if asyncio.get_running_loop() is self.loop:
                return await call
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self.loop))


_CONTEXT: ContextVar[RunContext] = ContextVar("membrane_context")


@contextmanager
def entered(context: RunContext) -> Iterator[None]:
    """RunContext the host for everything that runs inside."""
    token = _CONTEXT.set(context)
    try:
        yield
    finally:
        _CONTEXT.reset(token)


def find_context() -> RunContext | None:
    """Return the context of the run that this code is part of; None outside of a host."""
    return _CONTEXT.get(None)


def require_context() -> RunContext:
    """Return the context of the run that this code is part of. Raises GraphRefused outside of a host."""
    context = find_context()
    if context is None:
        raise GraphRefused(
            "This gate runs outside of the membrane's host, so nobody could be asked. Name the graph in "
            "MEMBRANE_GRAPHS and start its threads through the bot; if it does run there, something in it "
            "started a thread of its own without copying the context (contextvars.copy_context)."
        )
    return context
