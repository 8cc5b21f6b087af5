"""Queries on the interrupts that hosted threads are parked at, and on their answers."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, bindparam, exists, not_, or_, select, update

from bot.domain.hosting import Cause, InterruptRecord
from bot.domain.states import ActionState, InterruptShape, InterruptState, ThreadState
from bot.store.statements import Prepared
from bot.store.tables import actions, freezes, interrupts, literally, stalls, threads
from bot.store.threads import FREE, LIVE_FREEZE, NOT_FROZEN, take

_NOTHING_FROZEN_IN = ~exists().where(
    and_(
        actions.c.interrupt_id == interrupts.c.id,
        or_(
            literally(actions.c.state, ActionState.FROZEN),
            and_(
                or_(
                    literally(actions.c.state, ActionState.PASSED),
                    literally(actions.c.state, ActionState.APPROVED),
                    literally(actions.c.state, ActionState.RUNNING),  # claimed for a resume that never came
                ),
                exists().where(and_(LIVE_FREEZE, freezes.c.name == actions.c.kind)),
            ),
        ),
    )
)
"""Skips a thread whose answer would start a frozen action. It stays parked until the thaw."""
_INSERT = Prepared(interrupts.insert())
_BY_ID = Prepared(select(interrupts).where(interrupts.c.id == bindparam("interrupt")))
_OF_THREAD = Prepared(select(interrupts).where(interrupts.c.thread_id == bindparam("thread")))
_MOVE = Prepared(
    update(interrupts)
    .where(and_(interrupts.c.id == bindparam("interrupt"), interrupts.c.state == bindparam("was")))
    .values(
        state=bindparam("becomes"), answered_at=bindparam("answered"), delivered_at=bindparam("delivered")
    )
)
_HELD = exists().where(
    and_(
        stalls.c.thread_id == threads.c.id,
        literally(threads.c.state, ThreadState.STALLED),
        literally(stalls.c.cause, Cause.ERROR.value),
    )
)
"""A thread whose graph raised takes answers once it runs again. Now they would start the failed step, too."""
_ANSWERED = Prepared(
    select(interrupts)
    .join(threads, threads.c.id == interrupts.c.thread_id)
    .where(
        and_(
            literally(interrupts.c.state, InterruptState.ANSWERED),
            FREE,
            not_(_HELD),
            NOT_FROZEN,
            _NOTHING_FROZEN_IN,
        )
    )
    .order_by(interrupts.c.answered_at)
    .limit(bindparam("most"))
)


def _record_of(row: Row[Any]) -> InterruptRecord:
    return InterruptRecord(
        row.id,
        row.thread_id,
        InterruptShape(row.shape),
        orjson.loads(row.payload),
        InterruptState(row.state),
        row.opened_at,
    )


def insert(connection: Connection, record: InterruptRecord) -> None:
    """Write an interrupt that a thread is parked at."""
    row = {
        "id": record.id,
        "thread_id": record.thread_id,
        "shape": record.shape.value,
        "payload": orjson.dumps(record.payload).decode(),
        "state": record.state.value,
        "opened_at": record.opened_at,
    }
    _INSERT.changed(connection, row)


def get(connection: Connection, interrupt_id: str) -> InterruptRecord | None:
    """Return the interrupt, or None."""
    row = _BY_ID.first(connection, {"interrupt": interrupt_id})
    return _record_of(row) if row is not None else None


def of_thread(connection: Connection, thread_id: str) -> list[InterruptRecord]:
    """Return all interrupts of a thread."""
    return [_record_of(row) for row in _OF_THREAD.all(connection, {"thread": thread_id})]


def move(
    connection: Connection, interrupt_id: str, was: InterruptState, becomes: InterruptState, now: float
) -> bool:
    """Change an interrupt's state if it is still `was`. False: another change came first."""
    values = {
        "interrupt": interrupt_id,
        "was": was.value,
        "becomes": becomes.value,
        "answered": now if becomes is InterruptState.ANSWERED else None,
        "delivered": now if becomes is InterruptState.DELIVERED else None,
    }
    return _MOVE.changed(connection, values) == 1


def lease_answered(
    connection: Connection, *, by: str, now: float, until: float, most: int
) -> list[InterruptRecord]:
    """Lease answered interrupts with their threads to one worker, which resumes them."""
    due = _ANSWERED.all(connection, {"now": now, "most": most})
    taken: dict[str, bool] = {}
    for row in due:
        if row.thread_id not in taken:
            taken[row.thread_id] = take(connection, row.thread_id, by, now, until)
    return [_record_of(row) for row in due if taken[row.thread_id]]
