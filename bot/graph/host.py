"""The host: loads graphs, runs their threads, and turns interrupts into reviews and outcomes into answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
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
from bot.graph.reconciler import STALLED_S, Later, Reconciler
from bot.graph.registry import GraphRegistry
from bot.graph.runner import Runner
from bot.graph.saver import GroupedSaver, open_saver
from bot.graph.state_retention import StateRetention
from bot.graph.tool_threads import LONG_S, DividedExecutor, ToolThreads
from bot.membrane import Membrane, wait_for

SWEEP_LIMIT_S = 30.0
"""A sweep that takes longer is broken off: one that hangs would never run again."""
CANCEL_S = 5.0
"""How long a stop waits for runs that it broke off."""
THREADS_EACH = 2
"""Threads for synchronous nodes and tools, for each thread of a graph that may run at once."""
KEPT_FREE = 8
"""One in so many places is not for an agent that has all the others."""
DAY_S = 86400.0

log = structlog.get_logger(__name__)


class Host:
    """Runs the threads of hosted graphs in this process.

    `graphs` are names as in MEMBRANE_GRAPHS, `path` is the file of `threads.db`. At most `concurrency`
    threads run at once. The saved state of a thread is deleted `retain_s` seconds after its end. `interval_s`
    is how long a missed event can delay it.
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
        self._threads = ToolThreads(THREADS_EACH * concurrency)
        self._all = GraphRegistry()
        self._graphs = self._all.hosted
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, float] = {}
        """When each of them was set going, in seconds of the monotonic clock."""
        self._withdrawing: dict[str, asyncio.Task[None]] = {}
        self._owed: dict[str, float] = {}
        """Threads to look at, and from when. Made anew from the store at every start."""
        self._sweeping = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._stopping = False
        self.last_sweep_at: float | None = None
        """When the last sweep succeeded, for health checks."""

    async def start(self) -> None:
        """Open the saved state, load the graphs, and note every unfinished thread to be looked at.

        A graph that something is wrong with is refused alone. Raises SettingsError or StoreError.
        """
        asyncio.get_running_loop().set_default_executor(DividedExecutor(self._threads))
        self._stack.callback(self._threads.close)
        self._guard = GUARD.arm(self._membrane)
        self._stack.push_async_callback(self._disarm)
        try:
            vault = self._membrane.vault("threads")
            self._saver = await self._stack.enter_async_context(open_saver(self._path, vault))
            await self._all.load(self._names, self._saver, self._stack, self._membrane.policy)
        except BaseException:
            await self._stack.aclose()
            raise
        reconciler = Reconciler(self._membrane)
        self._reconciler = reconciler
        self._runner = Runner(self._membrane, self._all, reconciler, self._clock)
        self._retention = StateRetention(self._membrane, self._saver, self._retain_s, self._clock)
        await self.recover()

    async def _disarm(self) -> None:
        GUARD.disarm(self._guard)
        await self._guard.settled()

    def recheck(self, policy: Policy) -> list[str]:
        """Check every graph under a policy; return what is wrong, each with what to change.

        Threads of a graph that something is wrong with wait until another check finds it well.
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
        """Tell the admins of each graph that is refused, and why."""
        for name, why in self.refused.items():
            await self._membrane.admins.tell(admin_notices.refused(name, why))

    async def recover(self) -> None:
        """Note every unfinished thread, to be asked for its state by the sweeps that follow."""
        now = self._clock()
        for thread in await self._membrane.threads.unsettled():
            if thread.state is not ThreadState.WANTED:
                self._owed.setdefault(thread.id, now)

    @property
    def graphs(self) -> tuple[str, ...]:
        """The names of the graphs that are loaded, sorted."""
        return self._all.names

    @property
    def running(self) -> int:
        """How many threads run right now."""
        return len(self._tasks)

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
        """Want a thread of a graph started. Raises NotFound, Conflict or GraphRefused."""
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
        """End a thread: withdraw what it waits for and delete its saved state. Raises NotFound.

        A thread that runs right now is stopped first; an effect that it was in the middle of stays unknown.
        """
        thread = await self._membrane.threads.get(thread_id)
        if thread.settled_at is not None:
            return
        if task := self._tasks.get(thread_id):
            task.cancel()
            await asyncio.wait([task])
        await self._membrane.interrupts.end_thread(thread.id, ThreadState.GONE, why)
        await self._saver.adelete_thread(thread_id)

    async def _again(self) -> int:
        """Do what operators ask of threads, and run those again whose retry is due."""
        requests, due = await self._membrane.stalls.due(max(1, self._free))
        begun = 0
        for request in requests:
            if request.wanted is Wanted.WITHDRAW and request.id not in self._withdrawing:
                task = asyncio.create_task(self._withdraw(request), name=f"withdraw {request.thread_id}")
                self._withdrawing[request.id] = task
                begun += 1
        asked = {each.thread_id: each for each in requests if each.wanted is not Wanted.WITHDRAW}
        for thread_id in dict.fromkeys([*asked, *due]):
            if self._free and thread_id not in self._tasks:
                self._owed.pop(thread_id, None)
                self._go(thread_id, self._runner.again(thread_id, asked.get(thread_id)))
                begun += 1
        return begun

    async def _withdraw(self, request: ThreadRequest) -> None:
        try:
            await self.end_thread(request.thread_id, f"withdrawn by {request.by}: {request.why}")
            await self._membrane.stalls.close_request(request, "done")
        except Exception:
            log.exception("a thread could not be withdrawn; it is tried again", thread=request.thread_id)
        finally:
            self._withdrawing.pop(request.id, None)

    async def sweep(self, *, look: bool = True) -> int:
        """Start what is due, without waiting for it. Returns how much was set going: threads, and reviews of
        actions that waited for a place.

        `look` asks whether somebody else wrote to the saved state, in line with what the threads save.
        """
        async with asyncio.timeout(SWEEP_LIMIT_S), self._sweeping:
            if look and await self._saver.changed_elsewhere():
                await self.recover()
            begun = await self._membrane.queue.open_next()
            begun += await self._take_due() + self._look_at_owed()
            if look:
                begun += await self._again()
            await self._retention.sweep()
        self.last_sweep_at = self._clock()
        return begun

    @property
    def _free(self) -> int:
        return 0 if self._stopping else max(0, self._concurrency - len(self._tasks))

    async def _take_due(self) -> int:
        if not self._free:
            return 0
        share = self._concurrency - self._concurrency // KEPT_FREE
        answered, wanted = await self._membrane.threads.due(self._free, share=share)
        begun = await self._resume(answered)
        for thread in wanted:
            self._go(thread.id, self._runner.start(thread))
        return begun + len(wanted)

    async def _resume(self, answered: list[InterruptRecord]) -> int:
        due: dict[str, list[InterruptRecord]] = {}
        for record in answered:
            due.setdefault(record.thread_id, []).append(record)
        begun = 0
        for thread_id, records in due.items():
            if thread_id in self._tasks:
                continue  # its run releases it and wakes the host when it ends
            if self._owed.get(thread_id, 0.0) > self._clock():
                await self._membrane.threads.release(thread_id)
                continue
            look = self._owed.pop(thread_id, None) is not None
            self._go(thread_id, self._runner.resume(thread_id, records, look=look))
            begun += 1
        return begun

    def _look_at_owed(self) -> int:
        now, begun = self._clock(), 0
        for thread_id in [each for each, at in self._owed.items() if at <= now]:
            if not self._free:
                break
            if thread_id not in self._tasks:
                del self._owed[thread_id]
                self._go(thread_id, self._runner.go_on(thread_id))
                begun += 1
        return begun

    def _go(self, thread_id: str, run: Coroutine[Any, Any, None]) -> None:
        self._begun[thread_id] = time.monotonic()
        self._tasks[thread_id] = asyncio.create_task(self._watch(thread_id, run), name=f"thread {thread_id}")

    async def _watch(self, thread_id: str, run: Coroutine[Any, Any, None]) -> None:
        try:
            await run
        except Later as later:
            log.info("a thread is left for later", thread=thread_id, why=str(later))
            self._owed[thread_id] = self._clock() + later.after_s
        except Exception:
            log.exception("a thread could not be handled; it is looked at again", thread=thread_id)
            self._owed[thread_id] = self._clock() + STALLED_S
        finally:
            del self._tasks[thread_id], self._begun[thread_id]
            self._threads.give_up(thread_id)
            self._membrane.wakeups.threads.set()

    async def trouble(self) -> str | None:
        """Return in words why hosted threads have not gone on for long; None where they do."""
        if stuck := self._threads.trouble(self._all.folders):
            return stuck
        if len(self._begun) < self._concurrency:
            return None
        for_s = time.monotonic() - max(self._begun.values())
        if for_s < LONG_S:
            return None
        oldest = min(self._begun, key=self._begun.__getitem__)
        return f"all {self._concurrency} places have been taken for {for_s:.0f} s; the longest by {oldest}"

    def where(self, frame: FrameType | None) -> dict[str, str]:
        """Return where a stack stands in hosted code, as fields of a log event."""
        return place_in(frame, self._all.folders)

    async def run(self) -> None:
        """Sweep when woken, and every `interval_s` seconds, until `stop`."""
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
        """Wait until no thread runs. Returns False if some still do after `timeout_s` seconds."""
        if self._withdrawing:
            await asyncio.wait([*self._withdrawing.values()], timeout=timeout_s)
        ends = asyncio.get_running_loop().time() + timeout_s
        while self._tasks and (left := ends - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks.values(), timeout=left)
        return not self._tasks

    async def stop(self, grace_s: float = 10.0) -> None:
        """Start nothing more, let what runs come to its end for `grace_s` seconds, then close.

        A run that is broken off goes on at the next start, whoever makes it.
        """
        self._stopping = True
        self._membrane.wakeups.threads.set()
        if not await self.drain(grace_s):
            await self._break_off()
        await self._stack.aclose()

    async def _break_off(self) -> None:
        left = dict(self._tasks)
        for task in left.values():
            task.cancel()
        await asyncio.wait(left.values(), timeout=CANCEL_S)
        if deaf := [thread_id for thread_id, task in left.items() if not task.done()]:
            log.error("threads do not stop, and are left behind", threads=deaf)
        for thread_id in left.keys() - set(deaf):
            with suppress(MembraneError):  # its lease runs out by itself
                await self._membrane.threads.release(thread_id)
