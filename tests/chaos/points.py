"""The crash points: named places between two things that must not come apart.

Each wraps a seam of the bot from outside, in the process that is to die; production code knows nothing of it.
`before` is the instant before the seam is entered, `after` the instant after it has done its work.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

import bot.app
from bot.graph.host import Host
from bot.graph.saver import GroupedSaver
from bot.graph.thread_runner import ThreadRunner
from bot.jobs import Jobs
from bot.membrane import (
    Claims,
    Deadlines,
    Digests,
    FreezeEffects,
    Interrupts,
    Outbox,
    Proposals,
    Reports,
    Threads,
    Votes,
    reapprovals,
)
from bot.membrane.restores import Restores
from bot.membrane.seals import Seals
from bot.membrane.stalls import Stalls
from bot.slack import Slack
from bot.store import heads
from bot.store.sqlite import transactions
from tests.chaos.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Seam:
    """A function of the bot: where it hangs, and what it does, in a few words."""

    owner: Any
    attribute: str
    what: str
    starting: bool = False
    """Whether it is crossed while the bot starts, so that the first crossing is the one."""


SEAMS = {
    # The start, and what it recovers.
    "database": Seam(bot.app, "open_database", "opening the database", starting=True),
    "recognise": Seam(Restores, "check_on_start", "telling whether the database was restored", starting=True),
    "host": Seam(Host, "start", "loading graphs and finding what is unfinished", starting=True),
    "catch-up": Seam(Jobs, "run_all", "doing what came due while the bot was down", starting=True),
    "slack": Seam(Slack, "identity", "asking Slack who the bot is", starting=True),
    "go-on": Seam(ThreadRunner, "go_on", "recovering one thread"),
    # The note of where the journal ends, which must never be ahead of the database.
    "head": Seam(heads, "write", "noting where the journal ends"),
    # A thread's way.
    "wanted": Seam(Threads, "start", "writing the row of a wanted thread"),
    "start": Seam(ThreadRunner, "start", "running a thread for the first time"),
    "checkpoint": Seam(GroupedSaver, "aput", "saving a thread's state"),
    "writes": Seam(GroupedSaver, "aput_writes", "saving what a node wrote"),
    "park": Seam(Interrupts, "park", "writing the reviews of a parked thread"),
    "resume": Seam(ThreadRunner, "resume", "resuming a thread with its answer"),
    "take-up": Seam(Threads, "take_up", "noting that a thread runs again, and its due work"),
    "delivered": Seam(Interrupts, "mark_delivered", "noting that a thread took its answer"),
    "thread-state": Seam(Threads, "set_state", "noting where a thread stands"),
    "ended": Seam(Interrupts, "end_thread", "ending a thread that did not finish"),
    "finished": Seam(Threads, "finish", "noting that a thread took its answers and ended"),
    # A thread that stands still, and what its operator asks.
    "stall": Seam(Stalls, "stall", "leaving a thread as it is"),
    "again": Seam(Stalls, "restart", "noting that a stalled thread runs again"),
    "requested": Seam(Stalls, "close_request", "noting what came of an operator's request"),
    # Freezes, and a new secret.
    "freeze": Seam(FreezeEffects, "_follow_up", "telling of freezes, and letting pass what is thawed"),
    "thaw": Seam(FreezeEffects, "_let_pass", "letting a thawed action pass"),
    "reseal": Seam(Seals, "_seal", "sealing rows under a new secret"),
    # An action's way.
    "propose": Seam(Proposals, "propose", "recording a proposal"),
    "withdraw": Seam(Proposals, "withdraw", "withdrawing an action"),
    "claim": Seam(Claims, "start", "claiming an effect"),
    "lapse": Seam(reapprovals, "ask_again", "asking again after a lapse or a tightened policy"),
    "effect": Seam(Ledger, "ran", "the effect itself"),
    "report": Seam(Reports, "record", "reporting an effect"),
    # People and the clock.
    "vote": Seam(Votes, "cast", "counting a vote"),
    "acknowledge": Seam(Votes, "acknowledge", "quieting a chain"),
    "expire": Seam(Deadlines, "_expire", "closing a review whose window has passed"),
    "page": Seam(Deadlines, "_page", "wanting the pages that are due"),
    "digest": Seam(Digests, "make_due", "making a digest"),
    "unknown": Seam(Deadlines, "unknown_due", "giving up on reports"),
    # Slack's messages.
    "lease": Seam(Outbox, "lease", "taking messages to send"),
    "attempt": Seam(Outbox, "attempting", "noting that a post is about to be tried"),
    "post": Seam(AsyncWebClient, "chat_postMessage", "posting a message"),
    "posted": Seam(Outbox, "_posted", "noting where a message is"),
    "update": Seam(AsyncWebClient, "chat_update", "redrawing a message"),
    "delete": Seam(AsyncWebClient, "chat_delete", "deleting a copy"),
    "updated": Seam(Outbox, "_noted", "noting what became of an attempt"),
    # The group's commit, between the work and the answer.
    "commit": Seam(transactions, "commit", "committing a group"),
}

NAMES = tuple(f"{name}.{side}" for name in SEAMS for side in ("before", "after"))
"""Every crash point."""


def describe(name: str) -> str:
    """Say where a crash point is."""
    seam, _, side = name.partition(".")
    return f"{side} {SEAMS[seam].what}"


def starting(name: str) -> bool:
    """Whether a crash point is crossed once in each start."""
    return SEAMS[name.partition(".")[0]].starting


def arm(name: str, crossing: int) -> None:
    """Let this process die the `crossing`-th time it passes a crash point."""
    seam, _, side = name.partition(".")
    where = SEAMS[seam]
    countdown = _countdown(crossing)
    original = getattr(where.owner, where.attribute)
    wrap = _around_async if inspect.iscoroutinefunction(original) else _around
    setattr(where.owner, where.attribute, wrap(original, countdown, side))


def _countdown(crossing: int) -> Callable[[], None]:
    left = [crossing]

    def cross() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return cross


def _around_async(original: Any, cross: Callable[[], None], side: str) -> Any:
    @functools.wraps(original)
    async def crossing(*args: Any, **kwargs: Any) -> Any:
        if side == "before":
            cross()
        result = await original(*args, **kwargs)
        if side == "after":
            cross()
        return result

    return crossing


def _around(original: Any, cross: Callable[[], None], side: str) -> Any:
    @functools.wraps(original)
    def crossing(*args: Any, **kwargs: Any) -> Any:
        if side == "before":
            cross()
        result = original(*args, **kwargs)
        if side == "after":
            cross()
        return result

    return crossing
