"""Queries on hosted threads and the interrupts they are parked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)

from bot.domain.freezing import EVERYTHING
from bot.domain.record import (
    ALL,
    OPEN_THREAD_STATES,
    THREAD_STATES,
    Cause,
    InterruptRecord,
    Listing,
    ThreadRecord,
)
from bot.domain.review import ActionState
from bot.store.sqlite import Prepared
from bot.store.tables import OF_ONE_AGENT, actions, freezes, interrupts, literally, stalls, threads

_ID = threads.c.id == bindparam("thread")
FREE = or_(threads.c.leased_until.is_(None), threads.c.leased_until <= bindparam("now"))
_LIVE = and_(
    freezes.c.thawed_at.is_(None), or_(freezes.c.until.is_(None), freezes.c.until > bindparam("now"))
)
NOT_FROZEN = ~exists().where(
    and_(
        _LIVE,
        or_(
            literally(freezes.c.name, EVERYTHING),
            freezes.c.name == threads.c.graph,
            freezes.c.name == threads.c.agent,
        ),
    )
)
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
                exists().where(and_(_LIVE, freezes.c.name == actions.c.kind)),
            ),
        ),
    )
)
"""A thread whose answer would start something frozen stays parked, and is not looked at before the thaw."""
_INSERT = Prepared(threads.insert())
_BY_ID = Prepared(select(threads).where(_ID))
_BY_KEY = Prepared(
    select(threads).where(
        and_(threads.c.agent == bindparam("agent"), threads.c.idempotency_key == bindparam("key"))
    )
)
_UNSETTLED = Prepared(
    select(
        *(literal("{}").label("input") if column is threads.c.input else column for column in threads.c)
    ).where(threads.c.settled_at.is_(None))
)
_OF_AGENT = (
    select(
        *(column for column in threads.c if column not in (threads.c.input, threads.c.result)),
        literal("{}").label("input"),
        literal(None).label("result"),
    )
    .where(and_(threads.c.agent == bindparam("agent_"), text(f"threads.{OF_ONE_AGENT}")))
    .order_by(threads.c.id.desc())
)
_KEEP = Prepared(update(threads).where(_ID).values(result=bindparam("sealed")))
_LET_GO = case((bindparam("becomes") == "running", threads.c.leased_until), else_=None)
_SET = Prepared(
    update(threads)
    .where(_ID)
    .values(
        state=bindparam("becomes"), error=bindparam("why"), settled_at=bindparam("at"), leased_until=_LET_GO
    )
)
_LEASE = Prepared(
    update(threads).where(and_(_ID, FREE)).values(leased_by=bindparam("by"), leased_until=bindparam("until"))
)
_FREE_ALL = Prepared(
    update(threads)
    .where(and_(threads.c.settled_at.is_(None), threads.c.leased_until.is_not(None)))
    .values(leased_until=None)
)
_RELEASE = Prepared(update(threads).where(_ID).values(leased_until=None))
_OPEN_OF_AGENT = Prepared(
    select(func.count()).where(and_(threads.c.settled_at.is_(None), threads.c.agent == bindparam("agent")))
)
_INSERT_INTERRUPT = Prepared(interrupts.insert())
_INTERRUPT = Prepared(select(interrupts).where(interrupts.c.id == bindparam("interrupt")))
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
        literally(threads.c.state, "stalled"),
        literally(stalls.c.cause, Cause.ERROR.value),
    )
)
"""A thread whose graph raised takes answers once it runs again: they would start what failed, too."""
_ANSWERED = Prepared(
    select(interrupts)
    .join(threads, threads.c.id == interrupts.c.thread_id)
    .where(and_(literally(interrupts.c.state, "answered"), FREE, not_(_HELD), NOT_FROZEN, _NOTHING_FROZEN_IN))
    .order_by(interrupts.c.answered_at)
    .limit(bindparam("most"))
)


def insert(connection: Connection, record: ThreadRecord, *, idempotency_key: str | None = None) -> None:
    """Write a thread that is to be started."""
    row = {
        "id": record.id,
        "graph": record.graph,
        "graph_version": record.graph_version,
        "agent": record.agent,
        "owner": record.owner,
        "on_behalf_of": record.on_behalf_of,
        "input": orjson.dumps(record.input).decode(),
        "state": record.state,
        "wanted_at": record.wanted_at,
        "idempotency_key": idempotency_key,
    }
    _INSERT.changed(connection, row)


def record_of(row: Any) -> ThreadRecord:
    """Read a thread's row back."""
    return ThreadRecord(
        id=row.id,
        graph=row.graph,
        graph_version=row.graph_version,
        agent=row.agent,
        owner=row.owner,
        on_behalf_of=row.on_behalf_of,
        input=orjson.loads(row.input),
        state=row.state,
        error=row.error,
        wanted_at=row.wanted_at,
        settled_at=row.settled_at,
        result=orjson.loads(row.result) if row.result else None,
    )


def _interrupt(row: Row[Any]) -> InterruptRecord:
    return InterruptRecord(
        row.id, row.thread_id, row.shape, orjson.loads(row.payload), row.state, row.opened_at
    )


