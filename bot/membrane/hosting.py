"""What the graph host asks: threads, the interrupts they park at, the answers they are owed.

What a thread was started with and what it asks are sealed in the store: they can hold what the policy redacts
of an action, and nobody but the host reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from bot.domain.action import Action
from bot.domain.record import ActionRecord, InterruptRecord, Standing, ThreadRecord
from bot.domain.review import Review
from bot.errors import Conflict, NotFound
from bot.membrane.changes import WITHDRAWABLE, open_review, settle_interrupt, withdraw_action
from bot.membrane.core import Core, standing_of, the_action
from bot.membrane.recording import record
from bot.store import actions, messages, reviews, threads
from bot.store.database import Transaction

LEASE_S = 60.0
"""How long a thread belongs to the worker that took it, unless it lets go earlier."""
FINAL = {"finished", "failed", "gone"}
STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Call:
    """One action that an interrupt asks about. `place` counts from 0 in the interrupt's own order."""

    action: Action
    place: int = 0
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """An interrupt that a thread is parked at. `shape`: gate, hitl_batch or hitl_call.

    `action_id` is set where a gate parks again for an action that it asked about before: after a
    safe-halt, or because the approval lapsed. `calls` is empty then.
    """

    interrupt_id: str
    shape: str
    payload: dict[str, Any]
    calls: tuple[Call, ...] = ()
    action_id: str | None = None


