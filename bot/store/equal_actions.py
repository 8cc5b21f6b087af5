"""Queries on equal actions: of one agent, with one of several args digests."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, and_, bindparam, func, select, text, update

from bot.domain.record import ActionRecord
from bot.domain.states import ActionState
from bot.store.actions import ACTIONS, record_of, records_of
from bot.store.statements import Prepared
from bot.store.tables import OF_ONE_AGENT, UNANSWERED, actions, literally

_OPEN = Prepared(
    select(actions.c.id).where(
        and_(
            text(OF_ONE_AGENT),
            actions.c.agent == bindparam("agent"),
            actions.c.state == bindparam("standing"),
            actions.c.args_digest == bindparam("digest"),
            func.coalesce(actions.c.on_behalf_of, "") == bindparam("name"),
            actions.c.idempotency_key.is_(None),
            actions.c.thread_id.is_(None),
            actions.c.turn_id.is_(None),
        )
    )
)
_OVER = Prepared(
    select(actions.c.id)
    .where(
        and_(
            text(UNANSWERED),
            actions.c.agent == bindparam("agent"),
            actions.c.args_digest == bindparam("digest"),
            actions.c.settled_at >= bindparam("since"),
            actions.c.settled_at <= bindparam("until"),
        )
    )
    .order_by(actions.c.settled_at.desc())
    .limit(bindparam("most"))
)
_REJECTED = Prepared(
    ACTIONS.where(
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
MOST_OVER = 20
"""Earlier actions that are compared at most."""


def open_ones(
    connection: Connection, agent: str, digests: Iterable[str], on_behalf_of: str | None
) -> list[ActionRecord]:
    """Return the equal actions that wait for people and act on behalf of the same person, oldest first.

    Actions with an idempotency key, in a turn with others or of a hosted thread are left out.
    """
    name, states = on_behalf_of or "", (ActionState.WAITING, ActionState.HALTED)
    asked = [
        {"agent": agent, "standing": state.value, "digest": digest, "name": name}
        for digest in digests
        for state in states
    ]
    found = [row.id for values in asked for row in _OPEN.all(connection, values)]
    return sorted(records_of(connection, found), key=lambda record: record.id) if found else []


def over(
    connection: Connection, agent: str, digests: Iterable[str], since: float, until: float
) -> list[ActionRecord]:
    """Return the equal actions that ended unanswered or withdrawn between two instants, latest first.

    Actions that took over the end of an earlier one are left out.
    """
    found = [
        row.id
        for digest in digests
        for row in _OVER.all(
            connection,
            {"agent": agent, "digest": digest, "since": since, "until": until, "most": MOST_OVER},
        )
    ]
    ended = records_of(connection, found) if found else []
    return sorted(ended, key=lambda record: record.settled_at or 0.0, reverse=True)[:MOST_OVER]


def rejected_since(
    connection: Connection, agent: str, digests: Iterable[str], since: float, until: float
) -> ActionRecord | None:
    """Return an equal action that a person rejected, or None.

    `digests` are all args digests that the action may be stored under. The latest rejection of each counts. A
    rejection after `until` was made while the clock was ahead, and does not count.
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
    """End an action as an earlier equal one ended: rejected, or aborted unanswered."""
    values = {"action_id": action_id, "earlier": earlier, "becomes": state.value, "at": at, "why": detail}
    _REMEMBER.changed(connection, values)
