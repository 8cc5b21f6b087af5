"""Interrupts: the questions that hosted threads park at, and their answers.

The store holds an interrupt's question sealed. It can contain values that the policy redacts, and only the
host reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.action import Action
from bot.domain.hosting import InterruptRecord
from bot.domain.record import ActionRecord, Standing
from bot.domain.ruling import Ruling
from bot.domain.states import (
    LET_THROUGH,
    OPEN_INTERRUPTS,
    UNSTARTED,
    ActionState,
    InterruptShape,
    InterruptState,
    ThreadState,
)
from bot.membrane.changes import open_review, withdraw_action
from bot.membrane.core import Core, standing_of, the_action
from bot.membrane.intake import Origin, record
from bot.membrane.interrupt_answers import Answered, actions_and_shapes, answer_to, mark_delivered, unsealed
from bot.membrane.scrubber import Scrubber
from bot.membrane.thread_changes import set_thread, settle_interrupt
from bot.membrane.unknown_receipts import note_restored
from bot.store import actions, interrupts, restores, reviews
from bot.store.database import Transaction

UNFIT = "membrane_unfit"
"""Key in an interrupt's stored payload: the calls that were left out, and why."""
TOO_MANY_AT_ONCE = (
    "no person was asked about this: the calls of one message are answered together, and {asked} calls of "
    "this message need approval, while the policy allows {agent} {most} at once; call it again in a later "
    "message"
)
"""The answer to a model about a call beyond the cap, when its batch is answered."""


@dataclass(frozen=True, slots=True)
class Call:
    """One action that an interrupt asks about. `place` counts from 0 in the interrupt's order."""

    action: Action
    place: int = 0
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """An interrupt that a thread is parked at.

    `action_id` is set if a gate parks again for an action that it has asked about before, after a safe-halt
    or a lapsed approval. `calls` is empty then.
    """

    interrupt_id: str
    shape: InterruptShape
    payload: dict[str, Any]
    calls: tuple[Call, ...] = ()
    action_id: str | None = None


