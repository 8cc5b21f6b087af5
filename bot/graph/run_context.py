"""The context of a run, through which nodes and tools reach the membrane. LangGraph never saves it.

The host sets a context variable in the run's own task. LangGraph copies the context into every node, tool and
sub-graph that it calls, and writes none of it to a checkpoint.
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
    """The membrane, the thread and the bookkeeping of one run. `loop` is the membrane's event loop.

    `permits` say what the run may start. `paused` has the call id and kind of each question that the run
    raised: if its thread is not parked at one afterwards, something swallowed it. `starts` are the tools that
    started in the run, `reports` the results of stock agents' calls that are still to be written.
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
        """Await a call of the membrane, from any event loop.

        A tool that runs a sub-agent synchronously does so on an OS thread with its own loop. The membrane's
        work counts as the bot's own code, so it waits for no tool thread.
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
            "MEMBRANE_GRAPHS and start its threads through the bot. If it does run there, its code started "
            "an OS thread without copying the context (contextvars.copy_context)."
        )
    return context
