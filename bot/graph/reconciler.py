"""Reconciles the store with LangGraph's saved state: where a thread stands and what it waits for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from typing import Any

import structlog
from langgraph.types import Interrupt, StateSnapshot

from bot.domain.hosting import Cause, InterruptRecord, Stall, ThreadRecord
from bot.domain.record import ActionRecord
from bot.domain.states import CLAIMED, LET_THROUGH, OPEN_INTERRUPTS, InterruptState, ThreadState
from bot.errors import BadAction, GraphRefused
from bot.graph import admin_notices
from bot.graph.execution import plain
from bot.graph.loader import Hosted
from bot.graph.questions import asked_again, is_known, read
from bot.graph.snapshots import calls_behind, ended, live_interrupts, orphans
from bot.graph.stock_agents import stock_calls
from bot.graph.thread_results import result_of, without_redacted
from bot.graph.tool_permits import Permits
from bot.membrane import Membrane

log = structlog.get_logger(__name__)

NUMBERS = re.compile(r"\d+")
"""The parts that differ between two errors of one cause: ids, ports, times."""
PASSING = {408, 409, 425, 429}
"""HTTP statuses of transient errors, beside all from 500 on."""
PASSING_NAMES = {"TransportError", "APIConnectionError", "ServiceUnavailableError"}
"""Names of transient errors in client libraries that the bot does not import."""
RETRY_S = 5.0
"""Seconds until the next try after a temporary obstacle."""
STALLED_S = 60.0
"""Seconds until a thread that cannot go on is looked at again."""


class TryLater(Exception):
    """The thread cannot go on now. The text says why; it is looked at again after `after_s` seconds."""

    def __init__(self, why: str, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(why)


class Reconciler:
    """Updates the store from a thread's saved state: opens, withdraws and delivers reviews."""

    def __init__(self, membrane: Membrane) -> None:
        self._membrane = membrane

    async def settle(
        self,
        thread: ThreadRecord,
        hosted: Hosted,
        snapshot: StateSnapshot,
        permits: Permits | None = None,
        taken: Collection[str] = (),
    ) -> None:
        """Write where a thread stands, after a run or after a look at its saved state.

        `taken` are the interrupts whose answers it has just taken. New interrupts get reviews; interrupts at
        which the thread no longer waits are closed. Raises TryLater if the graph changed while it was parked.
        """
        same_graph = thread.graph_version == hosted.version
        finished = same_graph and ended(snapshot) and not (permits and permits.reporting)
        if finished and await self._membrane.threads.finish(
            thread.id, taken, result=await self._result(hosted, snapshot)
        ):
            return
        for interrupt_id in taken:
            await self._membrane.interrupts.mark_delivered(interrupt_id)
        live = live_interrupts(snapshot, deep=not same_graph)
        records = {record.id: record for record in await self._membrane.interrupts.of_thread(thread.id)}
        still_open = {record.id for record in records.values() if record.state in OPEN_INTERRUPTS}
        if snapshot.created_at is None:
            why = "its saved state was deleted"
            await self._membrane.interrupts.end_thread(thread.id, ThreadState.GONE, why)
            return
        if not same_graph and (lost := await orphans(hosted.graph, thread.id, snapshot)):
            await self._stall(thread, hosted, lost)
            return
        missing = [record for record in records.values() if record.id in still_open - live.keys()]
        await self._let_go(thread, missing, asked_again(live.values()))
        if stale := [each for each in live if each in records and each not in still_open]:
            why = f"it waits at an interrupt that was answered before ({stale[0]}): its state is too old"
            await self.fail(thread, hosted, GraphRefused(why), permits)
            return
        new = [each for each in live.values() if each.id not in records]
        try:
            questions = await self._park(thread, hosted, snapshot, new)
        except (GraphRefused, BadAction) as refused:
            await self.stall_after_error(thread, hosted, refused, permits)
            return
        if questions:
            await self._await_operator(thread, questions)
        elif not new:
            await self._conclude(thread, hosted, snapshot, live, permits)

    async def _conclude(
        self,
        thread: ThreadRecord,
        hosted: Hosted,
        snapshot: StateSnapshot,
        live: Collection[str],
        permits: Permits | None,
    ) -> None:
        if live:
            await self._membrane.threads.set_state(thread.id, ThreadState.PARKED)
        elif snapshot.next:
            why = f"it stopped before {', '.join(snapshot.next)} without asking anything"
            await self.stall_after_error(thread, hosted, GraphRefused(why), permits)
        else:
            await self._mark_unknown(thread, permits)
            result = await self._result(hosted, snapshot)
            await self._membrane.threads.set_state(thread.id, ThreadState.FINISHED, result=result)

    async def _park(
        self, thread: ThreadRecord, hosted: Hosted, snapshot: StateSnapshot, interrupts: list[Interrupt]
    ) -> dict[str, Any]:
        """Open reviews for the questions that people can judge. Return the others, by interrupt id."""
        questions: dict[str, Any] = {}
        for interrupt in interrupts:
            if not is_known(interrupt.value):
                questions[interrupt.id] = plain(interrupt.value)
                continue
            kind_of_tool, calls = self._membrane.policy.kind_of_tool, calls_behind(snapshot, interrupt.id)
            fit = self._membrane.proposals.check_fit
            parked = read(interrupt, thread, kind_of_tool, calls, hosted.toolbox, check_fit=fit)
            await self._membrane.interrupts.park(thread.id, parked)
        return questions

    async def _let_go(
        self, thread: ThreadRecord, missing: list[InterruptRecord], again: Collection[str]
    ) -> None:
        """Close the interrupts at which a thread no longer waits: it took the answer, or moved on.

        `again` are the actions that it asks about again.
        """
        vanished: list[str] = []
        for record in missing:
            if record.state is InterruptState.ANSWERED and await self._taken(record, again):
                await self._membrane.interrupts.mark_delivered(record.id)
            else:
                vanished.append(record.id)
        if vanished:
            log.info("a thread no longer waits for its answers", thread=thread.id, interrupts=vanished)
            why = "the thread was restarted or withdrew its question, so nothing waits for this answer"
            await self._membrane.interrupts.withdraw_vanished(thread.id, tuple(vanished), why)

    async def _taken(self, record: InterruptRecord, again: Collection[str]) -> bool:
        """Whether the thread took an answer: its approved actions were claimed, or are asked `again`.

        After a claim that a freeze refused, the action's state alone does not show it.
        """
        asked = await self._membrane.interrupts.answer_to(record)
        standings = asked.standings
        if review := asked.review:
            # A later approval, of a successor, is not the answer to this interrupt.
            standings = tuple(each for each in standings if each.review and each.review.id == review.id)
        known = [each.action for each in standings if each.action.id not in again]
        return not any(action.state in LET_THROUGH for action in known)

    async def _stall(self, thread: ThreadRecord, hosted: Hosted, lost: Collection[str]) -> None:
        """Stall a thread whose graph changed while it was parked. It goes on if the change is undone."""
        notice = admin_notices.changed(hosted.name, hosted.version, thread.id)
        why = f"{notice.what[:1].lower()}{notice.what[1:]} {notice.todo}"
        log.error(
            "a graph changed under a parked thread", thread=thread.id, graph=hosted.name, lost=sorted(lost)
        )
        await self._membrane.stalls.stall(thread.id, Cause.CHANGED, why)
        await self._membrane.admins.tell(notice)
        raise TryLater(why, STALLED_S)

    async def _await_operator(self, thread: ThreadRecord, questions: dict[str, Any]) -> None:
        """Stall a thread that asks something other than an approval, until an operator answers it.

        The notice omits the question, which may hold redacted values: the operator's command shows it.
        """
        why = "it asks a question that is not an approval, so an operator has to answer it"
        stall = await self._membrane.stalls.stall(thread.id, Cause.QUESTION, why, questions=questions)
        await self._tell_stalled(thread, stall, about=" ".join(sorted(questions)))

    async def stall_after_error(
        self,
        thread: ThreadRecord,
        hosted: Hosted,
        error: BaseException,
        permits: Permits | None = None,
        *,
        again: bool = False,
    ) -> None:
        """Stall a thread whose run raised. A thread that has neither done nor asked anything fails instead.

        With `again` the host may retry it by itself, unless a call that it claimed is not reported.
        """
        actions, shapes = await self._membrane.interrupts.actions_and_shapes(thread.id)
        if not (actions or shapes or is_passing(error)):
            await self.fail(thread, hosted, error, permits)
            return
        why = await self._membrane.scrubber.scrub_for_thread(thread.id, _what(error))
        log.error("a thread is stalled", thread=thread.id, graph=thread.graph, why=why)
        again = again and not any(action.state in CLAIMED for action in actions)
        name = type(error).__name__
        stall = await self._membrane.stalls.stall(thread.id, Cause.ERROR, why, kind=name, retry=again)
        if stall.retry_at is None:
            await self._tell_stalled(thread, stall, about=why)

    async def _tell_stalled(self, thread: ThreadRecord, stall: Stall, *, about: str) -> None:
        """Tell the admins, with the commands, and the requesters that a thread needs an operator."""
        verb = "answer" if stall.cause is Cause.QUESTION else "retry"
        await self._membrane.admins.tell(
            admin_notices.stalled(thread.graph, thread.id, stall.cause, stall.why, verb=verb, about=about)
        )
        await self._tell_requesters(
            thread, "is stalled and needs an operator; its state is kept", about="stalled"
        )

    async def fail(
        self,
        thread: ThreadRecord,
        hosted: Hosted | None,
        error: BaseException,
        permits: Permits | None = None,
    ) -> None:
        """End a thread with an error: withdraw its open reviews, and tell the admins once per cause.

        For calls that it claimed and never reported, people are asked what happened.
        """
        why = await self._membrane.scrubber.scrub_for_thread(thread.id, _what(error))
        name = type(error).__name__
        log.error("a thread failed", thread=thread.id, graph=thread.graph, why=why)
        await self._mark_unknown(thread, permits)
        await self._membrane.interrupts.end_thread(thread.id, ThreadState.FAILED, why, cause=name)
        version = hosted.version if hosted is not None else "none"
        about = f"{version} {name} {NUMBERS.sub('#', why[: admin_notices.MOST])}"
        await self._membrane.admins.tell(admin_notices.failed(thread.graph, thread.id, why, about=about))
        await self._tell_requesters(thread, "failed; nothing more of it runs", about="failed")

    async def _tell_requesters(self, thread: ThreadRecord, what: str, *, about: str) -> None:
        words = f"A thread of the graph {thread.graph}, which {thread.agent} started, {what} ({thread.id})."
        await self._membrane.stalls.tell_requesters(thread, words, about=about)

    async def _mark_unknown(self, thread: ThreadRecord, permits: Permits | None) -> None:
        """Mark claimed calls as unknown if no tool was seen to start: people are asked what happened.

        A node can act on an approval without a tool, so not having seen a start proves nothing.
        """
        if permits is None or not permits.reporting:
            return
        for action in await self.calls(thread.id):
            if action.state in CLAIMED and action.id not in permits.started:
                await self._membrane.unknowns.mark_unknown(action.id)

    async def _result(self, hosted: Hosted, snapshot: StateSnapshot) -> dict[str, Any]:
        result, cut = result_of(hosted.graph, snapshot)
        clean = await asyncio.to_thread(without_redacted, result, snapshot, self._membrane.policy)
        return {"result": clean, "cut": cut}

    async def calls(self, thread_id: str) -> list[ActionRecord]:
        """Return the actions of a thread's stock agents, oldest first."""
        return stock_calls(*await self._membrane.interrupts.actions_and_shapes(thread_id))


def _what(error: BaseException) -> str:
    return str(error) if isinstance(error, GraphRefused) else f"{type(error).__name__}: {error}"


def is_passing(error: BaseException) -> bool:
    """Whether an error is transient: a service is down, is slow, or asks to try again later."""
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    if isinstance(status, int):
        return status in PASSING or status >= 500
    names = {each.__name__ for each in type(error).__mro__}
    return isinstance(error, ConnectionError | TimeoutError) or bool(names & PASSING_NAMES)
