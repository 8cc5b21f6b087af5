"""Queries on stalled threads: the reasons, and the operators' requests."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, bindparam, delete, or_, select, update

from bot.domain.hosting import Cause, Stall, ThreadRequest, Wanted
from bot.domain.states import ThreadState
from bot.store.statements import Prepared
from bot.store.tables import literally, stalls, thread_requests, threads
from bot.store.threads import NOT_FROZEN

_OF = stalls.c.thread_id == bindparam("thread")
_FORGET = Prepared(delete(stalls).where(_OF))
_INSERT = Prepared(stalls.insert())
_GET = Prepared(select(stalls).where(_OF))
_DUE = Prepared(
    select(stalls)
    .join(threads, threads.c.id == stalls.c.thread_id)
    .where(
        and_(
            stalls.c.retry_at <= bindparam("now"), literally(threads.c.state, ThreadState.STALLED), NOT_FROZEN
        )
    )
    .order_by(stalls.c.retry_at)
    .limit(bindparam("most"))
)
_RETRIED = Prepared(
    update(stalls)
    .where(and_(_OF, stalls.c.retry_at.is_not(None)))
    .values(retry_at=None, tries=stalls.c.tries + 1)
)
_OPEN = thread_requests.c.done_at.is_(None)
_ASK = Prepared(thread_requests.insert())
_WAITING = Prepared(
    select(thread_requests)
    .join(threads, threads.c.id == thread_requests.c.thread_id)
    .where(and_(_OPEN, or_(literally(thread_requests.c.wanted, Wanted.WITHDRAW.value), NOT_FROZEN)))
    .order_by(thread_requests.c.at)
)
"""A frozen thread can be withdrawn. Other requests wait for the thaw."""
_OF_THREAD = Prepared(
    select(thread_requests)
    .where(thread_requests.c.thread_id == bindparam("thread"))
    .order_by(thread_requests.c.at)
)
_DONE = Prepared(
    update(thread_requests)
    .where(and_(thread_requests.c.id == bindparam("request"), _OPEN))
    .values(done_at=bindparam("now"), outcome=bindparam("said"))
)


def put(connection: Connection, stall: Stall, sealed: dict[str, Any] | None) -> None:
    """Set why a thread is stalled. `sealed` are its sealed questions."""
    _FORGET.changed(connection, {"thread": stall.thread_id})
    row = {
        "thread_id": stall.thread_id,
        "cause": stall.cause.value,
        "why": stall.why,
        "questions": orjson.dumps(sealed).decode() if sealed is not None else None,
        "tries": stall.tries,
        "retry_at": stall.retry_at,
        "stalled_at": stall.stalled_at,
    }
    _INSERT.changed(connection, row)


def _stall(row: Row[Any]) -> Stall:
    questions = orjson.loads(row.questions) if row.questions else None
    return Stall(row.thread_id, Cause(row.cause), row.why, row.stalled_at, row.tries, row.retry_at, questions)


def get(connection: Connection, thread_id: str) -> Stall | None:
    """Return why a thread is stalled, or was before its last run. Its questions are sealed."""
    row = _GET.first(connection, {"thread": thread_id})
    return _stall(row) if row is not None else None


def forget(connection: Connection, thread_id: str) -> None:
    """Delete a thread's stall: it continues, and its retries count from zero."""
    _FORGET.changed(connection, {"thread": thread_id})


def due(connection: Connection, now: float, most: int) -> list[str]:
    """Return the threads whose automatic retry is due."""
    return [row.thread_id for row in _DUE.all(connection, {"now": now, "most": most})]


def retried(connection: Connection, thread_id: str) -> bool:
    """Count a due retry. False: another worker made it."""
    return _RETRIED.changed(connection, {"thread": thread_id}) == 1


def ask(connection: Connection, request: ThreadRequest, sealed: dict[str, Any] | None) -> None:
    """Write an operator's request. `sealed` is the sealed answer to the thread's question."""
    row = {
        "id": request.id,
        "thread_id": request.thread_id,
        "wanted": request.wanted.value,
        "body": orjson.dumps(sealed).decode() if sealed is not None else None,
        "why": request.why,
        "by": request.by,
        "at": request.at,
    }
    _ASK.changed(connection, row)


def _request(row: Row[Any]) -> ThreadRequest:
    return ThreadRequest(
        row.id,
        row.thread_id,
        Wanted(row.wanted),
        row.by,
        row.at,
        row.why,
        orjson.loads(row.body) if row.body else None,
        row.done_at,
        row.outcome,
    )


def requests(connection: Connection, now: float) -> list[ThreadRequest]:
    """Return the open requests that the host can carry out now, oldest first."""
    return [_request(row) for row in _WAITING.all(connection, {"now": now})]


def requests_of(connection: Connection, thread_id: str) -> list[ThreadRequest]:
    """Return all requests about a thread, oldest first."""
    return [_request(row) for row in _OF_THREAD.all(connection, {"thread": thread_id})]


def done(connection: Connection, request_id: str, outcome: str, now: float) -> bool:
    """Set the outcome of a request. False: it was done already."""
    return _DONE.changed(connection, {"request": request_id, "now": now, "said": outcome}) == 1
