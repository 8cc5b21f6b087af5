"""Queries on actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Float,
    Row,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)

from bot.domain.action import Action
from bot.domain.record import ActionRecord
from bot.domain.redaction import redact
from bot.domain.risk import BlastRadius, Risk, Tier
from bot.domain.ruling import Ruling
from bot.domain.states import ActionState
from bot.store import rulings
from bot.store.expressions import DecodedText, WholePart
from bot.store.rulings import Brief
from bot.store.statements import Bulk, Prepared
from bot.store.tables import actions
from bot.store.tables import rulings as shared

ROWS = Bulk(actions)
"""Inserts rows from `row_of`."""
ACTIONS = select(actions, shared.c.body.label("shared")).outerjoin(shared, shared.c.id == actions.c.ruling_id)
"""Rows for `record_of`: actions with the rulings that they share."""
_BY_ID = Prepared(ACTIONS.where(actions.c.id == bindparam("action_id")))
_BY_KEY = Prepared(
    ACTIONS.where(and_(actions.c.agent == bindparam("agent"), actions.c.idempotency_key == bindparam("key")))
)
_OF_INTERRUPT = Prepared(ACTIONS.where(actions.c.interrupt_id == bindparam("interrupt_id")))
_OF_TURN = Prepared(ACTIONS.where(actions.c.turn_id == bindparam("turn_id")).order_by(actions.c.id))
_OF_THREAD = Prepared(
    ACTIONS.where(actions.c.thread_id == bindparam("thread_id")).order_by(
        actions.c.proposed_at, actions.c.place, actions.c.id
    )
)
_MOVE = Prepared(
    update(actions)
    .where(and_(actions.c.id == bindparam("action_id"), actions.c.state == bindparam("was")))
    .values(
        state=bindparam("becomes"),
        settled_at=bindparam("at"),
        detail=bindparam("why"),
        result=bindparam("outcome"),
    )
)
_LINK = Prepared(
    update(actions).where(actions.c.id == bindparam("action_id")).values(interrupt_id=bindparam("to"))
)
_RERULE = Prepared(
    update(actions)
    .where(actions.c.id == bindparam("action_id"))
    .values(tier=bindparam("becomes"), ruling=bindparam("body"), ruling_id=None, cost_usd=bindparam("cost"))
)
_REDACTED = select(actions.c.args).where(DecodedText(actions.c.args).like("%redacted %"))
_ITS_THREAD = select(actions.c.thread_id).where(actions.c.id == bindparam("action_id")).scalar_subquery()
_KEPT_BESIDE = Prepared(
    _REDACTED.where(or_(actions.c.id == bindparam("action_id"), actions.c.thread_id == _ITS_THREAD))
)
_KEPT_IN_THREAD = Prepared(_REDACTED.where(actions.c.thread_id == bindparam("thread_id")))
_SIZES = (
    select(
        WholePart(actions.c.proposed_at / bindparam("step", type_=Float)).label("step"),
        (
            func.length(actions.c.args)
            + func.coalesce(func.length(actions.c.description), 0)
            + func.coalesce(func.length(actions.c.result), 0)
        ).label("size"),
    )
    .where(and_(actions.c.agent == bindparam("agent"), actions.c.proposed_at >= bindparam("since")))
    .subquery("sizes")
)
_STORED = select(_SIZES.c.step, func.sum(_SIZES.c.size), func.count()).group_by(_SIZES.c.step)
_BY_IDS = ACTIONS.where(actions.c.id.in_(bindparam("ids", expanding=True)))


def row_of(
    record: ActionRecord, action: Action, brief: Brief | None, *, idempotency_key: str | None = None
) -> tuple[Any, ...]:
    """Return a new action's row for `ROWS`. `brief` is its shared ruling. Without it the row has its own."""
    hint = action.hint
    return (
        record.id,
        record.kind,
        action.canonical,
        record.args_digest,
        record.agent,
        record.owner,
        record.on_behalf_of,
        record.description,
        orjson.dumps([hint.reversible, hint.blast_radius, hint.cost_usd]).decode() if hint else None,
        int(record.tier),
        record.ruling.to_json().decode() if brief is None else None,
        brief.id if brief is not None else None,
        record.ruling.cost_usd,
        record.state.value,
        record.proposed_at,
        record.settled_at,
        record.detail,
        None,  # the result
        idempotency_key,
        record.thread_id,
        record.interrupt_id,
        record.place,
        record.call_id,
        None,  # the digest
        record.remembers,
        record.reference,
        record.turn_id,
    )


