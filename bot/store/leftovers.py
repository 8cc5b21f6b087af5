"""Queries on leftovers: stale copies in channels that were closed to the bot.

If the message is still there, it is drawn again once the channel is open. If it went elsewhere meanwhile, the
copy has buttons of its own, and is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from bot.store.statements import InsertNew
from bot.store.tables import leftovers, messages

_PLACE = and_(leftovers.c.channel_id == bindparam("channel"), leftovers.c.ts == bindparam("stamp"))
_LEAVE = InsertNew(leftovers)
_DUE = (
    select(
        leftovers.c.channel_id,
        leftovers.c.ts,
        leftovers.c.message_id,
        leftovers.c.since,
        and_(messages.c.channel_id == leftovers.c.channel_id, messages.c.ts == leftovers.c.ts).label(
            "current"
        ),
        messages.c.given_up_at,
    )
    .select_from(leftovers.outerjoin(messages, messages.c.id == leftovers.c.message_id))
    .where(leftovers.c.look_at <= bindparam("now"))
    .order_by(leftovers.c.look_at)
    .limit(bindparam("most"))
)
_POSTPONE = update(leftovers).where(_PLACE).values(look_at=bindparam("then"))
_FORGET = delete(leftovers).where(_PLACE)
_REVIVE = (
    update(messages)
    .where(and_(messages.c.id == bindparam("of"), messages.c.given_up_at.is_not(None)))
    .values(given_up_at=None, due_at=bindparam("now"), owed_since=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A stale copy. `current`: its message is still there; `given_up`: and it is not drawn now."""

    channel_id: str
    ts: str
    message_id: str
    since: float
    current: bool
    given_up: bool


def leave(
    connection: Connection, message_id: str, channel_id: str, ts: str, *, now: float, at: float
) -> None:
    """Note a stale copy, to be looked at `at` an instant. A known one stays as it is."""
    row = {"message_id": message_id, "channel_id": channel_id, "ts": ts, "since": now, "look_at": at}
    connection.execute(_LEAVE, row)


def due(connection: Connection, now: float, most: int) -> list[Leftover]:
    """Return the leftovers that are due."""
    rows = connection.execute(_DUE, {"now": now, "most": most})
    return [
        Leftover(
            row.channel_id,
            row.ts,
            row.message_id,
            row.since,
            bool(row.current),
            bool(row.current) and row.given_up_at is not None,
        )
        for row in rows
    ]


def postpone(connection: Connection, leftover: Leftover, at: float) -> None:
    """Look at a leftover again at an instant."""
    connection.execute(_POSTPONE, {"channel": leftover.channel_id, "stamp": leftover.ts, "then": at})


def forget(connection: Connection, leftover: Leftover) -> None:
    """Forget a leftover."""
    connection.execute(_FORGET, {"channel": leftover.channel_id, "stamp": leftover.ts})


def revive(connection: Connection, message_id: str, now: float) -> None:
    """Want a message again that was given up."""
    connection.execute(_REVIVE, {"of": message_id, "now": now})
