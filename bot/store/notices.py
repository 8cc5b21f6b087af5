"""Queries on notices to the admins: their number by subject, and those folded into another message.

Their ids begin with their subject, so each query is a short range of the primary key.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.store import messages
from bot.store.tables import messages as table


def _of_subject(lead: str) -> ColumnElement[bool]:
    return and_(table.c.id >= lead, table.c.id < f"{lead[:-1]}{chr(ord(lead[-1]) + 1)}")


def count(connection: Connection, lead: str, recipient: str, since: float) -> int:
    """Return the number of notices sent one by one since an instant. `lead` is the beginning of their ids."""
    got = and_(table.c.recipient == recipient, table.c.created_at >= since)
    one_by_one = table.c.folded_into.is_(None)
    return connection.scalar(select(func.count()).where(_of_subject(lead), got, one_by_one)) or 0


def fold(
    connection: Connection, message_id: str, recipient: str, body: str, *, into: str, now: float
) -> bool:
    """Store a notice that another message lists. False: it exists already."""
    new = messages.want(
        connection, message_id, MessageKind.NOTICE, recipient, now=now, priority=Priority.REST, body=body
    )
    if new:
        listed = {"folded_into": into, "given_up_at": now, "error": f"it is counted and listed in {into}"}
        ended = update(table).where(table.c.id == message_id)
        connection.execute(ended.values(**listed, due_at=None, owed_since=None))
    return new


def folded(connection: Connection, lead: str, into: str, most: int) -> tuple[int, Sequence[str]]:
    """Return the number of notices that a message lists, and the latest texts."""
    listed = and_(_of_subject(lead), table.c.folded_into == into)
    total = connection.scalar(select(func.count()).where(listed)) or 0
    latest = select(table.c.body).where(listed).order_by(table.c.created_at.desc()).limit(most)
    return total, [str(body) for body in connection.scalars(latest)]


def rewrite(connection: Connection, message_id: str, body: str, now: float) -> None:
    """Change a notice's text and redraw it in its turn."""
    connection.execute(
        update(table)
        .where(table.c.id == message_id, table.c.given_up_at.is_(None))
        .values(
            body=body,
            wanted=table.c.wanted + 1,
            due_at=func.coalesce(table.c.due_at, now),
            owed_since=func.coalesce(table.c.owed_since, now),
        )
    )
