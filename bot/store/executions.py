"""Queries on executions: the ledger in which an effect is claimed before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, select, update

from bot.store.statements import InsertNew, Prepared
from bot.store.tables import executions

_KEY = executions.c.key == bindparam("of")
_INSERT = Prepared(InsertNew(executions))
_BY_KEY = Prepared(select(executions).where(_KEY))
_OF_ACTION = Prepared(
    select(executions).where(executions.c.action_id == bindparam("action")).order_by(executions.c.claimed_at)
)
_AGAIN = Prepared(
    update(executions)
    .where(and_(_KEY, executions.c.reported_at.is_(None), executions.c.attempt == bindparam("was")))
    .values(
        attempt=executions.c.attempt + 1,
        claimed_at=bindparam("now"),
        report_by=bindparam("by"),
        claimed_by=bindparam("token"),
        claimant=bindparam("who"),
    )
)
_REPORTED = Prepared(
    update(executions)
    .where(and_(executions.c.action_id == bindparam("action"), executions.c.reported_at.is_(None)))
    .values(reported_at=bindparam("now"), report_by=None)
)
_UNKNOWN = Prepared(
    update(executions).where(and_(_KEY, executions.c.report_by <= bindparam("now"))).values(report_by=None)
)
_DUE = Prepared(
    select(executions)
    .where(executions.c.report_by <= bindparam("now"))
    .order_by(executions.c.report_by)
    .limit(bindparam("most"))
)


_AWAIT_NONE = Prepared(
    update(executions)
    .where(and_(executions.c.action_id == bindparam("action"), executions.c.report_by.is_not(None)))
    .values(report_by=None)
)


@dataclass(frozen=True, slots=True)
class Execution:
    """One claimed effect. `report_by` is None once the effect is reported or known to be unknown.

    `claimed_by` is the id of the token that claimed it over HTTP. `claimant` is that process's own name.
    """

    key: str
    action_id: str
    args_digest: str
    attempt: int
    claimed_at: float
    report_by: float | None
    reported_at: float | None
    claimed_by: str | None = None
    claimant: str | None = None


def _read(row: Row[Any]) -> Execution:
    return Execution(
        row.key,
        row.action_id,
        row.args_digest,
        row.attempt,
        row.claimed_at,
        row.report_by,
        row.reported_at,
        row.claimed_by,
        row.claimant,
    )


def claim(
    connection: Connection,
    key: str,
    action_id: str,
    args_digest: str,
    *,
    now: float,
    report_by: float,
    claimed_by: str | None = None,
    claimant: str | None = None,
) -> bool:
    """Claim an effect. False: it is already claimed."""
    row = {
        "key": key,
        "action_id": action_id,
        "args_digest": args_digest,
        "attempt": 1,
        "claimed_at": now,
        "report_by": report_by,
        "claimed_by": claimed_by,
        "claimant": claimant,
    }
    return _INSERT.changed(connection, row) == 1


def claim_again(
    connection: Connection,
    earlier: Execution,
    *,
    now: float,
    report_by: float,
    claimed_by: str | None = None,
    claimant: str | None = None,
) -> bool:
    """Claim an unreported effect again under the same key. False: it was reported, or claimed by another."""
    values = {
        "of": earlier.key,
        "was": earlier.attempt,
        "now": now,
        "by": report_by,
        "token": claimed_by,
        "who": claimant,
    }
    return _AGAIN.changed(connection, values) == 1


def get(connection: Connection, key: str) -> Execution | None:
    """Return the execution, or None."""
    row = _BY_KEY.first(connection, {"of": key})
    return _read(row) if row is not None else None


def of_action(connection: Connection, action_id: str) -> list[Execution]:
    """Return an action's executions, oldest first."""
    return [_read(row) for row in _OF_ACTION.all(connection, {"action": action_id})]


def reported(connection: Connection, action_id: str, now: float) -> bool:
    """Note that an action's effect was reported. False: no effect of it waits for a report."""
    return _REPORTED.changed(connection, {"action": action_id, "now": now}) > 0


def unreported(connection: Connection, now: float, most: int) -> list[Execution]:
    """Return claims whose report is overdue."""
    return [_read(row) for row in _DUE.all(connection, {"now": now, "most": most})]


def give_up(connection: Connection, key: str, now: float) -> bool:
    """Stop waiting for a report. False: it came, or the effect was claimed again."""
    return _UNKNOWN.changed(connection, {"of": key, "now": now}) == 1


def await_none(connection: Connection, action_id: str) -> None:
    """Stop waiting for an action's reports: people are asked about it."""
    _AWAIT_NONE.changed(connection, {"action": action_id})
