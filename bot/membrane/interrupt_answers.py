"""Answered interrupts: what came of their actions, and the note that the thread took the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from bot.domain.hosting import InterruptRecord
from bot.domain.record import ActionRecord, Standing
from bot.domain.review import Review
from bot.domain.states import InterruptShape, InterruptState
from bot.membrane.core import Core, standing_of
from bot.store import actions, interrupts, reviews
from bot.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Answered:
    """An answered interrupt: its actions in its own order, and their outcomes.

    `review` is the review whose outcome answers a gate's interrupt; None if the action passed.
    """

    record: InterruptRecord
    standings: tuple[Standing, ...]
    review: Review | None


def answer_to(connection: Connection, record: InterruptRecord) -> Answered:
    """Return an interrupt with its actions and their outcomes."""
    calls = actions.of_interrupt(connection, record.id)
    found = reviews.of_interrupt(connection, record.id) if record.shape is InterruptShape.GATE else ()
    standings = tuple(standing_of(connection, call.id) for call in calls)
    return Answered(record, standings, found[-1] if found else None)


def actions_and_shapes(
    connection: Connection, thread_id: str
) -> tuple[list[ActionRecord], dict[str, InterruptShape]]:
    """Return every action of a thread, in the order they were proposed, and its interrupts' shapes."""
    shapes = {each.id: each.shape for each in interrupts.of_thread(connection, thread_id)}
    return actions.of_thread(connection, thread_id), shapes


def mark_delivered(tx: Transaction, interrupt_id: str, now: float) -> bool:
    """Record that a thread took the answer to an interrupt. False if no answer was ready."""
    interrupt = interrupts.get(tx.connection, interrupt_id)
    if interrupt is None or not interrupts.move(
        tx.connection, interrupt_id, InterruptState.ANSWERED, InterruptState.DELIVERED, now
    ):
        return False
    tx.journal(now, "thread.resumed", {"thread": interrupt.thread_id, "interrupt": interrupt_id})
    return True


def unsealed(core: Core, interrupt: InterruptRecord) -> InterruptRecord:
    """Return an interrupt with its payload unsealed."""
    return replace(interrupt, payload=core.vault.open_json(interrupt.payload, interrupt.id))
