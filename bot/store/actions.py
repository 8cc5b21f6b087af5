"""Queries on actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    Float,
    Integer,
    Row,
    String,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
    update,
)

from bot.domain.action import Action
from bot.domain.record import ActionRecord
from bot.domain.redaction import redact
from bot.domain.review import ActionState
from bot.domain.risk import BlastRadius, Risk, Tier
from bot.domain.ruling import Ruling
from bot.store import rulings
from bot.store.rulings import Brief
from bot.store.sqlite import Bulk, Prepared
from bot.store.tables import actions, literally
from bot.store.tables import rulings as shared

ROWS = Bulk(actions)
"""Inserts rows from `row_of`."""
_ACTIONS = select(actions, shared.c.body.label("shared")).outerjoin(
    shared, shared.c.id == actions.c.ruling_id
)
_BY_ID = Prepared(_ACTIONS.where(actions.c.id == bindparam("action_id")))
_BY_KEY = Prepared(
    _ACTIONS.where(and_(actions.c.agent == bindparam("agent"), actions.c.idempotency_key == bindparam("key")))
)
_OF_INTERRUPT = Prepared(_ACTIONS.where(actions.c.interrupt_id == bindparam("interrupt_id")))
_OF_TURN = Prepared(_ACTIONS.where(actions.c.turn_id == bindparam("turn_id")).order_by(actions.c.id))
_OF_THREAD = Prepared(
    _ACTIONS.where(actions.c.thread_id == bindparam("thread_id")).order_by(
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
_REJECTED = Prepared(
    _ACTIONS.where(
        and_(
            actions.c.agent == bindparam("agent"),
            actions.c.args_digest == bindparam("digest"),
            literally(actions.c.state, ActionState.REJECTED),
            actions.c.remembers.is_(None),
            actions.c.settled_at >= bindparam("since"),
            actions.c.settled_at <= bindparam("until"),
        )
    )
    .order_by(actions.c.settled_at.desc())
    .limit(1)
)
_QUEUED = literally(actions.c.state, ActionState.QUEUED)
_NEXT_QUEUED = Prepared(
    _ACTIONS.where(and_(_QUEUED, actions.c.agent == bindparam("agent")))
    .order_by(actions.c.id)
    .limit(bindparam("most"))
)
_NEXT_AGENT_QUEUED = Prepared(
    select(func.min(actions.c.agent)).where(and_(_QUEUED, actions.c.agent > bindparam("after")))
)
_QUEUED_COUNT = Prepared(select(func.count()).where(_QUEUED))
_REMEMBER = Prepared(
    update(actions)
    .where(actions.c.id == bindparam("action_id"))
    .values(
        state=bindparam("becomes"),
        settled_at=bindparam("at"),
        detail=bindparam("why"),
        remembers=bindparam("earlier"),
    )
)
_REDACTED = select(actions.c.args).where(cast(actions.c.args, String).like("%redacted %"))
_ITS_THREAD = select(actions.c.thread_id).where(actions.c.id == bindparam("action_id")).scalar_subquery()
_KEPT_BESIDE = Prepared(
    _REDACTED.where(or_(actions.c.id == bindparam("action_id"), actions.c.thread_id == _ITS_THREAD))
)
_KEPT_IN_THREAD = Prepared(_REDACTED.where(actions.c.thread_id == bindparam("thread_id")))
_UNDIGESTED = and_(
    literally(actions.c.tier, int(Tier.ASYNC_REVIEW)),
    actions.c.digest_id.is_(None),
    ~literally(actions.c.state, ActionState.FROZEN),  # it is named when it has passed
)
_OLDEST_UNDIGESTED = Prepared(select(func.min(actions.c.proposed_at)).where(_UNDIGESTED))
_NEXT_UNDIGESTED = (
    select(actions.c.id).where(_UNDIGESTED).order_by(actions.c.proposed_at).limit(bindparam("most"))
)
_TO_DIGEST = Prepared(
    update(actions).where(actions.c.id.in_(_NEXT_UNDIGESTED)).values(digest_id=bindparam("digest"))
)
_IN_DIGEST = select(func.count()).select_from(actions).where(actions.c.digest_id == bindparam("digest"))
_STEP = cast(actions.c.proposed_at / bindparam("step", type_=Float), Integer)
_STORED = (
    select(
        _STEP,
        func.sum(
            func.length(actions.c.args)
            + func.coalesce(func.length(actions.c.description), 0)
            + func.coalesce(func.length(actions.c.result), 0)
        ),
        func.count(),
    )
    .where(and_(actions.c.agent == bindparam("agent"), actions.c.proposed_at >= bindparam("since")))
    .group_by(_STEP)
)
_IS_HALTED = literally(actions.c.state, ActionState.HALTED)
_HALTED_IDS = select(actions.c.id).where(_IS_HALTED).order_by(actions.c.settled_at).limit(bindparam("most"))
_HALTED_COUNT = select(func.count()).select_from(actions).where(_IS_HALTED)
_BY_IDS = _ACTIONS.where(actions.c.id.in_(bindparam("ids", expanding=True)))
_HALTED = Prepared(
    _ACTIONS.where(literally(actions.c.state, ActionState.HALTED))
    .order_by(actions.c.settled_at)
    .limit(bindparam("most"))
)


def row_of(
    record: ActionRecord, action: Action, brief: Brief | None, *, idempotency_key: str | None = None
) -> tuple[Any, ...]:
    """Return a new action's row, for `ROWS`. `brief` is the ruling it shares; without, it has its own."""
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
    """Read a row back. What was redacted before it was kept is marked as such."""
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
    """Return what the agent proposed under an idempotency key, or None."""
    return _one(_BY_KEY.first(connection, {"agent": agent, "key": key}))


