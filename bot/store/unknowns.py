"""Queries on unknown receipts: claims without a report, and people's verdicts on them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select, update

from bot.domain.record import Unknown, Verdict
from bot.store.statements import Prepared
from bot.store.tables import unknowns

_OPEN = unknowns.c.closed_at.is_(None)
_OF = unknowns.c.action_id == bindparam("of")
_INSERT = Prepared(unknowns.insert())
_LATEST = Prepared(select(unknowns).where(_OF).order_by(unknowns.c.number.desc()).limit(1))
_ONE = Prepared(select(unknowns).where(and_(_OF, unknowns.c.number == bindparam("place"))))
_SAY = Prepared(
    update(unknowns)
    .where(and_(_OF, unknowns.c.number == bindparam("place"), _OPEN))
    .values(closed_at=bindparam("now"), verdict=bindparam("said"), said_by=bindparam("who"))
)
_CLOSE = Prepared(update(unknowns).where(and_(_OF, _OPEN)).values(closed_at=bindparam("now")))
_OPEN_OF_AGENT = Prepared(select(func.count()).where(and_(_OPEN, unknowns.c.agent == bindparam("who"))))


def _read(row: Row[Any]) -> Unknown:
    return Unknown(
        action_id=row.action_id,
        number=row.number,
        claimed_at=row.claimed_at,
        noted_at=row.noted_at,
        closed_at=row.closed_at,
        verdict=Verdict(row.verdict) if row.verdict else None,
        said_by=row.said_by,
        restored_from=row.restored_from,
    )


def note(
    connection: Connection,
    action_id: str,
    agent: str,
    *,
    claimed_at: float,
    now: float,
    asked: bool,
    restored_from: float | None = None,
) -> Unknown:
    """Record an unreported claim as the action's next unknown receipt.

    The receipt is open if people are `asked` about it. `restored_from` is the time of the backup, if the
    action may have run since a backup.
    """
    before = latest(connection, action_id)
    number = before.number + 1 if before is not None else 1
    made = Unknown(action_id, number, claimed_at, now, None if asked else now, restored_from=restored_from)
    row = {
        "action_id": action_id,
        "number": number,
        "agent": agent,
        "claimed_at": claimed_at,
        "noted_at": now,
        "closed_at": made.closed_at,
        "restored_from": restored_from,
    }
    _INSERT.changed(connection, row)
    return made


def get(connection: Connection, action_id: str, number: int) -> Unknown | None:
    """Return one of an action's unknown receipts, or None."""
    row = _ONE.first(connection, {"of": action_id, "place": number})
    return _read(row) if row is not None else None


def latest(connection: Connection, action_id: str) -> Unknown | None:
    """Return an action's last unknown receipt, or None."""
    row = _LATEST.first(connection, {"of": action_id})
    return _read(row) if row is not None else None


def say(
    connection: Connection, action_id: str, number: int, verdict: Verdict, *, by: str, now: float
) -> bool:
    """Set a person's verdict on an open receipt. False: it was closed before."""
    values = {"of": action_id, "place": number, "said": verdict.value, "who": by, "now": now}
    return _SAY.changed(connection, values) == 1


def close(connection: Connection, action_id: str, now: float) -> None:
    """Close an action's open receipt: it was reported late, or the action was claimed again."""
    _CLOSE.changed(connection, {"of": action_id, "now": now})


def open_count(connection: Connection, agent: str) -> int:
    """Return the number of an agent's open unknown receipts."""
    return int(_OPEN_OF_AGENT.scalar(connection, {"who": agent}))
