"""What the guard of hosted tools writes: a start that was refused, and a question that was overtaken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.notices import Notice, Subject
from bot.domain.record import Standing
from bot.domain.states import UNSTARTED
from bot.membrane.admins import Admins
from bot.membrane.changes import withdraw_action
from bot.membrane.core import Core, the_action
from bot.membrane.rerulings import tightened
from bot.store.database import Transaction


class GuardLog:
    """The use cases of the guard."""

    def __init__(self, core: Core, admins: Admins) -> None:
        self._core = core
        self._admins = admins

    async def stopped(
        self, *, tool: str, kind: str, why: str, advice: str, thread: str | None, call_id: str | None
    ) -> None:
        """Journal a tool that was kept from starting, and tell the admins, once a day for each tool and why.

        `why` is a short reason, `advice` says what to change. Neither holds what the tool was called with.
        """
        core, recipients = self._core, await self._admins.recipients()
        where = f"in {thread}" if thread else "outside of any hosted run"
        notice = Notice(
            Subject.TOOL_STOPPED,
            f"The tool {tool} ({kind}) was stopped before it started: {why}.",
            where=f"the tool {tool}, {where}",
            todo=f"{advice[:1].upper()}{advice[1:]}.",
            about=f"{tool} {why}",
        )

        def work(tx: Transaction) -> None:
            body = {"tool": tool, "kind": kind, "why": why, "thread": thread, "call": call_id}
            tx.journal(core.clock(), "tool.stopped", body)
            self._admins.want(tx, recipients, notice)

        await core.db.write(work)
        core.wakeups.messages.set()

    async def swallowed(self, *, kind: str, thread: str, call_id: str | None) -> None:
        """Journal a question that a graph lost on its way to a person, and tell the admins."""
        core, recipients = self._core, await self._admins.recipients()
        notice = Notice(
            Subject.PAUSE_SWALLOWED,
            f"A question about {kind} in {thread} never reached a person: something in the graph caught the "
            "pause (GraphInterrupt), as `except Exception` around a tool call does. The tool did not run.",
            where=f"the code of the graph that runs {thread}",
            todo="List MembraneMiddleware() before middleware that handles errors, or let GraphBubbleUp "
            "through.",
            about=kind,
        )

        def work(tx: Transaction) -> None:
            tx.journal(core.clock(), "pause.swallowed", {"kind": kind, "thread": thread, "call": call_id})
            self._admins.want(tx, recipients, notice)

        await core.db.write(work)
        core.wakeups.messages.set()

    async def outdated(self, action_id: str, why: str) -> None:
        """Withdraw an action of a hosted thread that nobody has started, as it is ruled again as another."""
        core = self._core

        def work(tx: Transaction) -> None:
            action = the_action(tx.connection, action_id)
            if action.state in UNSTARTED:
                withdraw_action(core, tx, action, why, core.clock())

        await core.db.write(work)
        core.wakeups.ring(action_id)

    def spoiled(self, standing: Standing, args: Mapping[str, Any] | None) -> str | None:
        """Return why an effect that was claimed and has not started must not start now; None if it may.

        Raises ClaimRefused where `args` are others than were ruled.
        """
        until = standing.decided.valid_until if standing.decided else None
        if until is not None and self._core.clock() > until:
            return "the approval has lapsed since"
        more = tightened(self._core, standing, args)
        return f"the policy was tightened since: {more.why}" if more and more.ruling.tier.waits else None