class Interrupts:
    """The use cases of the graph host for interrupts."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def park(self, thread_id: str, parked: Parked) -> tuple[Standing, ...]:
        """Record an interrupt that a thread is parked at, and open the reviews that its calls need.

        If the agent is at its cap of open reviews, calls are queued: their reviews open as others close. The
        calls of a batch are answered together, so people are asked about no more of them than the cap; the
        other calls are answered with the reason.

        Parking the same interrupt again changes nothing. An interrupt that needs no person is answered at
        once. Raises NotFound.
        """
        core = self._core

        def work(tx: Transaction) -> tuple[Standing, ...]:
            if interrupts.get(tx.connection, parked.interrupt_id) is None:
                self._park(tx, thread_id, parked)
            calls = actions.of_interrupt(tx.connection, parked.interrupt_id)
            return tuple(standing_of(tx.connection, call.id) for call in calls)

        standings = await core.db.write(work)
        core.wakeups.wake(thread_id)
        return standings

    def _park(self, tx: Transaction, thread_id: str, parked: Parked) -> None:
        core = self._core
        now = core.clock()
        set_thread(tx, thread_id, ThreadState.PARKED, now)
        ruled = [(call, core.policy().rule(call.action)) for call in parked.calls]
        left_out = (
            _beyond(ruled, core.policy().limits.open_per_agent)
            if parked.shape is not InterruptShape.GATE
            else {}
        )
        kept = {**parked.payload, UNFIT: {**parked.payload.get(UNFIT, {}), **left_out}}
        payload = core.vault.seal_json(kept if left_out else parked.payload, parked.interrupt_id)
        made = InterruptRecord(
            parked.interrupt_id, thread_id, parked.shape, payload, InterruptState.WAITING, now
        )
        interrupts.insert(tx.connection, made)
        body = {"thread": thread_id, "interrupt": made.id, "shape": made.shape}
        if left_out:
            body["over_cap"] = str(len(left_out))
        tx.journal(now, "thread.parked", body, action_id=parked.action_id)
        if parked.action_id is not None:
            self._park_again(tx, the_action(tx.connection, parked.action_id), parked.interrupt_id, now)
        for call, ruling in ruled:
            if str(call.place) in left_out:
                continue
            origin = Origin(
                thread_id=thread_id,
                interrupt_id=parked.interrupt_id,
                place=call.place,
                call_id=call.call_id,
            )
            record(core, tx, call.action, ruling, origin, queues=True)
        tx.flush()
        _doubt(tx, thread_id, parked.interrupt_id)
        settle_interrupt(tx, parked.interrupt_id, now)

    def _park_again(self, tx: Transaction, action: ActionRecord, interrupt_id: str, now: float) -> None:
        actions.link(tx.connection, action.id, interrupt_id)
        if action.state is ActionState.QUEUED:  # its review will answer this interrupt
            return
        found = reviews.of_action(tx.connection, action.id)
        if action.state in LET_THROUGH:  # it was frozen when its thread claimed it
            for review in found[-1:]:
                reviews.link(tx.connection, review.id, interrupt_id)
            return
        latest = found[-1]
        if latest.pending or latest.interrupt_id is None:
            reviews.link(tx.connection, latest.id, interrupt_id)
        else:
            open_review(self._core, tx, action, latest.ruling, now, interrupt_id=interrupt_id)

    async def of_thread(self, thread_id: str) -> list[InterruptRecord]:
        """Return every interrupt that a thread has had."""
        found = await self._core.db.read(lambda connection: interrupts.of_thread(connection, thread_id))
        return [unsealed(self._core, interrupt) for interrupt in found]

    async def actions_of(self, thread_id: str) -> list[ActionRecord]:
        """Return every action of a thread, in the order they were proposed."""
        return await self._core.db.read(lambda connection: actions.of_thread(connection, thread_id))

    async def actions_and_shapes(
        self, thread_id: str
    ) -> tuple[list[ActionRecord], dict[str, InterruptShape]]:
        """Return every action of a thread, in the order they were proposed, and its interrupts' shapes."""
        return await self._core.db.read(lambda connection: actions_and_shapes(connection, thread_id))

    async def answer_to(self, record: InterruptRecord) -> Answered:
        """Return an interrupt with its actions and their outcomes."""
        return await self._core.db.read(lambda connection: answer_to(connection, record))

    async def mark_delivered(self, interrupt_id: str) -> bool:
        """Record that the thread took the answer to an interrupt. False if no answer was ready."""
        core = self._core
        return await core.db.write(lambda tx: mark_delivered(tx, interrupt_id, core.clock()))

    async def withdraw_vanished(self, thread_id: str, interrupt_ids: tuple[str, ...], why: str) -> int:
        """Withdraw the unstarted actions of interrupts that their thread no longer waits at.

        Returns how many reviews were withdrawn.
        """
        core = self._core

        def work(tx: Transaction) -> int:
            known = interrupts.of_thread(tx.connection, thread_id)
            return sum(_vanish(core, tx, each, why) for each in known if each.id in interrupt_ids)

        count = await core.db.write(work)
        core.wakeups.wake()
        return count

    async def withdraw_call(self, action_id: str, why: str) -> None:
        """Withdraw an action of a hosted thread that nobody has started, because its call was replaced."""
        core = self._core

        def work(tx: Transaction) -> None:
            action = the_action(tx.connection, action_id)
            if action.state in UNSTARTED:
                withdraw_action(core, tx, action, why, core.clock())

        await core.db.write(work)
        core.wakeups.wake(action_id)

    async def end_thread(
        self, thread_id: str, state: ThreadState, why: str, *, cause: str | None = None
    ) -> None:
        """End a thread that did not finish, as failed or gone, and withdraw everything that it asks, at once.

        `cause` says in a word why. Raises NotFound.
        """
        core = self._core
        why = await Scrubber(core).scrub_for_thread(thread_id, why)

        def work(tx: Transaction) -> None:
            for each in interrupts.of_thread(tx.connection, thread_id):
                if each.state in OPEN_INTERRUPTS:
                    _vanish(core, tx, each, f"its thread is {state}: {why}")
            set_thread(tx, thread_id, state, core.clock(), error=why, cause=cause)

        await core.db.write(work)
        core.wakeups.wake(thread_id)


def _beyond(ruled: Sequence[tuple[Call, Ruling]], most: int) -> dict[str, str]:
    """Return the calls of a batch beyond the cap, by place, with the answer to each."""
    asked = [call for call, ruling in ruled if ruling.tier.waits]
    return {
        str(call.place): TOO_MANY_AT_ONCE.format(asked=len(asked), most=most, agent=call.action.agent)
        for call in asked[most:]
    }


def _vanish(core: Core, tx: Transaction, interrupt: InterruptRecord, why: str) -> int:
    """Close an interrupt that no thread waits at; return how many reviews were withdrawn."""
    now = core.clock()
    if not interrupts.move(tx.connection, interrupt.id, interrupt.state, InterruptState.VANISHED, now):
        return 0
    body = {"thread": interrupt.thread_id, "interrupt": interrupt.id, "why": why}
    tx.journal(now, "thread.vanished", body)
    called = actions.of_interrupt(tx.connection, interrupt.id)
    return sum(_take_back(core, tx, each, why) for each in called if each.state in UNSTARTED)


def _take_back(core: Core, tx: Transaction, action: ActionRecord, why: str) -> int:
    """Withdraw an action and return how many reviews that closed. It is *unknown* if it may have run."""
    since = restores.since(tx.connection, action.id)
    count = withdraw_action(core, tx, action, why, core.clock())
    if since is not None:
        note_restored(core, tx, the_action(tx.connection, action.id), since)
    return count


def _doubt(tx: Transaction, thread_id: str, interrupt_id: str) -> None:
    """Mark the thread's actions as doubtful if it may have gone on since a backup: they may have run."""
    since = restores.since(tx.connection, thread_id)
    if since is None:
        return
    for call in actions.of_interrupt(tx.connection, interrupt_id):
        if call.tier.waits:
            restores.doubt(tx.connection, call.id, since)