def record_of(row: Row[Any]) -> ActionRecord:
    """Return the action in a row. Arguments that were redacted before they were stored are marked."""
    ruling = rulings.read(row.ruling, row.shared, row.cost_usd)
    return ActionRecord(
        id=row.id,
        kind=row.kind,
        args=redact(orjson.loads(row.args), ruling.redact),
        args_digest=row.args_digest,
        agent=row.agent,
        owner=row.owner,
        on_behalf_of=row.on_behalf_of,
        description=row.description,
        tier=Tier(row.tier),
        ruling=ruling,
        state=ActionState(row.state),
        proposed_at=row.proposed_at,
        settled_at=row.settled_at,
        detail=row.detail,
        result=orjson.loads(row.result) if row.result else None,
        thread_id=row.thread_id,
        interrupt_id=row.interrupt_id,
        place=row.place,
        call_id=row.call_id,
        digest_id=row.digest_id,
        remembers=row.remembers,
        hint=_hint(row.hint),
        reference=row.reference,
        turn_id=row.turn_id,
    )


def _hint(text: str | None) -> Risk | None:
    if text is None:
        return None
    reversible, radius, cost_usd = orjson.loads(text)
    return Risk(reversible, BlastRadius(radius), cost_usd)


def _one(row: Row[Any] | None) -> ActionRecord | None:
    return record_of(row) if row is not None else None


def get(connection: Connection, action_id: str) -> ActionRecord | None:
    """Return the action, or None."""
    return _one(_BY_ID.first(connection, {"action_id": action_id}))


def by_key(connection: Connection, agent: str, key: str) -> ActionRecord | None:
    """Return the agent's action with an idempotency key, or None."""
    return _one(_BY_KEY.first(connection, {"agent": agent, "key": key}))


def of_interrupt(connection: Connection, interrupt_id: str) -> list[ActionRecord]:
    """Return the actions of an interrupt, in its order."""
    rows = _OF_INTERRUPT.all(connection, {"interrupt_id": interrupt_id})
    return sorted((record_of(row) for row in rows), key=lambda record: record.place or 0)


def of_turn(connection: Connection, turn_id: str) -> list[ActionRecord]:
    """Return the actions of one request, in its order."""
    return [record_of(row) for row in _OF_TURN.all(connection, {"turn_id": turn_id})]


def of_thread(connection: Connection, thread_id: str) -> list[ActionRecord]:
    """Return the actions of a thread, in the order they were proposed."""
    return [record_of(row) for row in _OF_THREAD.all(connection, {"thread_id": thread_id})]


def of_agent(
    connection: Connection, agent: str | None, *, most: int, before: str | None = None
) -> list[ActionRecord]:
    """Return the newest actions of an agent (None: of every agent) that are older than the id `before`."""
    query = ACTIONS.order_by(actions.c.id.desc()).limit(most)
    if agent is not None:
        query = query.where(actions.c.agent == agent)
    if before is not None:
        query = query.where(actions.c.id < before)
    return [record_of(row) for row in connection.execute(query)]


def move(
    connection: Connection,
    action: ActionRecord,
    state: ActionState,
    *,
    at: float | None,
    detail: str | None = None,
    result: Any = None,
) -> bool:
    """Change an action's state if it is still that of `action`. False: another change came first."""
    values = {
        "action_id": action.id,
        "was": action.state.value,
        "becomes": state.value,
        "at": at,
        "why": detail,
        "outcome": None if result is None else orjson.dumps(result).decode(),
    }
    return _MOVE.changed(connection, values) == 1


def link(connection: Connection, action_id: str, interrupt_id: str) -> None:
    """Set the interrupt that the action waits in."""
    _LINK.changed(connection, {"action_id": action_id, "to": interrupt_id})


def rerule(connection: Connection, action_id: str, ruling: Ruling) -> None:
    """Replace an action's ruling."""
    values = {
        "action_id": action_id,
        "becomes": int(ruling.tier),
        "body": ruling.to_json().decode(),
        "cost": ruling.cost_usd,
    }
    _RERULE.changed(connection, values)


def kept_beside(connection: Connection, action_id: str) -> list[str]:
    """Return the stored arguments with redactions of an action and of all actions in its thread."""
    return [row.args.decode() for row in _KEPT_BESIDE.all(connection, {"action_id": action_id})]


def kept_in_thread(connection: Connection, thread_id: str) -> list[str]:
    """Return the stored arguments with redactions of the actions in a thread."""
    return [row.args.decode() for row in _KEPT_IN_THREAD.all(connection, {"thread_id": thread_id})]


def records_of(connection: Connection, ids: Sequence[str]) -> list[ActionRecord]:
    """Return the actions with these ids, in no order."""
    return [record_of(row) for row in connection.execute(_BY_IDS, {"ids": list(ids)})]


def stored(connection: Connection, agent: str, since: float, step_s: float) -> list[tuple[int, int, int]]:
    """Count the bytes and actions that an agent stored since an instant, for each `step_s` seconds."""
    rows = connection.execute(_STORED, {"agent": agent, "since": since, "step": step_s})
    return [(int(step), int(size), count) for step, size, count in rows]
