"""Runs one hosted thread: starts it, resumes it, continues it after a crash.

The store is the authority, and LangGraph's saved state only says how to go on: a thread resumes after the
store has an outcome, and the resume is checked afterwards. A crash loses no state of this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.errors import UnknownInterruptError, is_invalid_resume
from langgraph.types import Command, Interrupt, StateSnapshot

from bot.domain.hosting import Cause, InterruptRecord, ThreadRecord, ThreadRequest, Wanted
from bot.domain.states import CLAIMED, RUNNABLE, STARTED, InterruptShape, ThreadState
from bot.errors import GraphRefused, NotFound, StoreError
from bot.graph import admin_notices
from bot.graph.answer import answer_to
from bot.graph.earlier_claims import allow_again, hold_up
from bot.graph.hitl_decisions import Decider, Lapsed
from bot.graph.invocation import invoke, saved_state
from bot.graph.loader import Hosted
from bot.graph.questions import calls_of, is_known
from bot.graph.reconciler import RETRY_S, STALLED_S, Reconciler, TryLater
from bot.graph.registry import GraphRegistry
from bot.graph.run_context import RunContext
from bot.graph.snapshots import asked_by_stock, broken_off, failed_tasks, live_interrupts, unfinished
from bot.graph.started_tools import StartedTools
from bot.graph.stock_agents import stock_calls
from bot.graph.tool_permits import Permits
from bot.membrane import Answered, Membrane

log = structlog.get_logger(__name__)


class ThreadRunner:
    """Runs threads. The caller makes sure that a thread is in one task at a time."""

    def __init__(self, membrane: Membrane, graphs: GraphRegistry, reconciler: Reconciler) -> None:
        self._membrane = membrane
        self._graphs = graphs
        self._reconciler = reconciler
        self._decider = Decider(membrane)

    async def start(self, thread: ThreadRecord) -> None:
        """Start a wanted thread. Raises TryLater if its graph cannot run now."""
        hosted = await self._usable(thread)
        await self._membrane.threads.set_state(thread.id, ThreadState.RUNNING)
        await self._run(thread, hosted, thread.input, Permits())

    async def go_on(self, thread_id: str) -> None:
        """Look at a thread and bring it up to date: continue an interrupted run, or park, close, deliver.

        Effects are claimed, so none runs twice. Raises TryLater.
        """
        thread = await self._membrane.threads.get(thread_id)
        if (
            thread.settled_at is not None
            or thread.state is ThreadState.WANTED
            or await self._stands_still(thread)
        ):
            return
        hosted = await self._usable(thread)
        await self._continue(thread, hosted, await saved_state(hosted, thread))

    async def _continue(self, thread: ThreadRecord, hosted: Hosted, snapshot: StateSnapshot) -> None:
        if snapshot.created_at is None and await self._never_ran(thread):
            await self._hold_up(thread)
            await self._run(thread, hosted, thread.input, Permits())
        elif unfinished(snapshot):
            await self._hold_up(thread)
            calls, permits = await self._reconciler.calls(thread.id), Permits()
            await allow_again(self._membrane, calls, permits, cut_off=broken_off(snapshot))
            await self._run(thread, hosted, None, permits)
        else:
            await self._reconciler.settle(thread, hosted, snapshot)

    async def resume(
        self, thread_id: str, answered: Collection[InterruptRecord], *, look: bool = False
    ) -> None:
        """Deliver a thread's answers, and check that it took them. Raises TryLater.

        The saved state is read first only if the thread was not parked by this version of its graph, or with
        `look`. Otherwise it waits where it was parked, and LangGraph refuses an answer to anything else.
        """
        taken_up = await self._membrane.threads.take_up(thread_id, answered, self._graphs.hosted)
        thread = taken_up.thread
        if thread.settled_at is not None:
            return
        hosted = await self._usable(thread)
        snapshot, asked = None, taken_up.answered
        if look or thread.state is not ThreadState.PARKED or thread.graph_version != hosted.version:
            snapshot = await saved_state(hosted, thread)
            live = live_interrupts(snapshot, deep=thread.graph_version != hosted.version)
            asked = tuple(each for each in asked if each.record.id in live)
        calls, permits = stock_calls(taken_up.actions, taken_up.shapes), Permits()
        if left := [call for call in calls if call.state in CLAIMED]:
            await hold_up(self._membrane, thread, left)
        try:
            given = self._answers(thread, hosted, asked, snapshot, permits)
            answers = {each.record.id: answer async for each, answer in given}
        except GraphRefused as refused:
            await self._reconciler.stall_after_error(thread, hosted, refused)
            return
        if not answers:
            await self._continue(thread, hosted, snapshot or await saved_state(hosted, thread))
            return
        if thread.state is ThreadState.STALLED:
            await self._membrane.threads.set_state(thread.id, ThreadState.RUNNING)
        if calls:
            permits.bar(call for call in calls if call.state in STARTED)
            cut_off = snapshot is not None and broken_off(snapshot)
            calls = await self._reconciler.calls(thread.id)  # some were claimed just now
            await allow_again(self._membrane, calls, permits, answers, cut_off=cut_off)
        await self._run(thread, hosted, Command(resume=answers), permits, answers)

    async def again(self, thread_id: str, request: ThreadRequest | None = None) -> None:
        """Continue a stalled thread from its saved state, for a retry or an operator. Raises TryLater."""
        thread = await self._membrane.threads.get(thread_id)
        try:
            hosted = await self._usable(thread)
        except TryLater as later:
            if request is not None:
                await self._membrane.stalls.close_request(request, f"refused: {later}")
            raise
        snapshot = await saved_state(hosted, thread)
        answers = self._answers_in(request)
        if request is not None and (why := await self._not_now(thread, snapshot, answers)):
            await self._membrane.stalls.close_request(request, f"refused: {why}")
            return
        begun = await self._membrane.stalls.restart(thread_id, request)
        if begun is None:
            return
        if not answers and not snapshot.tasks:
            await self._continue(begun, hosted, snapshot)
            return
        given: Command[Any] | None = Command(resume=answers) if answers else None
        permits = Permits()
        calls = await self._reconciler.calls(thread_id)
        await allow_again(self._membrane, calls, permits, answers, cut_off=True)
        await self._run(begun, hosted, given, permits, answers, operator=True)

    async def _not_now(
        self, thread: ThreadRecord, snapshot: StateSnapshot, answers: Collection[str]
    ) -> str | None:
        """Return why a thread cannot do what an operator asks; None if it can."""
        if why := _not_asked(snapshot, answers):
            return why
        try:
            await self._hold_up(thread)
        except TryLater as frozen:
            return str(frozen)
        return None

    async def _hold_up(self, thread: ThreadRecord) -> None:
        """Raise TryLater while a freeze holds the thread or an action that it would start."""
        actions = await self._membrane.interrupts.actions_of(thread.id)
        await hold_up(self._membrane, thread, [each for each in actions if each.state in RUNNABLE])

    def _answers_in(self, request: ThreadRequest | None) -> dict[str, Any]:
        wanted = request is not None and request.wanted is Wanted.ANSWER
        return self._membrane.stalls.answers_in(request) if request is not None and wanted else {}

    async def _stands_still(self, thread: ThreadRecord) -> bool:
        """Whether only an operator or a due retry lets a thread go on."""
        if thread.state is not ThreadState.STALLED:
            return False
        stall = await self._membrane.stalls.of_thread(thread.id)
        return stall is not None and stall.cause in {Cause.ERROR, Cause.QUESTION}

    async def _may_run_again(self, hosted: Hosted, thread: ThreadRecord, starts: StartedTools) -> bool:
        """Whether the failed tasks started no tool, so that to run them again does nothing twice."""
        return not starts.in_any(failed_tasks(await saved_state(hosted, thread)))

    async def _never_ran(self, thread: ThreadRecord) -> bool:
        """Whether a thread without saved state has never run, rather than lost its state."""
        return thread.state is ThreadState.RUNNING or not await self._membrane.interrupts.actions_of(
            thread.id
        )

    async def _usable(self, thread: ThreadRecord) -> Hosted:
        """Return a thread's graph. Raises TryLater if it is not loaded or is refused: the thread waits."""
        try:
            return self._graphs.usable(thread.graph)
        except NotFound:
            why = (
                f"threads of the graph {thread.graph} are parked, but it is not loaded: name it in "
                "MEMBRANE_GRAPHS again, or withdraw them (membrane threads withdraw ID)"
            )
        except GraphRefused as refused:
            why = f"{refused}. Its threads wait until that is corrected and the bot is started again"
        if not await self._stands_still(thread) and (thread.state, thread.error) != (
            ThreadState.STALLED,
            why,
        ):
            await self._membrane.stalls.stall(thread.id, Cause.REFUSED, why)
        await self._membrane.admins.tell(admin_notices.unusable(thread.graph, thread.id, why))
        raise TryLater(why, STALLED_S)

    async def _answers(
        self,
        thread: ThreadRecord,
        hosted: Hosted,
        asked: Iterable[Answered],
        snapshot: StateSnapshot | None,
        permits: Permits,
    ) -> AsyncIterator[tuple[Answered, dict[str, Any]]]:
        for each in asked:
            if each.record.shape is InterruptShape.GATE:
                yield each, answer_to(each.standings[0], each.review).model_dump(mode="json")
                continue
            calls = calls_of(each.record, thread, self._membrane.policy.kind_of_tool, hosted.toolbox)
            # After a crash, a node other than LangChain's may have acted on an answer that is not saved.
            unstarted = snapshot is None or asked_by_stock(snapshot, each.record.id)
            try:
                answer = await self._decider.answer(
                    each.record, each.standings, calls, permits, unstarted=unstarted
                )
                yield each, answer
            except Lapsed as lapsed:
                log.info("a thread keeps waiting", thread=thread.id, why=str(lapsed))

    async def _run(
        self,
        thread: ThreadRecord,
        hosted: Hosted,
        given: Any,
        permits: Permits,
        answers: Collection[str] = (),
        *,
        operator: bool = False,
    ) -> None:
        """Invoke the graph, then settle where the thread stands. An error stalls or fails the thread.

        `permits` are the claimed calls of stock agents that may start.
        """
        context = RunContext(self._membrane, thread, asyncio.get_running_loop(), permits)
        config: RunnableConfig = {"configurable": {"thread_id": thread.id}}
        if answers:
            config["configurable"]["__pregel_strict_resume"] = True
        try:
            await invoke(hosted, given, config, context)
        except UnknownInterruptError as error:
            log.warning("a thread moved on before its answer came", thread=thread.id, why=str(error))
            answers = ()  # raised before anything was taken
        except StoreError as error:
            raise TryLater(f"a database could not be used: {error}", RETRY_S) from error
        except Exception as error:
            if not is_invalid_resume(error):
                again = await self._may_run_again(hosted, thread, context.starts)
                await self._reconciler.stall_after_error(thread, hosted, error, permits, again=again)
                return
            log.exception("a thread did not take its answer", thread=thread.id)
        snapshot = await saved_state(hosted, thread)
        live = live_interrupts(snapshot, deep=False)
        await self._tell_swallowed(context, live.values())
        taken = [interrupt_id for interrupt_id in answers if interrupt_id not in live]
        await self._reconciler.settle(thread, hosted, snapshot, permits, taken)
        if not operator and (left := sorted(set(answers) & live.keys())):
            await self._not_taken(thread, hosted, left[0])

    async def _tell_swallowed(self, context: RunContext, live: Iterable[Interrupt]) -> None:
        """Report each question that the middleware raised and at which the thread is not parked."""
        if not context.paused:
            return
        asked = [each.value for each in live if isinstance(each.value, dict)]
        held = {(value.get("tool_call_id"), value.get("kind")) for value in asked}
        for call_id, kind in dict.fromkeys(context.paused):
            if (call_id, kind) not in held:
                await self._membrane.guard_log.record_swallowed_pause(
                    kind=kind, thread=context.thread.id, call_id=call_id
                )

    async def _not_taken(self, thread: ThreadRecord, hosted: Hosted, interrupt_id: str) -> None:
        """Stall a thread that did not take its answer, tell the admins, and raise TryLater."""
        why = (
            f"{thread.id} did not take the answer to {interrupt_id}; the graph {hosted.name} may have changed"
        )
        await self._membrane.stalls.stall(thread.id, Cause.UNTAKEN, why)
        await self._membrane.admins.tell(admin_notices.not_taken(hosted.name, thread.id, interrupt_id, why))
        raise TryLater(why, STALLED_S)


def _not_asked(snapshot: StateSnapshot, answers: Collection[str]) -> str | None:
    """Return why an operator cannot give these answers; None if the thread asks for them."""
    live = live_interrupts(snapshot, deep=False)
    if gone := [each for each in answers if each not in live]:
        return f"it does not ask {gone[0]} any more"
    if any(is_known(live[each].value) for each in answers):
        return "this is an approval, which people give in Slack"
    return None
