"""Queries on messages: the wanted ones, their leases, and where each is in its life."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from bot.domain.message_order import Priority, QueueHead, Turns, every
from bot.domain.message_record import COPIES, Message, MessageKind, Obstacle
from bot.store.expressions import earlier
from bot.store.queues import heads_of
from bot.store.statements import InsertNew, Prepared
from bot.store.tables import actions, messages, reviews

_ID = messages.c.id == bindparam("message_id")
_LAST_PAGED = select(func.max(messages.c.position)).where(
    and_(
        messages.c.review_id.in_(bindparam("ids", expanding=True)),
        messages.c.kind.in_(tuple(COPIES)),
        messages.c.posted_at.is_not(None),
    )
)
_GIVEN: dict[str, Any] = {
    column.name: bindparam(column.name)
    for column in (
        *(messages.c.id, messages.c.kind, messages.c.recipient, messages.c.review_id, messages.c.action_id),
        *(messages.c.digest_id, messages.c.position, messages.c.body, messages.c.wanted),
        *(messages.c.priority, messages.c.due_at, messages.c.owed_since, messages.c.created_at),
    )
}
_AGENT = func.coalesce(
    select(reviews.c.agent).where(reviews.c.id == bindparam("review_id")).scalar_subquery(),
    select(actions.c.agent).where(actions.c.id == bindparam("action_id")).scalar_subquery(),
    literal_column("''"),
)
_INSERT = Prepared(InsertNew(messages).values({**_GIVEN, "agent": _AGENT}))
_BY_ID = Prepared(select(messages).where(_ID))
_OF_REVIEW = Prepared(
    select(messages).where(messages.c.review_id == bindparam("review")).order_by(messages.c.id)
)
_RECEIPTS = Prepared(
    select(messages).where(messages.c.action_id == bindparam("action")).order_by(messages.c.position)
)
_CARDS = Prepared(
    select(messages)
    .join(reviews, reviews.c.id == messages.c.review_id)
    .where(and_(reviews.c.action_id == bindparam("action"), messages.c.kind == MessageKind.CARD))
)
_IN_SLACK = messages.c.ts.is_not(None)
_LEASE = Prepared(
    update(messages)
    .where(
        and_(
            _ID,
            messages.c.due_at.is_not(None),
            or_(messages.c.leased_until.is_(None), messages.c.leased_until <= bindparam("now")),
        )
    )
    .values(
        leased_by=bindparam("by"),
        leased_until=bindparam("until"),
        # A worker whose lease ended before it let go may still redraw the message.
        unsure_since=case(
            (and_(messages.c.leased_until.is_not(None), _IN_SLACK), bindparam("now")),
            else_=messages.c.unsure_since,
        ),
    )
)
_LIFE = (
    *(messages.c.recipient, messages.c.wanted, messages.c.shown, messages.c.due_at, messages.c.owed_since),
    *(messages.c.unsure_since, messages.c.attempts, messages.c.attempt_at, messages.c.doubted_since),
    *(messages.c.error, messages.c.channel_id, messages.c.ts, messages.c.posted_at, messages.c.given_up_at),
    *(messages.c.obstacle, messages.c.leased_until),
)
"""The columns that a step of a message's life may change."""
_LIVED = update(messages).where(_ID).values({column: bindparam(f"to_{column.name}") for column in _LIFE})
_HELD = and_(messages.c.leased_by == bindparam("by"), messages.c.leased_until > bindparam("now"))
_WRITE = Prepared(_LIVED.where(_HELD))
_TAKE_OVER = Prepared(_LIVED)
_IN_DOUBT_OF = Prepared(
    select(messages).where(
        and_(
            messages.c.review_id == bindparam("review"),
            messages.c.ts.is_(None),
            or_(messages.c.attempt_at.is_not(None), messages.c.doubted_since.is_not(None)),
        )
    )
)
_FREE_ALL = Prepared(
    update(messages)
    .where(
        and_(
            messages.c.due_at.is_not(None),
            or_(
                messages.c.leased_until.is_not(None),
                messages.c.due_at > bindparam("now"),
                messages.c.attempt_at > bindparam("now"),
                messages.c.owed_since > bindparam("now"),
            ),
        )
    )
    .values(
        leased_until=None,
        due_at=earlier(messages.c.due_at, bindparam("now")),
        # The clock of an earlier process may have been ahead.
        attempt_at=earlier(messages.c.attempt_at, bindparam("now")),
        owed_since=earlier(messages.c.owed_since, bindparam("now")),
        # A redraw that was on its way when an earlier process was killed may still land.
        unsure_since=case(
            (and_(messages.c.leased_until.is_not(None), _IN_SLACK), bindparam("now")),
            else_=messages.c.unsure_since,
        ),
    )
)
_OWED_SINCE = Prepared(select(func.min(messages.c.owed_since)).where(messages.c.owed_since.is_not(None)))


def last_paged(connection: Connection, review_ids: Sequence[str]) -> int | None:
    """Return the last position of a chain that any of these reviews was paged at, or None."""
    found: int | None = connection.execute(_LAST_PAGED, {"ids": list(review_ids)}).scalar()
    return found


