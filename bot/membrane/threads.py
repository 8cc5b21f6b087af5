"""Hosted threads: start them, take up their due work, and record their state.

The store holds a thread's input sealed. It can contain values that the policy redacts, and only the host
reads it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import orjson

from bot.domain.hosting import InterruptRecord, ThreadRecord
from bot.domain.record import ALL, ActionRecord, Listing
from bot.domain.states import OPEN_INTERRUPTS, InterruptShape, ThreadState
from bot.errors import Conflict, NotFound, TooMany
from bot.membrane.core import Core
from bot.membrane.interrupt_answers import Answered, actions_and_shapes, answer_to, mark_delivered, unsealed
from bot.membrane.scrubber import Scrubber
from bot.membrane.thread_changes import set_thread
from bot.membrane.wakeups import LOOK_AGAIN_S, wait_for
from bot.store import interrupts, starts, threads
from bot.store.database import Transaction

LEASE_S = 60.0
"""Seconds for which a thread belongs to the worker that took it, unless it is released earlier."""
RETRY_THREADS_S = 60.0
"""Seconds after which an agent with too many threads may try again."""


@dataclass(frozen=True, slots=True)
class DueWork:
    """A thread as it was before it was taken up, the answers due to it, and all of its actions."""

    thread: ThreadRecord
    answered: tuple[Answered, ...]
    actions: list[ActionRecord]
    shapes: dict[str, InterruptShape]
    """The shape of each of its interrupts, by id."""


class Threads:
    """The use cases of hosted threads."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def start(
        self,
        graph: str,
        given: dict[str, Any],
        *,
        graph_version: str,
        agent: str,
        owner: str | None = None,
        on_behalf_of: str | None = None,
        idempotency_key: str | None = None,
    ) -> ThreadRecord:
        """Record that a thread of a graph is to start with this input. The host runs it later.

        Raises Conflict if the idempotency key was used for another input or graph; TooMany if the agent is at
        the policy's cap of threads or has used its storage share; DiskLow.
        """
        core = self._core
        await core.quotas.admit(core.db, agent, len(orjson.dumps(given)), core.clock())

        def work(tx: Transaction) -> ThreadRecord:
            known = threads.by_key(tx.connection, agent, idempotency_key) if idempotency_key else None
            if known is not None:
                earlier = self._opened(known)
                if (earlier.graph, earlier.input) != (graph, given):
                    raise Conflict(f"the idempotency key {idempotency_key!r} was used for {earlier.id}")
                return earlier
            _check_cap(tx, agent, core.policy().limits.threads_per_agent)
            now, thread_id = core.clock(), core.new_id("thr")
            made = ThreadRecord(
                thread_id,
                graph,
                graph_version,
                agent,
                owner,
                on_behalf_of,
                given,
                ThreadState.WANTED,
                None,
                now,
                None,
            )
            sealed = replace(made, input=core.vault.seal_json(given, thread_id))
            threads.insert(tx.connection, sealed, idempotency_key=idempotency_key)
            tx.journal(now, "thread.wanted", {"thread": thread_id, "graph": graph, "agent": agent})
            return made

        made = await core.db.write(work)
        core.wakeups.wake()
        return made

    async def get(self, thread_id: str) -> ThreadRecord:
        """Return the thread. Raises NotFound."""
        found = await self._core.db.read(lambda connection: threads.get(connection, thread_id))
        if found is None:
            raise NotFound(f"there is no thread {thread_id}")
        return self._opened(found)

    async def unsettled(self) -> list[ThreadRecord]:
        """Return every thread that has not ended, without its input, as there may be very many."""
        return await self._core.db.read(threads.unsettled)

    async def listed(self, agent: str, *, most: int, wanted: Listing = ALL) -> list[ThreadRecord]:
        """Return the newest threads of an agent that match `wanted`, without their input and result."""
        return await self._core.db.read(
            lambda connection: threads.of_agent(connection, agent, most=most, wanted=wanted)
        )

    async def wait(self, thread_id: str, timeout_s: float) -> ThreadRecord:
        """Return a thread once its state changes, or after `timeout_s` seconds; at once if it has ended.

        Raises NotFound.
        """
        ends = self._core.clock() + timeout_s
        with self._core.wakeups.watch(thread_id) as changed:
            first = found = await self.get(thread_id)
            while not found.done and found.state == first.state:
                left = ends - self._core.clock()
                if left <= 0:
                    break
                await wait_for(changed, min(left, LOOK_AGAIN_S))
                found = await self.get(thread_id)
        return found

    async def set_state(
        self, thread_id: str, state: ThreadState, error: str | None = None, *, result: Any = None
    ) -> None:
        """Record the state of a thread, and release it unless it runs.

        `result` is plain JSON that it finished with. Raises NotFound. For a stalled one use `Stalls.stall`.
        """
        core = self._core
        why, result = await Scrubber(core).scrub_for_thread(thread_id, (error, result))

        def work(tx: Transaction) -> None:
            set_thread(tx, thread_id, state, core.clock(), error=why)
            self._keep(tx, thread_id, result)

        await core.db.write(work)
        core.wakeups.changed(thread_id)  # the host wakes itself when the thread's task has ended

    async def due(
        self, limit: int, *, share: int | None = None
    ) -> tuple[list[InterruptRecord], list[ThreadRecord]]:
        """Lease due work: answered interrupts, whose threads can resume, and threads to start.

        Returns work for at most `limit` threads; answers of people go before new threads. Agents take turns:
        the agent with the fewest running threads is next, and none starts more than `share`.
        """
        core = self._core
        by, now = core.worker, core.clock()
        until = now + LEASE_S

        def work(tx: Transaction) -> tuple[list[InterruptRecord], list[ThreadRecord]]:
            answered = interrupts.lease_answered(tx.connection, by=by, now=now, until=until, most=limit)
            left = limit - len({each.thread_id for each in answered})
            return answered, starts.lease_wanted(
                tx.connection, by=by, now=now, until=until, most=left, share=share
            )

        answered, wanted = await core.db.write(work)
        return [unsealed(core, each) for each in answered], [self._opened(each) for each in wanted]

    async def release(self, thread_id: str) -> None:
        """Release a thread without changing its state."""
        await self._core.db.write(lambda tx: threads.release(tx.connection, thread_id))

    async def take_up(
        self, thread_id: str, answered: Collection[InterruptRecord], loaded: Collection[str]
    ) -> DueWork:
        """Return the due work of a thread. A parked thread of a `loaded` graph is marked as running.

        Raises NotFound.
        """
        core = self._core

        def work(tx: Transaction) -> DueWork:
            thread = threads.get(tx.connection, thread_id)
            if thread is None:
                raise NotFound(f"there is no thread {thread_id}")
            if thread.state is ThreadState.PARKED and thread.graph in loaded:
                set_thread(tx, thread_id, ThreadState.RUNNING, core.clock())
            found = tuple(answer_to(tx.connection, record) for record in answered)
            return DueWork(self._opened(thread), found, *actions_and_shapes(tx.connection, thread_id))

        work_due = await core.db.write(work)
        core.wakeups.changed(thread_id)
        return work_due

    async def finish(self, thread_id: str, delivered: Collection[str], *, result: Any = None) -> bool:
        """Record that a thread took these answers and finished with `result`, which is plain JSON.

        Returns False and writes nothing if another interrupt of the thread is open.
        """
        core = self._core
        result = await Scrubber(core).scrub_for_thread(thread_id, result)

        def work(tx: Transaction) -> bool:
            now = core.clock()
            known = interrupts.of_thread(tx.connection, thread_id)
            if any(each.state in OPEN_INTERRUPTS and each.id not in delivered for each in known):
                return False
            for interrupt_id in delivered:
                mark_delivered(tx, interrupt_id, now)
            set_thread(tx, thread_id, ThreadState.FINISHED, now)
            self._keep(tx, thread_id, result)
            return True

        done = await core.db.write(work)
        core.wakeups.changed(thread_id)
        return done

    def _keep(self, tx: Transaction, thread_id: str, result: Any) -> None:
        """Store the result of a thread, sealed as its input is."""
        if result is not None:
            threads.keep_result(tx.connection, thread_id, self._core.vault.seal_json(result, thread_id))

    def _opened(self, thread: ThreadRecord) -> ThreadRecord:
        vault = self._core.vault
        result = vault.open_json(thread.result, thread.id) if thread.result is not None else None
        return replace(thread, input=vault.open_json(thread.input, thread.id), result=result)


def _check_cap(tx: Transaction, agent: str, most: int) -> None:
    """Raise TooMany if an agent has as many threads as the policy allows at once."""
    if threads.open_count(tx.connection, agent) >= most:
        raise TooMany(
            f"{agent} has {most} threads that have not ended, as many as the policy allows at once (limits: "
            "threads_per_agent); start this one when some have ended, or withdraw threads that nobody needs: "
            "POST /v1/threads/{id}/withdraw",
            retry_after=RETRY_THREADS_S,
        )