class Hosting:
    """The use cases of the graph host."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def start_thread(
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
        """Want a thread of a graph started with this input. The row stands before the graph runs.

        Raises Conflict where the idempotency key was used for another input or graph.
        """
        core = self._core

        def work(tx: Transaction) -> ThreadRecord:
            known = threads.by_key(tx.connection, agent, idempotency_key) if idempotency_key else None
            if known is not None:
                earlier = self._opened(known)
                if (earlier.graph, earlier.input) != (graph, given):
                    raise Conflict(f"the idempotency key {idempotency_key!r} was used for {earlier.id}")
                return earlier
            now, thread_id = core.clock(), core.new_id("thr")
            made = ThreadRecord(
                thread_id, graph, graph_version, agent, owner, on_behalf_of, given, "wanted", None, now, None
            )
            sealed = replace(made, input=core.vault.seal_json(given, thread_id))
            threads.insert(tx.connection, sealed, idempotency_key=idempotency_key)
            tx.journal(now, "thread.wanted", {"thread": thread_id, "graph": graph, "agent": agent})
            return made

        made = await core.db.write(work)
        core.bells.ring()
        return made

    async def thread(self, thread_id: str) -> ThreadRecord:
        """Return the thread. Raises NotFound."""
        found = await self._core.db.read(lambda connection: threads.get(connection, thread_id))
        if found is None:
            raise NotFound(f"there is no thread {thread_id}")
        return self._opened(found)

    async def unsettled_threads(self) -> list[ThreadRecord]:
        """Return every thread that is not final."""
        return [self._opened(found) for found in await self._core.db.read(threads.unsettled)]

    async def thread_state(self, thread_id: str, state: str, error: str | None = None) -> None:
        """Write where a thread stands, and let go of it.

        `state`: running, parked, stalled (it cannot be resumed; `error` says why, and so do its cards),
        finished, failed, gone. Raises NotFound.
        """
        core = self._core

        def work(tx: Transaction) -> None:
            now = core.clock()
            settled = now if state in FINAL else None
            before = threads.get(tx.connection, thread_id)
            if before is None:
                raise NotFound(f"there is no thread {thread_id}")
            threads.set_state(tx.connection, thread_id, state, error, settled)
            changed = (state == STALLED) != (before.state == STALLED)
            if changed:
                self._redraw(tx, thread_id, now)
            if settled or changed:
                tx.journal(now, f"thread.{state}", {"thread": thread_id, "error": error})

        await core.db.write(work)
        core.bells.messages.set()  # the host's own bell rings when the thread's task has ended

    def _redraw(self, tx: Transaction, thread_id: str, now: float) -> None:
        for action in actions.of_thread(tx.connection, thread_id):
            for review in reviews.of_action(tx.connection, action.id)[-1:]:
                messages.touch(tx.connection, review.id, now=now)

    async def due_threads(self, limit: int) -> list[ThreadRecord]:
        """Take threads that are to be started."""
        core = self._core
        now = core.clock()
        until = now + LEASE_S
        found = await core.db.write(
            lambda tx: threads.lease_wanted(tx.connection, by=core.worker, now=now, until=until, most=limit)
        )
        return [self._opened(thread) for thread in found]

    async def due_interrupts(self, limit: int) -> list[InterruptRecord]:
        """Take answered interrupts: their threads are owed a resume."""
        core = self._core
        now = core.clock()
        until = now + LEASE_S
        found = await core.db.write(
            lambda tx: threads.lease_answered(tx.connection, by=core.worker, now=now, until=until, most=limit)
        )
        return [self._shown(interrupt) for interrupt in found]

    async def release(self, thread_id: str) -> None:
        """Let go of a thread without changing where it stands."""
        await self._core.db.write(lambda tx: threads.release(tx.connection, thread_id))

    async def park(self, thread_id: str, parked: Parked) -> tuple[Standing, ...]:
        """Record an interrupt and what it asks; open the reviews that its calls need.

        Parking the same interrupt again changes nothing. Where nothing waits for a person the interrupt is
        answered at once. Raises NotFound, or TooMany where the agent has too many reviews open: nothing is
        recorded then, and the thread waits its turn.
        """
        core = self._core

        def work(tx: Transaction) -> tuple[Standing, ...]:
            if threads.interrupt(tx.connection, parked.interrupt_id) is None:
                self._park(tx, thread_id, parked)
            calls = actions.of_interrupt(tx.connection, parked.interrupt_id)
            return tuple(standing_of(tx.connection, call.id) for call in calls)

        standings = await core.db.write(work)
        core.bells.ring()
        return standings

    def _park(self, tx: Transaction, thread_id: str, parked: Parked) -> None:
        core = self._core
        now = core.clock()
        if threads.get(tx.connection, thread_id) is None:
            raise NotFound(f"there is no thread {thread_id}")
        payload = core.vault.seal_json(parked.payload, parked.interrupt_id)
        made = InterruptRecord(parked.interrupt_id, thread_id, parked.shape, payload, "waiting", now)
        threads.insert_interrupt(tx.connection, made)
        body = {"thread": thread_id, "interrupt": made.id, "shape": made.shape}
        tx.journal(now, "thread.parked", body, action_id=parked.action_id)
        if parked.action_id is not None:
            self._park_again(tx, the_action(tx.connection, parked.action_id), parked.interrupt_id, now)
        # A batch larger than the cap goes through whole once its agent has nothing else open.
        capped = any(reviews.open_count(tx.connection, call.action.agent) for call in parked.calls)
        for call in parked.calls:
            ruling = core.policy().rule(call.action)
            record(
                core,
                tx,
                call.action,
                ruling,
                capped=capped,
                thread_id=thread_id,
                interrupt_id=parked.interrupt_id,
                place=call.place,
                call_id=call.call_id,
            )
        tx.flush()
        settle_interrupt(tx, parked.interrupt_id, now)

    def _park_again(self, tx: Transaction, action: ActionRecord, interrupt_id: str, now: float) -> None:
        latest = reviews.of_action(tx.connection, action.id)[-1]
        actions.link(tx.connection, action.id, interrupt_id)
        if latest.pending or latest.interrupt_id is None:
            reviews.link(tx.connection, latest.id, interrupt_id)
        else:
            open_review(self._core, tx, action, latest.ruling, now, interrupt_id=interrupt_id)

    async def interrupts_of(self, thread_id: str) -> list[InterruptRecord]:
        """Return every interrupt that a thread has had."""
        found = await self._core.db.read(lambda connection: threads.interrupts_of(connection, thread_id))
        return [self._shown(interrupt) for interrupt in found]

    def _opened(self, thread: ThreadRecord) -> ThreadRecord:
        return replace(thread, input=self._core.vault.open_json(thread.input, thread.id))

    def _shown(self, interrupt: InterruptRecord) -> InterruptRecord:
        return replace(interrupt, payload=self._core.vault.open_json(interrupt.payload, interrupt.id))

    async def actions_of(self, thread_id: str) -> list[ActionRecord]:
        """Return every action of a thread, in the order they were proposed."""
        return await self._core.db.read(lambda connection: actions.of_thread(connection, thread_id))

    async def asked_by(self, thread_id: str) -> tuple[list[ActionRecord], dict[str, str]]:
        """Return every action of a thread, in the order they were proposed, and its interrupts' shapes."""

        def work(connection: Connection) -> tuple[list[ActionRecord], dict[str, str]]:
            shapes = {each.id: each.shape for each in threads.interrupts_of(connection, thread_id)}
            return actions.of_thread(connection, thread_id), shapes

        return await self._core.db.read(work)

    async def answer_of(self, interrupt_id: str) -> list[Standing]:
        """Return the actions of an interrupt, in its own order."""

        def work(connection: Any) -> list[Standing]:
            calls = actions.of_interrupt(connection, interrupt_id)
            return [standing_of(connection, call.id) for call in calls]

        return await self._core.db.read(work)

    async def review_of(self, interrupt_id: str) -> Review | None:
        """Return the review whose outcome answers a gate's interrupt; None where the action passed."""
        found = await self._core.db.read(lambda connection: reviews.of_interrupt(connection, interrupt_id))
        return found[-1] if found else None

    async def delivered(self, interrupt_id: str) -> bool:
        """Note that a resume was checked: the interrupt is gone from the thread."""
        core = self._core

        def work(tx: Transaction) -> bool:
            now = core.clock()
            interrupt = threads.interrupt(tx.connection, interrupt_id)
            if interrupt is None or not threads.move_interrupt(
                tx.connection, interrupt_id, "answered", "delivered", now
            ):
                return False
            tx.journal(now, "thread.resumed", {"thread": interrupt.thread_id, "interrupt": interrupt_id})
            return True

        return await core.db.write(work)

    async def vanished(self, thread_id: str, interrupt_ids: tuple[str, ...], why: str) -> int:
        """Withdraw what these interrupts asked and nobody has started: their thread waits there no more.

        Returns how many reviews were withdrawn.
        """
        core = self._core

        def work(tx: Transaction) -> int:
            now, count = core.clock(), 0
            for interrupt in threads.interrupts_of(tx.connection, thread_id):
                if interrupt.id not in interrupt_ids:
                    continue
                if not threads.move_interrupt(tx.connection, interrupt.id, interrupt.state, "vanished", now):
                    continue
                body = {"thread": thread_id, "interrupt": interrupt.id, "why": why}
                tx.journal(now, "thread.vanished", body)
                for action in actions.of_interrupt(tx.connection, interrupt.id):
                    if action.state in WITHDRAWABLE:
                        count += withdraw_action(core, tx, action, why, now)
            return count

        count = await core.db.write(work)
        core.bells.ring()
        return count
