"""Queries on posts in doubt: messages whose earlier post may still land beside the last one."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update

from bot.domain.message_record import Message
from bot.store.messages import record_of
from bot.store.tables import messages

_ID = messages.c.id == bindparam("message_id")
_END = update(messages).where(_ID).values(doubted_since=None)
_OPEN = (
    select(messages)
    .where(messages.c.doubted_since.is_not(None))
    .order_by(messages.c.doubted_since.desc())
    .limit(bindparam("most"))
)


def end(connection: Connection, message_id: str) -> None:
    """Note that no earlier post of a message can land any more."""
    connection.execute(_END, {"message_id": message_id})


def in_doubt(connection: Connection, most: int) -> list[Message]:
    """Return the messages whose earlier posts may still land, the latest first."""
    return [record_of(row) for row in connection.execute(_OPEN, {"most": most})]
