"""Whose message goes next: the most urgent first, and among those alike every agent in turn.

Messages that wait stand in queues: of one place, one priority and one agent, each by when it is due. Only
the heads of queues are looked at, by index: it costs what there are queues, and not what waits in them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, literal, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from bot.store.statements import Prepared
from bot.store.tables import messages

URGENCY = {0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 4}
"""How urgent each priority is. Pages and cards of one tier are alike: an agent's pages do not put off another
agent's card."""
UPDATES = ""
"""The place of everything that is in Slack already and is to be drawn again."""
POST, UPDATE = "post", "update"
"""What is done with a message: it is not in Slack yet, or it is there."""
MOST_REMEMBERED = 10_000
NEVER = math.inf
"""Later than any message is due, in seconds."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first message of a queue that is due. `place` is its recipient, or UPDATES."""

    id: str
    place: str
    priority: int
    agent: str
    due_at: float


class Turns:
    """Who was served when, as a count. It forgets when the process ends, which costs a turn."""

    def __init__(self) -> None:
        self._count = 0
        self._served: dict[tuple[str, str], int] = {}
        self._agents: dict[str, int] = {}

    def choose(self, heads: list[Head], most: int, *, one_each: bool) -> list[Head]:
        """Return whose turn it is, at most so many, in their order; with `one_each`, of every place one.

        In a place the agent goes first that was served there longest ago; among places the one that was
        served anywhere longest ago.
        """
        left, chosen = list(heads), list[Head]()
        while left and len(chosen) < most:
            firsts: dict[str, Head] = {}
            for head in sorted(left, key=self._in_place):
                firsts.setdefault(head.place, head)
            head = min(firsts.values(), key=self._anywhere)
            self._serve(head)
            chosen.append(head)
            left = [each for each in left if each is not head and not (one_each and each.place == head.place)]
        return chosen

    def _in_place(self, head: Head) -> tuple[Any, ...]:
        served = self._served.get((head.place, head.agent), 0)
        return URGENCY[head.priority], served, head.priority, head.due_at, head.id

    def _anywhere(self, head: Head) -> tuple[Any, ...]:
        return URGENCY[head.priority], self._agents.get(head.agent, 0), head.priority, head.due_at, head.id

    def _serve(self, head: Head) -> None:
        if len(self._served) > MOST_REMEMBERED:
            self._served.clear()
            self._agents.clear()
        self._count += 1
        self._served[head.place, head.agent] = self._agents[head.agent] = self._count


def _following(what: str, queue: Sequence[str], *after: ColumnElement[Any]) -> Any:
    """Return the id of the first message of the queue that follows one, or of the first of all.

    It looks beyond a time that no message of that queue is due at: SQLite starts with what is equal, and
    would walk through the whole queue. `coalesce` hides the type of a column's values, or SQLite would use
    the index's first column alone.
    """
    each = messages.alias("each_one")
    columns = [each.c[name] for name in (*queue, "due_at")]
    bare = [func.coalesce(column, column) for column in after]
    beyond = [tuple_(*columns) > tuple_(*bare, literal(NEVER))] if after else []
    first = select(each.c.id).where(_waits(each, what), *beyond).order_by(*columns).limit(1)
    return first.scalar_subquery()


def _waits(table: Any, what: str) -> ColumnElement[bool]:
    """Return what a partial index is over, in its own words."""
    there = table.c.ts.is_not(None) if what == UPDATE else table.c.ts.is_(None)
    return and_(table.c.due_at.is_not(None), there)


def _heads(what: str, queue: Sequence[str]) -> Prepared:
    """Return the query of heads: it steps from queue to queue through the index over these columns."""
    start, then, first, head = (messages.alias(name) for name in ("start", "then_one", "first_one", "head"))
    base = select(*(start.c[name] for name in queue)).where(start.c.id == _following(what, queue))
    queues = base.cte("queues", recursive=True)
    stepped = _following(what, queue, *(queues.c[name] for name in queue))
    steps = select(*(then.c[name] for name in queue)).select_from(queues.join(then, then.c.id == stepped))
    queues = queues.union_all(steps)
    free = or_(first.c.leased_until.is_(None), first.c.leased_until <= bindparam("now"))
    alike = [first.c[name] == queues.c[name] for name in queue]
    earliest = (
        select(first.c.id)
        .where(_waits(first, what), *alike, first.c.due_at <= bindparam("now"), free)
        .order_by(first.c.due_at)
        .limit(1)
        .scalar_subquery()
    )
    columns = (head.c.id, head.c.recipient, head.c.priority, head.c.agent, head.c.due_at)
    return Prepared(select(*columns).select_from(queues.join(head, head.c.id == earliest)))


_TO_POST = _heads(POST, ("recipient", "priority", "agent"))
_TO_UPDATE = _heads(UPDATE, ("priority", "agent"))


def heads_of(connection: Connection, now: float) -> list[Head]:
    """Return the first message that is due of every queue."""
    posts, updates = (each.all(connection, {"now": now}) for each in (_TO_POST, _TO_UPDATE))
    found = [Head(row.id, row.recipient, row.priority, row.agent, row.due_at) for row in posts]
    return [*found, *(Head(row.id, UPDATES, row.priority, row.agent, row.due_at) for row in updates)]


def every(_: Head) -> bool:
    """Say of any queue that it may go."""
    return True
