"""Old actions that passed: written to a file, then deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import orjson
from sqlalchemy import BindParameter, Connection, and_, bindparam, exists, func, or_, select

from bot.domain.risk import Tier
from bot.domain.states import ActionState
from bot.store import files
from bot.store.tables import actions, executions, messages, rulings, threads, unknowns

KIND = "checkpoint-membrane actions"
FORMAT = 1
CHUNK = 500
"""Ids in one statement. SQLite's oldest limit is 999 values."""

_THREAD_RUNS = exists().where(and_(threads.c.id == actions.c.thread_id, threads.c.settled_at.is_(None)))
_ASKED_ABOUT = exists().where(and_(unknowns.c.action_id == actions.c.id, unknowns.c.closed_at.is_(None)))
_OLD = (
    select(
        *(column for column in actions.c if column is not actions.c.ruling),
        func.coalesce(actions.c.ruling, rulings.c.body).label("ruling"),
    )
    .outerjoin(rulings, rulings.c.id == actions.c.ruling_id)
    .where(
        and_(
            actions.c.id < bindparam("bound"),
            actions.c.tier == bindparam("of"),
            actions.c.proposed_at < bindparam("before"),
            actions.c.state.not_in(
                [
                    ActionState.RUNNING.value,
                    ActionState.QUEUED.value,
                    ActionState.WAITING.value,
                    ActionState.FROZEN.value,
                ]
            ),
            or_(actions.c.tier == int(Tier.TRANSPARENT), actions.c.digest_id.is_not(None)),
            ~_THREAD_RUNS,
            ~_ASKED_ABOUT,
        )
    )
    .order_by(actions.c.id)
    .limit(bindparam("most"))
)
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_DELETES = (
    *(table.delete().where(table.c.action_id.in_(_IDS)) for table in (executions, unknowns, messages)),
    actions.delete().where(actions.c.id.in_(_IDS)),
)


def old(
    connection: Connection, tier: Tier, *, before: float, bound: str, now: float, most: int
) -> list[Mapping[str, Any]]:
    """Return actions of a passing tier that were proposed before an instant and may be archived.

    An action stays while it may be claimed, while no digest names it, while its thread runs, and while
    people are asked about its unknown receipt. `bound` is an id above all ids of that age. Ids grow with
    time, so the query skips younger actions.
    """
    values = {"of": int(tier), "before": before, "bound": bound, "most": most}
    found = (
        {str(name): value for name, value in row.items()}
        for row in connection.execute(_OLD, values).mappings()
    )
    return [row for row in found if not _claimable(row, now)]


def _claimable(row: Mapping[str, Any], now: float) -> bool:
    if row["state"] != ActionState.PASSED.value:
        return False
    valid_for_s: float = orjson.loads(row["ruling"])["valid_for_s"]
    return bool(now <= (row["settled_at"] or row["proposed_at"]) + valid_for_s)


def write(rows: Iterable[Mapping[str, Any]], out: IO[bytes], at: float) -> None:
    """Write a header line, then one line of JSON for each action."""
    out.write(orjson.dumps({"export": KIND, "format": FORMAT, "at": at}) + b"\n")
    for row in rows:
        whole = {**row, "args": orjson.Fragment(row["args"]), "ruling": orjson.Fragment(row["ruling"])}
        out.write(orjson.dumps(whole) + b"\n")


def ids_in(path: Path) -> list[str]:
    """Return the ids of the actions in a file. Raises StoreError if it cannot be read."""
    with files.opened(path) as lines:
        next(lines, None)
        return [str(orjson.loads(line)["id"]) for line in lines]


def delete(connection: Connection, ids: Sequence[str]) -> None:
    """Delete actions with their executions, unknown receipts and messages."""
    for start in range(0, len(ids), CHUNK):
        chunk = {"ids": list(ids[start : start + CHUNK])}
        for delete in _DELETES:
            connection.execute(delete, chunk)
