"""Changes to threads and interrupts that several use cases make, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.record import ActionRecord
from bot.domain.states import (
    ASKED,
    ENDED_THREADS,
    UNSETTLED,
    ActionState,
    InterruptShape,
    InterruptState,
    ThreadState,
)
from bot.errors import NotFound
from bot.store import actions, interrupts, redraws, restores, reviews, stalls, threads
from bot.store.database import Transaction


def in_gate(tx: Transaction, interrupt_id: str | None) -> bool:
    """Whether this is the interrupt of a gate."""
    record = interrupts.get(tx.connection, interrupt_id) if interrupt_id else None
    return record is not None and record.shape is InterruptShape.GATE


def settle_interrupt(tx: Transaction, interrupt_id: str, now: float) -> None:
    """Mark an interrupt as answered once none of its questions is open: its thread can resume.

    A gate is answered by the review it parked for, so an expiry answers it. The interrupts of stock agents
    know only approve and reject, so a halted call keeps them open.
    """
    record = interrupts.get(tx.connection, interrupt_id)
    if record is None or record.state is not InterruptState.WAITING:
        return
    calls = actions.of_interrupt(tx.connection, interrupt_id)
    if record.shape is InterruptShape.GATE:
        asked = reviews.of_interrupt(tx.connection, interrupt_id)
        still_open = any(review.pending for review in asked)
        still_open = still_open or any(call.state is ActionState.QUEUED for call in calls)
    else:
        still_open = any(call.state in ASKED for call in calls)
    if not still_open and not _held(tx, calls):
        interrupts.move(tx.connection, interrupt_id, InterruptState.WAITING, InterruptState.ANSWERED, now)


def _held(tx: Transaction, calls: Iterable[ActionRecord]) -> bool:
    """Whether the answer has to wait until a person has said if a call ran since the restored backup."""
    return any(
        call.state in UNSETTLED and restores.since(tx.connection, call.id) is not None for call in calls
    )


def set_thread(
    tx: Transaction,
    thread_id: str,
    state: ThreadState,
    now: float,
    *,
    error: str | None = None,
    cause: str | None = None,
) -> None:
    """Record a thread's state, and redraw its cards if it stalls or restarts. Raises NotFound.

    `cause` says in a word why it is stalled or has failed.
    """
    settled = now if state in ENDED_THREADS else None
    before = threads.get(tx.connection, thread_id)
    if before is None:
        raise NotFound(f"there is no thread {thread_id}")
    threads.set_state(tx.connection, thread_id, state, error, settled)
    changed = (state is ThreadState.STALLED) != (before.state is ThreadState.STALLED)
    if changed:
        for action in actions.of_thread(tx.connection, thread_id):
            for review in reviews.of_action(tx.connection, action.id)[-1:]:
                redraws.touch(tx.connection, review.id, now=now)
    if settled or state is ThreadState.PARKED:
        stalls.forget(tx.connection, thread_id)
    if settled or changed or cause is not None:
        body = {"thread": thread_id, "graph": before.graph, "error": error, "cause": cause}
        tx.journal(now, f"thread.{state}", {name: value for name, value in body.items() if value is not None})
