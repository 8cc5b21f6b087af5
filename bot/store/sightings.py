"""Queries on sightings: who opened, acknowledged or answered a review, and when."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, func, select

from bot.store.statements import Prepared
from bot.store.tables import literally, sightings

ACKNOWLEDGED = "acknowledged"
"""What is kept of somebody who said that they are on it."""

_INSERT = Prepared(sightings.insert())
_ACKNOWLEDGED = Prepared(
    select(func.count()).where(
        and_(
            sightings.c.review_id == bindparam("on"),
            sightings.c.viewer == bindparam("by"),
            literally(sightings.c.what, ACKNOWLEDGED),
        )
    )
)


def record(connection: Connection, review_id: str, viewer: str, what: str, at: float) -> None:
    """Keep when somebody opened, acknowledged or answered a review."""
    _INSERT.changed(connection, {"review_id": review_id, "viewer": viewer, "what": what, "at": at})


def acknowledged(connection: Connection, review_id: str, user: str) -> bool:
    """Whether somebody has said of this review that they are on it."""
    return int(_ACKNOWLEDGED.scalar(connection, {"on": review_id, "by": user})) > 0
