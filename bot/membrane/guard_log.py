"""The records of the guard of hosted tools: tools that it stopped, and questions that a graph swallowed."""

from __future__ import annotations

from bot.domain.notices import Notice, Subject
from bot.membrane.admins import Admins
from bot.membrane.core import Core
from bot.store.database import Transaction


class GuardLog:
    """The use cases of the guard of hosted tools."""

    def __init__(self, core: Core, admins: Admins) -> None:
        self._core = core
        self._admins = admins

    async def record_stopped_tool(
        self, *, tool: str, kind: str, why: str, advice: str, thread: str | None, call_id: str | None
    ) -> None:
        """Journal that a tool was stopped before it started, and tell the admins.

        They are told once a day for each tool and reason. `why` is a short reason, `advice` says what to
        change. Neither contains arguments of the call.
        """
        core, recipients = self._core, await self._admins.recipients()
        where = f"in {thread}" if thread else "outside any hosted run"
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

    async def record_swallowed_pause(self, *, kind: str, thread: str, call_id: str | None) -> None:
        """Journal that a graph swallowed the pause of a question, and tell the admins."""
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