def get(connection: Connection, thread_id: str) -> ThreadRecord | None:
    """Return the thread, or None."""
    row = _BY_ID.first(connection, {"thread": thread_id})
    return record_of(row) if row is not None else None


def by_key(connection: Connection, agent: str, key: str) -> ThreadRecord | None:
    """Return what the agent started under an idempotency key, or None."""
    row = _BY_KEY.first(connection, {"agent": agent, "key": key})
    return record_of(row) if row is not None else None


def unsettled(connection: Connection) -> list[ThreadRecord]:
    """Return every thread that is not final, each without its input."""
    found = [record_of(row) for row in _UNSETTLED.all(connection)]
    return sorted(found, key=lambda thread: thread.id)  # in SQL, it would walk every thread there ever was


def listed(
    connection: Connection,
    *,
    states: Sequence[str],
    graph: str | None = None,
    agent: str | None = None,
    most: int,
) -> list[ThreadRecord]:
    """Return the threads in these states, the newest first."""
    wanted = select(threads).where(threads.c.state.in_(states))
    if set(states) <= set(OPEN_THREAD_STATES):
        wanted = wanted.where(threads.c.settled_at.is_(None))
    if graph is not None:
        wanted = wanted.where(threads.c.graph == graph)
    if agent is not None:
        wanted = wanted.where(threads.c.agent == agent)
    return [record_of(row) for row in connection.execute(wanted.order_by(threads.c.id.desc()).limit(most))]


def keep_result(connection: Connection, thread_id: str, result: Any) -> None:
    """Write what a thread finished with."""
    _KEEP.changed(connection, {"thread": thread_id, "sealed": orjson.dumps(result).decode()})


def of_agent(connection: Connection, agent: str, *, most: int, wanted: Listing = ALL) -> list[ThreadRecord]:
    """Return the newest threads of an agent that a list wants, without their input and their result."""
    query = _OF_AGENT.limit(most)
    if wanted.before is not None:
        query = query.where(threads.c.id < wanted.before)
    states = wanted.states or THREAD_STATES  # each by the index: none is searched for among the others
    found = [connection.execute(query.where(threads.c.state == each), {"agent_": agent}) for each in states]
    rows = sorted((row for rows in found for row in rows), key=lambda row: row.id, reverse=True)
    return [record_of(row) for row in rows[:most]]


def set_state(
    connection: Connection, thread_id: str, state: str, error: str | None, settled_at: float | None
) -> bool:
    """Write where a thread stands, and let go of it unless it runs."""
    values = {"thread": thread_id, "becomes": state, "why": error, "at": settled_at}
    return _SET.changed(connection, values) == 1


def open_count(connection: Connection, agent: str) -> int:
    """Return how many threads of an agent have not ended."""
    return int(_OPEN_OF_AGENT.scalar(connection, {"agent": agent}))


def lease_answered(
    connection: Connection, *, by: str, now: float, until: float, most: int
) -> list[InterruptRecord]:
    """Take answered interrupts, and their threads, for one worker: a thread is owed a resume."""
    due = _ANSWERED.all(connection, {"now": now, "most": most})
    taken: dict[str, bool] = {}
    for row in due:
        if row.thread_id not in taken:
            taken[row.thread_id] = take(connection, row.thread_id, by, now, until)
    return [_interrupt(row) for row in due if taken[row.thread_id]]


def take(connection: Connection, thread_id: str, by: str, now: float, until: float) -> bool:
    """Take a thread for one worker. False: it belongs to another."""
    values = {"thread": thread_id, "by": by, "now": now, "until": until}
    return _LEASE.changed(connection, values) == 1


def release(connection: Connection, thread_id: str) -> None:
    """Let go of a thread without changing where it stands."""
    _RELEASE.changed(connection, {"thread": thread_id})


def free_all(connection: Connection) -> None:
    """Let go of every thread that is leased, to whomever."""
    _FREE_ALL.changed(connection)


def insert_interrupt(connection: Connection, record: InterruptRecord) -> None:
    """Write an interrupt that a thread is parked at."""
    row = {
        "id": record.id,
        "thread_id": record.thread_id,
        "shape": record.shape,
        "payload": orjson.dumps(record.payload).decode(),
        "state": record.state,
        "opened_at": record.opened_at,
    }
    _INSERT_INTERRUPT.changed(connection, row)


def interrupt(connection: Connection, interrupt_id: str) -> InterruptRecord | None:
    """Return the interrupt, or None."""
    row = _INTERRUPT.first(connection, {"interrupt": interrupt_id})
    return _interrupt(row) if row is not None else None


def interrupts_of(connection: Connection, thread_id: str) -> list[InterruptRecord]:
    """Return every interrupt a thread has had."""
    return [_interrupt(row) for row in _OF_THREAD.all(connection, {"thread": thread_id})]


def move_interrupt(connection: Connection, interrupt_id: str, was: str, becomes: str, now: float) -> bool:
    """Change an interrupt's state if it is still `was`. False: somebody was first."""
    values = {
        "interrupt": interrupt_id,
        "was": was,
        "becomes": becomes,
        "answered": now if becomes == "answered" else None,
        "delivered": now if becomes == "delivered" else None,
    }
    return _MOVE.changed(connection, values) == 1