def of_interrupt(connection: Connection, interrupt_id: str) -> list[ActionRecord]:
    """Return the actions of an interrupt, in its order."""
    rows = _OF_INTERRUPT.all(connection, {"interrupt_id": interrupt_id})
    return sorted((record_of(row) for row in rows), key=lambda record: record.place or 0)


def of_turn(connection: Connection, turn_id: str) -> list[ActionRecord]:
    """Return the actions that one request proposed together, in its order."""
    return [record_of(row) for row in _OF_TURN.all(connection, {"turn_id": turn_id})]


def of_thread(connection: Connection, thread_id: str) -> list[ActionRecord]:
    """Return the actions of a thread, in the order they were proposed."""
    return [record_of(row) for row in _OF_THREAD.all(connection, {"thread_id": thread_id})]


def of_agent(
    connection: Connection, agent: str | None, *, most: int, before: str | None = None
) -> list[ActionRecord]:
    """Return the newest actions of an agent (of all, if None), older than the id `before`."""
    query = _ACTIONS.order_by(actions.c.id.desc()).limit(most)
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
    """Change an action's state if it is still what `action` says. False: somebody was first."""
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
    """Say which interrupt the action waits in now."""
    _LINK.changed(connection, {"action_id": action_id, "to": interrupt_id})


def rerule(connection: Connection, action_id: str, ruling: Ruling) -> None:
    """Write what an action is ruled now."""
    values = {
        "action_id": action_id,
        "becomes": int(ruling.tier),
        "body": ruling.to_json().decode(),
        "cost": ruling.cost_usd,
    }
    _RERULE.changed(connection, values)


def kept_beside(connection: Connection, action_id: str) -> list[str]:
    """Return arguments with something redacted, as they are kept, of an action and all in its thread."""
    return [row.args.decode() for row in _KEPT_BESIDE.all(connection, {"action_id": action_id})]


def kept_in_thread(connection: Connection, thread_id: str) -> list[str]:
    """Return arguments with something redacted, as they are kept, of the actions in a thread."""
    return [row.args.decode() for row in _KEPT_IN_THREAD.all(connection, {"thread_id": thread_id})]


def rejected_since(
    connection: Connection, agent: str, digests: Iterable[str], since: float, until: float
) -> ActionRecord | None:
    """Return a rejection by a person of the same action of the same agent, or None.

    `digests` are all that the action may be stored under; of each, the latest rejection counts. One that is
    said to be later than `until` was made while the clock was ahead, and is not remembered.
    """
    for digest in digests:
        values = {"agent": agent, "digest": digest, "since": since, "until": until}
        found = _REJECTED.first(connection, values)
        if found is not None:
            return record_of(found)
    return None


def remember(
    connection: Connection, action_id: str, earlier: str, state: ActionState, *, at: float, detail: str
) -> None:
    """Answer an action with how an earlier one of the same ended: rejected, or aborted as nobody answered."""
    values = {"action_id": action_id, "earlier": earlier, "becomes": state.value, "at": at, "why": detail}
    _REMEMBER.changed(connection, values)


def queued(connection: Connection, agent: str, most: int) -> list[ActionRecord]:
    """Return the actions of an agent that wait for a place among its open reviews, the oldest first."""
    return [record_of(row) for row in _NEXT_QUEUED.all(connection, {"agent": agent, "most": most})]


def agents_queued(connection: Connection) -> list[str]:
    """Return the agents with actions that wait for a place: one look in the index for each of them."""
    found: list[str] = []
    while (agent := _NEXT_AGENT_QUEUED.scalar(connection, {"after": found[-1] if found else ""})) is not None:
        found.append(agent)
    return found


def queued_count(connection: Connection) -> int:
    """Return how many actions wait for a place among the open reviews of their agent."""
    return int(_QUEUED_COUNT.scalar(connection))


def oldest_undigested(connection: Connection) -> float | None:
    """Return since when a Tier 1 action waits for a digest, or None."""
    at: float | None = _OLDEST_UNDIGESTED.scalar(connection)
    return at


def put_in_digest(connection: Connection, digest_id: str, most: int) -> int:
    """Put the oldest Tier 1 actions that no digest has named into this one. Returns how many."""
    return _TO_DIGEST.changed(connection, {"digest": digest_id, "most": most})


def count_in_digest(connection: Connection, digest_id: str) -> int:
    """Return how many actions a digest names."""
    return connection.execute(_IN_DIGEST, {"digest": digest_id}).scalar_one()


def records_of(connection: Connection, ids: Sequence[str]) -> list[ActionRecord]:
    """Return the actions of these ids, in no order."""
    return [record_of(row) for row in connection.execute(_BY_IDS, {"ids": list(ids)})]


def halted(connection: Connection, most: int = 50) -> list[ActionRecord]:
    """Return the actions that are parked after a safe-halt, the longest first."""
    return [record_of(row) for row in _HALTED.all(connection, {"most": most})]


def halted_ids(connection: Connection, most: int) -> list[str]:
    """Return the ids of the actions that are parked after a safe-halt, the longest first."""
    return list(connection.execute(_HALTED_IDS, {"most": most}).scalars())


def stored(connection: Connection, agent: str, since: float, step_s: float) -> list[tuple[int, int, int]]:
    """Return what an agent has stored since an instant: for each step of time the bytes and the actions."""
    rows = connection.execute(_STORED, {"agent": agent, "since": since, "step": step_s})
    return [(int(step), int(size), count) for step, size, count in rows]


def halted_count(connection: Connection) -> int:
    """Return how many actions are parked after a safe-halt."""
    return connection.execute(_HALTED_COUNT).scalar_one()
