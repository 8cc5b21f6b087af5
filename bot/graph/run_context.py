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

from bot.domain.record import ThreadRecord
from bot.errors import GraphRefused
from bot.graph.hosted import hosting
from bot.graph.permits import Permits
from bot.graph.reports import Reports
from bot.graph.starts import Starts
from bot.membrane import Membrane

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seat:
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
    starts: Starts = field(default_factory=Starts)
    reports: Reports = field(default_factory=Reports)

    def kind_of_tool(self, name: str) -> str:
        """Return the action kind that a tool stands for, by the policy in force."""
        return self.membrane.policy.kind_of_tool(name)

    async def reach(self, call: Coroutine[Any, Any, T]) -> T:
        """Await a call of the membrane, from whichever loop this runs on.

        A tool that runs a sub-agent synchronously does so on a thread with a loop of its own. What the
        membrane does on the way is the bot's own, and waits for no tool.
        """
        with hosting(None):
            if asyncio.get_running_loop() is self.loop:
                return await call
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self.loop))


_SEAT: ContextVar[Seat] = ContextVar("membrane_seat")


@contextmanager
def seated(seat: Seat) -> Iterator[None]:
    """Seat the host for everything that runs inside."""
    token = _SEAT.set(seat)
    try:
        yield
    finally:
        _SEAT.reset(token)


def seat_here() -> Seat | None:
    """Return the seat of the run that this is part of; None outside of a host."""
    return _SEAT.get(None)


def here() -> Seat:
    """Return the seat of the run that this is part of. Raises GraphRefused outside of a host."""
    seat = seat_here()
    if seat is None:
        raise GraphRefused(
            "This gate runs outside of the membrane's host, so nobody could be asked. Name the graph in "
            "MEMBRANE_GRAPHS and start its threads through the bot; if it does run there, something in it "
            "started a thread of its own without copying the context (contextvars.copy_context)."
        )
    return seat
