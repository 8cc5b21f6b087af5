"""The host: loads graphs, runs their threads, turns interrupts into reviews and outcomes into answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from bot.domain.hosting import InterruptRecord, ThreadRecord, ThreadRequest, Wanted
from bot.domain.policy import Policy
from bot.domain.states import ThreadState
from bot.errors import MembraneError
from bot.graph import admin_notices
from bot.graph.call_stacks import place_in
from bot.graph.guard import GUARD
from bot.graph.reconciler import Reconciler
from bot.graph.registry import GraphRegistry
from bot.graph.running_threads import RunningThreads
from bot.graph.saver import GroupedSaver, open_saver
from bot.graph.state_retention import StateRetention
from bot.graph.thread_runner import ThreadRunner
from bot.graph.tool_threads import LONG_S, DividedExecutor, ToolThreads
from bot.membrane import Membrane, wait_for

SWEEP_LIMIT_S = 30.0
"""Seconds after which a sweep is cancelled, because sweeps would end with one that hangs."""
THREADS_EACH = 2
"""OS threads for synchronous nodes and tools, per hosted thread that may run at once."""
KEPT_FREE = 8
"""One place in this many is not for an agent that has all the others."""
DAY_S = 86400.0

log = structlog.get_logger(__name__)


class Host:
    """Runs the threads of hosted graphs in this process.

    `graphs` are names as in MEMBRANE_GRAPHS, `path` is the file of `threads.db`. At most `concurrency`
    threads run at once. The saved state of a thread is deleted `retain_s` seconds after its end. A missed
    wakeup delays a sweep by at most `interval_s` seconds.
    """

    def __init__(
        self,
        membrane: Membrane,
        graphs: Sequence[str],
        path: Path,
        *,
        concurrency: int = 16,
        retain_s: float = 7 * DAY_S,
        interval_s: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._membrane = membrane
        self._names = tuple(graphs)
        self._path = path
        self._concurrency = concurrency
        self._retain_s = retain_s
        self._interval_s = interval_s
        self._clock = clock
        self._tool_threads = ToolThreads(THREADS_EACH * concurrency)
        self._all = GraphRegistry()
        self._graphs = self._all.hosted
        self._running = RunningThreads(concurrency, clock, self._ended)
        self._withdrawing: dict[str, asyncio.Task[None]] = {}
        self._sweeping = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._stopping = False
        self.last_sweep_at: float | None = None
        """When the last sweep succeeded, for health checks."""

    async def start(self) -> None:
        """Open the saved state, load the graphs, and note every unfinished thread to be looked at.

        A faulty graph is refused, and the others run. Raises SettingsError or StoreError.
        """
        asyncio.get_running_loop().set_default_executor(DividedExecutor(self._tool_threads))
        self._stack.callback(self._tool_threads.close)
        self._guard = GUARD.arm(self._membrane)
        self._stack.push_async_callback(self._disarm)
        try:
            vault = self._membrane.vault("threads")
            self._saver = await self._stack.enter_async_context(open_saver(self._path, vault))
            await self._all.load(self._names, self._saver, self._stack, self._membrane.policy)
        except BaseException:
            await self._stack.aclose()
            raise
        self._runner = ThreadRunner(self._membrane, self._all, Reconciler(self._membrane))
        self._retention = StateRetention(self._membrane, self._saver, self._retain_s, self._clock)
        await self.recover()

    async def _disarm(self) -> None:
        GUARD.disarm(self._guard)
        await self._guard.settled()

    def recheck(self, policy: Policy) -> list[str]:
        """Check every graph under a policy. Return the problems, each with what to change.

        Threads of a graph with a problem wait until another check finds none.
        """
        return self._all.recheck(policy)

    @property
    def refused(self) -> dict[str, str]:
        """Why graphs are refused, by name."""
        return self._all.problems()

    @property
    def saved(self) -> GroupedSaver:
        """The saved state of threads, while the host is started."""
        return self._saver

    async def tell_refused(self) -> None:
        """Tell the admins which graphs are refused, and why."""
        for name, why in self.refused.items():
            await self._membrane.admins.tell(admin_notices.refused(name, why))

    async def recover(self) -> None:
        """Note every unfinished thread, so that the next sweeps look at its state."""
        for thread in await self._membrane.threads.unsettled():
            if thread.state is not ThreadState.WANTED:
                self._running.look_at(thread.id)

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of the graphs that are loaded, sorted."""
        return self._all.names

    @property
    def running(self) -> int:
        """The number of threads that run now."""
        return len(self._running)

    async def start_thread(
        self,
        graph: str,
        given: dict[str, Any],
        *,
        agent: str,
        owner: str | None = None,
        on_behalf_of: str | None = None,
        idempotency_key: str | None = None,
    ) -> ThreadRecord:
        """Record that a thread of a graph is wanted. Raises NotFound, Conflict or GraphRefused."""
        hosted = self._all.usable(graph)
        return await self._membrane.threads.start(
            graph,
            given,
            graph_version=hosted.version,
            agent=agent,
            owner=owner,
            on_behalf_of=on_behalf_of,
            idempotency_key=idempotency_key,
        )

    async def end_thread(self, thread_id: str, why: str) -> None:
        """End a thread: withdraw its open reviews and delete its saved state. Raises NotFound.

        A running thread is stopped first. The receipt of an effect that it was running is unknown.
        """
        thread = await self._membrane.threads.get(thread_id)
        if thread.settled_at is not None:
            return
        await self._running.cancel(thread_id)
        await self._membrane.interrupts.end_thread(thread.id, ThreadState.GONE, why)
        await self._saver.adelete_thread(thread_id)

    async def _again(self) -> int:
        """Carry out operators' requests about threads, and the retries that are due."""
        requests, due = await self._membrane.stalls.due(max(1, self._running.free))
        begun = 0
        for request in requests:
            if request.wanted is Wanted.WITHDRAW and request.id not in self._withdrawing:
                task = asyncio.create_task(self._withdraw(request), name=f"withdraw {request.thread_id}")
                self._withdrawing[request.id] = task
                begun += 1
        asked = {each.thread_id: each for each in requests if each.wanted is not Wanted.WITHDRAW}
        for thread_id in dict.fromkeys([*asked, *due]):
            if self._running.free and thread_id not in self._running:
                self._running.forget(thread_id)
                self._running.start(thread_id, self._runner.again(thread_id, asked.get(thread_id)))
                begun += 1
        return begun

    async def _withdraw(self, request: ThreadRequest) -> None:
        try:
            await self.end_thread(request.thread_id, f"withdrawn by {request.by}: {request.why}")
            await self._membrane.stalls.close_request(request, "done")
        except Exception:
            log.exception(
                "a thread could not be withdrawn; the next sweep tries again", thread=request.thread_id
            )
        finally:
            self._withdrawing.pop(request.id, None)

    async def sweep(self, *, look: bool = True) -> int:
        """Start the due work without waiting for it. Return the number of started threads and opened reviews.

        The reviews are those of actions that were queued. `look` also asks whether another process wrote to
        the saved state; that read queues behind the threads' own writes.
        """
        async with asyncio.timeout(SWEEP_LIMIT_S), self._sweeping:
            if look and await self._saver.changed_elsewhere():
                await self.recover()
            begun = await self._membrane.queue.open_next()
            begun += await self._take_due() + self._look_again()
            if look:
                begun += await self._again()
            await self._retention.sweep()
        self.last_sweep_at = self._clock()
        return begun

    async def _take_due(self) -> int:
        if not self._running.free:
            return 0
        share = self._concurrency - self._concurrency // KEPT_FREE
        answered, wanted = await self._membrane.threads.due(self._running.free, share=share)
        begun = await self._resume(answered)
        for thread in wanted:
            self._running.start(thread.id, self._runner.start(thread))
        return begun + len(wanted)

    async def _resume(self, answered: list[InterruptRecord]) -> int:
        due: dict[str, list[InterruptRecord]] = {}
        for record in answered:
            due.setdefault(record.thread_id, []).append(record)
        begun = 0
        for thread_id, records in due.items():
            if thread_id in self._running:
                continue  # its run releases it at its end, and wakes the next sweep
            if self._running.waits(thread_id):
                await self._membrane.threads.release(thread_id)
                continue
            look = self._running.forget(thread_id)
            self._running.start(thread_id, self._runner.resume(thread_id, records, look=look))
            begun += 1
        return begun

    def _look_again(self) -> int:
        due = self._running.to_look_at()[: self._running.free]
        for thread_id in due:
            self._running.forget(thread_id)
            self._running.start(thread_id, self._runner.go_on(thread_id))
        return len(due)

    def _ended(self, thread_id: str) -> None:
        self._tool_threads.give_up(thread_id)
        self._membrane.wakeups.threads.set()

    async def trouble(self) -> str | None:
        """Return a sentence on why hosted threads have not moved for LONG_S; None if they move."""
        return self._tool_threads.trouble(self._all.folders) or self._running.trouble(LONG_S)

    def where(self, frame: FrameType | None) -> dict[str, str]:
        """Return the place of a stack in hosted code, as fields of a log event."""
        return place_in(frame, self._all.folders)

    async def run(self) -> None:
        """Sweep at every wakeup, and every `interval_s` seconds, until `stop`."""
        loop, look_at = asyncio.get_running_loop(), 0.0
        while not self._stopping:
            look = loop.time() >= look_at
            if look:
                look_at = loop.time() + self._interval_s
            try:
                await self.sweep(look=look)
            except Exception:
                log.exception("a sweep of the threads failed; the next one goes on")
            await wait_for(self._membrane.wakeups.threads, self._interval_s)

    async def drain(self, timeout_s: float) -> bool:
        """Wait until no thread runs. Returns False if some still run after `timeout_s` seconds."""
        if self._withdrawing:
            await asyncio.wait([*self._withdrawing.values()], timeout=timeout_s)
        return await self._running.drain(timeout_s)

    async def stop(self, grace_s: float = 10.0) -> None:
        """Start nothing more, wait up to `grace_s` seconds for running threads, then cancel them and close.

        A cancelled run continues at the next start of a host.
        """
        self._stopping = True
        self._running.close()
        self._membrane.wakeups.threads.set()
        if not await self.drain(grace_s):
            await self._break_off()
        await self._stack.aclose()

    async def _break_off(self) -> None:
        for thread_id in await self._running.cancel_all():
            with suppress(MembraneError):  # its lease expires anyway
                await self._membrane.threads.release(thread_id)
