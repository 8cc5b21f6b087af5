"""The choice of wanted threads to start next. Agents take turns, however many threads one of them wants."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select

from bot.domain.hosting import ThreadRecord
from bot.domain.states import ThreadState
from bot.store.statements import Prepared
from bot.store.tables import literally, threads
from bot.store.threads import FREE, NOT_FROZEN, record_of, take

_WANTED = literally(threads.c.state, ThreadState.WANTED)
_NEXT_AGENT = Prepared(
    select(func.min(threads.c.agent)).where(and_(_WANTED, threads.c.agent > bindparam("after")))
)
_NEXT = Prepared(
    select(threads)
    .where(and_(_WANTED, threads.c.agent == bindparam("agent"), FREE, NOT_FROZEN))
    .order_by(threads.c.wanted_at)
    .limit(bindparam("most"))
)
_COUNT = select(threads.c.agent, func.count().label("running")).group_by(threads.c.agent)
_RUNNING = Prepared(
    _COUNT.where(and_(threads.c.settled_at.is_(None), literally(threads.c.state, ThreadState.RUNNING)))
)
_TAKEN = Prepared(_COUNT.where(and_(_WANTED, threads.c.leased_until > bindparam("now"))))
"""Threads that are leased to be started."""


def lease_wanted(
    connection: Connection, *, by: str, now: float, until: float, most: int, share: int | None = None
) -> list[ThreadRecord]:
    """Lease wanted threads to one worker, which starts them.

    The next thread is the longest waiting one of the agent with the fewest running threads. An agent with
    `share` running threads gets none.
    """
    if most < 1:
        return []
    running: Counter[str] = Counter()
    for row in (*_RUNNING.all(connection), *_TAKEN.all(connection, {"now": now})):
        running[row.agent] += row.running
    waiting = {
        agent: deque(_NEXT.all(connection, {"agent": agent, "now": now, "most": most}))
        for agent in _agents(connection)
    }
    turns = [(running[agent], rows[0].wanted_at, agent) for agent, rows in waiting.items() if rows]
    heapq.heapify(turns)
    taken: list[ThreadRecord] = []
    while turns and len(taken) < most:
        count, _, agent = heapq.heappop(turns)
        if share is not None and count >= share:
            break  # the others have as many
        wanted: Row[Any] = waiting[agent].popleft()
        if take(connection, wanted.id, by, now, until):
            taken.append(record_of(wanted))
            count += 1
        if waiting[agent]:
            heapq.heappush(turns, (count, waiting[agent][0].wanted_at, agent))
    return taken


def _agents(connection: Connection) -> list[str]:
    """Return the agents with wanted threads, by one look in the index for each."""
    found: list[str] = []
    while (agent := _NEXT_AGENT.scalar(connection, {"after": found[-1] if found else ""})) is not None:
        found.append(agent)
    return found
