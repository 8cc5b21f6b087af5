"""Queries on posts in doubt: messages of which an earlier post may still land beside the last one."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, select, update

from bot.domain.record import Message
from bot.store.messages import record_of
from bot.store.tables import messages

_ID = messages.c.id == bindparam("message_id")
_DOUBT = (
    update(messages)
    .where(_ID)
    .values(doubted_since=func.coalesce(messages.c.doubted_since, bindparam("since")))
)
_END = update(messages).where(_ID).values(doubted_since=None)
_OPEN = (
    select(messages)
    .where(messages.c.doubted_since.is_not(None))
    .order_by(messages.c.doubted_since.desc())
    .limit(bindparam("most"))
)


def begin(connection: Connection, message_id: str, since: float) -> None:
    """Note that a post made then may still land, although another is made, or none is wanted any more."""
    connection.execute(_DOUBT, {"message_id": message_id, "since": since})


def end(connection: Connection, message_id: str) -> None:
    """Note that no copy is looked for any more."""
    connection.execute(_END, {"message_id": message_id})


def in_doubt(connection: Connection, most: int) -> list[Message]:
    """Return the messages whose earlier posts may still land, the latest first."""
    return [record_of(row) for row in connection.execute(_OPEN, {"most": most})]
