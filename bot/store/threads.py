"""Queries on hosted threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    update,
)

from bot.domain.freezing import EVERYTHING
from bot.domain.hosting import ThreadRecord
from bot.domain.record import ALL, Listing
from bot.domain.states import OPEN_THREADS, ThreadState
from bot.store.statements import Prepared
from bot.store.tables import OF_ONE_AGENT, freezes, literally, threads

_ID = threads.c.id == bindparam("thread")
FREE = or_(threads.c.leased_until.is_(None), threads.c.leased_until <= bindparam("now"))
LIVE_FREEZE = and_(
    freezes.c.thawed_at.is_(None), or_(freezes.c.until.is_(None), freezes.c.until > bindparam("now"))
)
NOT_FROZEN = ~exists().where(
    and_(
        LIVE_FREEZE,
        or_(
            literally(freezes.c.name, EVERYTHING),
            freezes.c.name == threads.c.graph,
            freezes.c.name == threads.c.agent,
        ),
    )
)
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
_LET_GO = case((bindparam("becomes") == ThreadState.RUNNING.value, threads.c.leased_until), else_=None)
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


def insert(connection: Connection, record: ThreadRecord, *, idempotency_key: str | None = None) -> None:
    """Write a wanted thread."""
    row = {
        "id": record.id,
        "graph": record.graph,
        "graph_version": record.graph_version,
        "agent": record.agent,
        "owner": record.owner,
        "on_behalf_of": record.on_behalf_of,
        "input": orjson.dumps(record.input).decode(),
        "state": record.state.value,
        "wanted_at": record.wanted_at,
        "idempotency_key": idempotency_key,
    }
    _INSERT.changed(connection, row)


def record_of(row: Any) -> ThreadRecord:
    """Return the thread in a row."""
    return ThreadRecord(
        id=row.id,
        graph=row.graph,
        graph_version=row.graph_version,
        agent=row.agent,
        owner=row.owner,
        on_behalf_of=row.on_behalf_of,
        input=orjson.loads(row.input),
        state=ThreadState(row.state),
        error=row.error,
        wanted_at=row.wanted_at,
        settled_at=row.settled_at,
        result=orjson.loads(row.result) if row.result else None,
    )


def get(connection: Connection, thread_id: str) -> ThreadRecord | None:
    """Return the thread, or None."""
    row = _BY_ID.first(connection, {"thread": thread_id})
    return record_of(row) if row is not None else None


def by_key(connection: Connection, agent: str, key: str) -> ThreadRecord | None:
    """Return the agent's thread with an idempotency key, or None."""
    row = _BY_KEY.first(connection, {"agent": agent, "key": key})
    return record_of(row) if row is not None else None


def unsettled(connection: Connection) -> list[ThreadRecord]:
    """Return every unsettled thread, without its input."""
    found = [record_of(row) for row in _UNSETTLED.all(connection)]
    return sorted(found, key=lambda thread: thread.id)  # sorting in SQL would walk through all threads


def listed(
    connection: Connection,
    *,
    states: Sequence[ThreadState],
    graph: str | None = None,
    agent: str | None = None,
    most: int,
) -> list[ThreadRecord]:
    """Return the threads in these states, newest first."""
    wanted = select(threads).where(threads.c.state.in_(states))
    if set(states) <= set(OPEN_THREADS):
        wanted = wanted.where(threads.c.settled_at.is_(None))
    if graph is not None:
        wanted = wanted.where(threads.c.graph == graph)
    if agent is not None:
        wanted = wanted.where(threads.c.agent == agent)
    return [record_of(row) for row in connection.execute(wanted.order_by(threads.c.id.desc()).limit(most))]


def keep_result(connection: Connection, thread_id: str, result: Any) -> None:
    """Store a thread's result."""
    _KEEP.changed(connection, {"thread": thread_id, "sealed": orjson.dumps(result).decode()})


def of_agent(connection: Connection, agent: str, *, most: int, wanted: Listing = ALL) -> list[ThreadRecord]:
    """Return an agent's threads that a list asks for, newest first, without input and result."""
    query = _OF_AGENT.limit(most)
    if wanted.before is not None:
        query = query.where(threads.c.id < wanted.before)
    states = wanted.states or ThreadState  # each by the index
    found = [connection.execute(query.where(threads.c.state == each), {"agent_": agent}) for each in states]
    rows = sorted((row for rows in found for row in rows), key=lambda row: row.id, reverse=True)
    return [record_of(row) for row in rows[:most]]


def set_state(
    connection: Connection, thread_id: str, state: ThreadState, error: str | None, settled_at: float | None
) -> bool:
    """Set a thread's state, and release it unless it runs. False: there is no such thread."""
    values = {"thread": thread_id, "becomes": state.value, "why": error, "at": settled_at}
    return _SET.changed(connection, values) == 1


def open_count(connection: Connection, agent: str) -> int:
    """Return the number of unsettled threads of an agent."""
    return int(_OPEN_OF_AGENT.scalar(connection, {"agent": agent}))


def take(connection: Connection, thread_id: str, by: str, now: float, until: float) -> bool:
    """Lease a thread to one worker. False: another worker holds it."""
    values = {"thread": thread_id, "by": by, "now": now, "until": until}
    return _LEASE.changed(connection, values) == 1


def release(connection: Connection, thread_id: str) -> None:
    """Release a thread without changing its state."""
    _RELEASE.changed(connection, {"thread": thread_id})


def free_all(connection: Connection) -> None:
    """Release every leased thread."""
    _FREE_ALL.changed(connection)