def want(
    connection: Connection,
    message_id: str,
    kind: MessageKind,
    recipient: str,
    *,
    now: float,
    priority: Priority,
    review_id: str | None = None,
    action_id: str | None = None,
    digest_id: str | None = None,
    position: int = 0,
    body: str | None = None,
) -> bool:
    """Want a new message. False: the same one (or this id) is wanted already."""
    row = {
        "id": message_id,
        "kind": kind,
        "recipient": recipient,
        "review_id": review_id,
        "action_id": action_id,
        "digest_id": digest_id,
        "position": position,
        "body": body,
        "wanted": 1,
        "priority": priority,
        "due_at": now,
        "owed_since": now,
        "created_at": now,
    }
    return _INSERT.changed(connection, row) == 1


def record_of(row: Row[Any]) -> Message:
    """Read a row back."""
    return Message(
        id=row.id,
        kind=MessageKind(row.kind),
        recipient=row.recipient,
        review_id=row.review_id,
        digest_id=row.digest_id,
        position=row.position,
        body=row.body,
        wanted=row.wanted,
        shown=row.shown,
        priority=Priority(row.priority),
        due_at=row.due_at,
        attempts=row.attempts,
        attempt_at=row.attempt_at,
        error=row.error,
        channel_id=row.channel_id,
        ts=row.ts,
        created_at=row.created_at,
        posted_at=row.posted_at,
        action_id=row.action_id,
        doubted_since=row.doubted_since,
        owed_since=row.owed_since,
        unsure_since=row.unsure_since,
        given_up_at=row.given_up_at,
        obstacle=Obstacle(row.obstacle) if row.obstacle is not None else None,
        leased_by=row.leased_by,
        leased_until=row.leased_until,
    )


def get(connection: Connection, message_id: str) -> Message | None:
    """Return the message, or None."""
    row = _BY_ID.first(connection, {"message_id": message_id})
    return record_of(row) if row is not None else None


def of_review(connection: Connection, review_id: str) -> list[Message]:
    """Return every message about a review."""
    return [record_of(row) for row in _OF_REVIEW.all(connection, {"review": review_id})]


def in_doubt_of(connection: Connection, review_id: str) -> list[Message]:
    """Return the messages about a review whose posts are in doubt."""
    return [record_of(row) for row in _IN_DOUBT_OF.all(connection, {"review": review_id})]


def receipts_of(connection: Connection, action_id: str) -> list[Message]:
    """Return the messages about an action's unknown receipts, oldest first."""
    return [record_of(row) for row in _RECEIPTS.all(connection, {"action": action_id})]


def cards_of(connection: Connection, action_id: str) -> dict[str, Message]:
    """Return the cards of all reviews of an action, by review id."""
    rows = _CARDS.all(connection, {"action": action_id})
    return {row.review_id: record_of(row) for row in rows}


def lease(
    connection: Connection,
    *,
    by: str,
    now: float,
    until: float,
    most: int,
    turns: Turns | None = None,
    may: Callable[[QueueHead], bool] = every,
    one_each: bool = False,
) -> list[Message]:
    """Take due messages for one worker, in the order of `turns`: the most urgent first, and agents in turn.

    It takes only messages that `may` go now; with `one_each`, one for each place.
    """
    turns, taken = turns or Turns(), list[Message]()
    while len(taken) < most:
        heads = [head for head in heads_of(connection, now) if may(head)]
        if not heads:
            break
        for head in turns.choose(heads, most - len(taken), one_each=one_each):
            values = {"message_id": head.id, "by": by, "now": now, "until": until}
            if _LEASE.changed(connection, values) == 1:
                taken.append(record_of(_BY_ID.first(connection, {"message_id": head.id})))
        if one_each:
            break
    return taken


def write(connection: Connection, message: Message, *, by: str, now: float) -> bool:
    """Write where a message is in its life, under the lease of worker `by`. False: that lease has ended."""
    return _WRITE.changed(connection, {**_life_of(message), "by": by, "now": now}) == 1


def take_over(connection: Connection, message: Message) -> bool:
    """Write where a message is in its life, even if a worker holds it. False: there is no such message."""
    return _TAKE_OVER.changed(connection, _life_of(message)) == 1


def _life_of(message: Message) -> dict[str, Any]:
    return {"message_id": message.id, **{f"to_{each.name}": getattr(message, each.name) for each in _LIFE}}


def free_all(connection: Connection, now: float) -> None:
    """End every lease, and make every waiting message due."""
    _FREE_ALL.changed(connection, {"now": now})


def owed_since(connection: Connection) -> float | None:
    """Return since when Slack has lacked a wanted message, or None if it lacks none."""
    at: float | None = _OWED_SINCE.scalar(connection, {})
    return at


def pages(connection: Connection) -> list[Message]:
    """Return all pages, in the order in which they came due."""
    rows = connection.execute(
        select(messages).where(messages.c.kind == MessageKind.PAGE).order_by(messages.c.created_at)
    )
    return [record_of(row) for row in rows]
