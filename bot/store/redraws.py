"""Bulk changes: draw messages again, and drop messages whose question is closed.

Each is one statement, however many messages there are about a review.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)

from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.domain.record import Clicked
from bot.domain.states import ReviewState
from bot.store.statements import Prepared
from bot.store.tables import literally, messages, reviews

_IN_SLACK = messages.c.ts.is_not(None)
_WAITS = messages.c.due_at.is_not(None)
_OWED = func.coalesce(messages.c.owed_since, bindparam("now"))


def _drawn_again(urgency: ColumnElement[int]) -> dict[Any, Any]:
    """Return the columns that change when a message is to be drawn again.

    A waiting message keeps its turn, unless this redraw is more urgent: then it is due at once. So the redraw
    of a card that somebody just clicked is not delayed by the changes that follow from the click.
    """
    overtakes = and_(_IN_SLACK, _WAITS, messages.c.priority > urgency)
    keeps = or_(not_(_IN_SLACK), and_(_WAITS, messages.c.priority <= urgency))
    return {
        "wanted": messages.c.wanted + 1,
        "due_at": case(
            (overtakes, bindparam("now")), else_=func.coalesce(messages.c.due_at, bindparam("now"))
        ),
        "owed_since": _OWED,
        "priority": case((keeps, messages.c.priority), else_=urgency),
    }


# Slack takes about fifty redraws a minute, and a night may have more pages. The clicked message goes first,
# with the card that everybody looks at.
_IS_CLICKED = and_(messages.c.channel_id == bindparam("channel"), messages.c.ts == bindparam("ts"))
_GOES_FIRST = or_(_IS_CLICKED, messages.c.kind == MessageKind.CARD)
_OF_A_CLICK = case((_GOES_FIRST, literal(Priority.CLICKED, Integer)), else_=literal(Priority.REDRAW, Integer))
_TOUCH = Prepared(
    update(messages)
    .where(and_(messages.c.review_id == bindparam("review"), messages.c.given_up_at.is_(None)))
    .values(_drawn_again(bindparam("urgency")))
)
_TOUCH_CLICKED = Prepared(
    update(messages)
    .where(and_(messages.c.review_id == bindparam("review"), messages.c.given_up_at.is_(None)))
    .values(_drawn_again(_OF_A_CLICK))
)
_TOUCH_OTHERS = Prepared(
    update(messages)
    .where(
        and_(
            messages.c.review_id == bindparam("review"),
            messages.c.id != bindparam("but"),
            messages.c.given_up_at.is_(None),
            _IN_SLACK,
        )
    )
    .values(_drawn_again(bindparam("urgency")))
)
_TOUCH_CARD = Prepared(
    update(messages)
    .where(
        and_(
            messages.c.review_id == bindparam("review"),
            messages.c.kind == MessageKind.CARD,
            messages.c.given_up_at.is_(None),
        )
    )
    .values(_drawn_again(bindparam("urgency")))
)
_TOUCH_RECEIPTS = Prepared(
    update(messages)
    .where(and_(messages.c.action_id == bindparam("action"), messages.c.given_up_at.is_(None)))
    .values(_drawn_again(bindparam("urgency")))
)
_IN_CHANNEL = (
    select(messages.c.review_id)
    .join(reviews, reviews.c.id == messages.c.review_id)
    .where(
        and_(
            messages.c.channel_id == bindparam("channel"),
            messages.c.given_up_at.is_(None),
            literally(reviews.c.state, ReviewState.PENDING),
        )
    )
    .distinct()
)
_MOOT = Prepared(
    update(messages)
    .where(
        and_(
            messages.c.review_id == bindparam("review"),
            or_(
                messages.c.kind == MessageKind.PAGE,
                messages.c.kind == MessageKind.POST,
                and_(messages.c.kind == MessageKind.CARD, messages.c.posted_at.is_(None)),
            ),
            messages.c.ts.is_(None),
            messages.c.attempt_at.is_(None),
            messages.c.given_up_at.is_(None),
        )
    )
    .values(
        due_at=None,
        owed_since=None,
        given_up_at=bindparam("now"),
        error="the review was closed before it was sent",
    )
)


def touch(connection: Connection, review_id: str, *, now: float, clicked: Clicked | None = None) -> None:
    """Draw every message about a review again, first the one that somebody just clicked, and the card."""
    values = {"review": review_id, "now": now}
    if clicked is None:
        _TOUCH.changed(connection, {**values, "urgency": Priority.REDRAW})
    else:
        _TOUCH_CLICKED.changed(connection, {**values, "channel": clicked.channel_id, "ts": clicked.ts})


def asking_in(connection: Connection, channel_id: str) -> list[str]:
    """Return the pending reviews that have a message in a channel. Looks at every message: rarely needed."""
    return list(connection.execute(_IN_CHANNEL, {"channel": channel_id}).scalars())


def touch_others(connection: Connection, review_id: str, but: str, *, now: float) -> None:
    """Draw the posted messages about a review again, except one."""
    values = {"review": review_id, "but": but, "now": now, "urgency": Priority.REDRAW}
    _TOUCH_OTHERS.changed(connection, values)


def touch_card(connection: Connection, review_id: str, *, now: float) -> None:
    """Draw a review's card again. If somebody deleted it, it comes back."""
    _TOUCH_CARD.changed(connection, {"review": review_id, "now": now, "urgency": Priority.REDRAW})


def touch_receipts(connection: Connection, action_id: str, *, now: float, clicked: bool = False) -> None:
    """Draw every message about an action's unknown receipts again, soon if somebody just clicked one."""
    values = {"action": action_id, "now": now, "urgency": Priority.CLICKED if clicked else Priority.REDRAW}
    _TOUCH_RECEIPTS.changed(connection, values)


def drop_unsent(connection: Connection, review_id: str, now: float) -> int:
    """Drop the card and the pages of a closed review that were never tried; return how many.

    A message whose post is in doubt stays wanted: a copy in Slack has to show the outcome.
    """
    return _MOOT.changed(connection, {"review": review_id, "now": now})
