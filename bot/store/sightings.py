"""Queries on sightings: who opened, acknowledged or answered a review, and when."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, func, select

from bot.store.statements import Prepared
from bot.store.tables import literally, sightings

ACKNOWLEDGED = "acknowledged"
"""The sighting of a person who acknowledged a review."""

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
    """Record when a person opened, acknowledged or answered a review."""
    _INSERT.changed(connection, {"review_id": review_id, "viewer": viewer, "what": what, "at": at})


def acknowledged(connection: Connection, review_id: str, user: str) -> bool:
    """Whether a person has acknowledged this review."""
    return int(_ACKNOWLEDGED.scalar(connection, {"on": review_id, "by": user})) > 0
