"""Queries on the queues of due messages: each is of one place, one priority and one agent.

Only the heads are read, by index: the cost grows with the number of queues, not of messages.
`bot.domain.message_order` says which head goes next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, literal, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from bot.domain.message_order import UPDATES, Priority, QueueHead
from bot.store.statements import Prepared
from bot.store.tables import messages

POST, UPDATE = "post", "update"
"""What a due message needs: it is not in Slack yet, or it is there."""
NEVER = math.inf
"""Later than any message is due, in seconds."""


def _following(what: str, queue: Sequence[str], *after: ColumnElement[Any]) -> Any:
    """Return the id of the first message in the queue after `after`, or without `after` in the first queue.

    Compare with an infinite due time. Otherwise SQLite starts at the rows of this queue and scans all of it.
    `coalesce` hides the type of a column's values, or SQLite would use the
    index's first column alone.
    """
    each = messages.alias("each_one")
    columns = [each.c[name] for name in (*queue, "due_at")]
    bare = [func.coalesce(column, column) for column in after]
    beyond = [tuple_(*columns) > tuple_(*bare, literal(NEVER))] if after else []
    first = select(each.c.id).where(_waits(each, what), *beyond).order_by(*columns).limit(1)
    return first.scalar_subquery()


def _waits(table: Any, what: str) -> ColumnElement[bool]:
    """Return the condition of a partial index, word for word."""
    there = table.c.ts.is_not(None) if what == UPDATE else table.c.ts.is_(None)
    return and_(table.c.due_at.is_not(None), there)


def _heads(what: str, queue: Sequence[str]) -> Prepared:
    """Return the query that steps from queue to queue through the index over these columns."""
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


def heads_of(connection: Connection, now: float) -> list[QueueHead]:
    """Return the first due message of every queue."""
    posts, updates = (each.all(connection, {"now": now}) for each in (_TO_POST, _TO_UPDATE))
    return [*(_head(row, row.recipient) for row in posts), *(_head(row, UPDATES) for row in updates)]


def _head(row: Any, place: str) -> QueueHead:
    return QueueHead(row.id, place, Priority(row.priority), row.agent, row.due_at)
