"""Queries on what a digest names: counted by the database, and read only where it is shown.

A digest may name a million actions. Only counts leave the database, and the few actions that are examples.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, select

from bot.domain.record import Digested, DigestedGroup
from bot.domain.review import ActionState
from bot.store.actions import records_of
from bot.store.tables import actions

MOST_GROUPS = 15
"""Groups that a digest shows, those that cost most."""
EXAMPLES = 3
"""Actions that it shows of each."""

_NAMED = actions.c.digest_id == bindparam("digest")
_WRONG = actions.c.state.in_([ActionState.FAILED.value, ActionState.UNKNOWN.value])
_COST = func.coalesce(func.sum(actions.c.cost_usd), 0.0)


def _how_many(state: ActionState) -> Any:
    return func.sum(case((actions.c.state == state.value, 1), else_=0))


_GROUPS = (
    select(
        actions.c.agent,
        actions.c.kind,
        func.count(),
        _COST,
        _how_many(ActionState.FAILED),
        _how_many(ActionState.UNKNOWN),
        # Of all groups: the database has counted them when it has sorted them.
        func.count().over(),
        func.sum(func.count()).over(),
    )
    .where(_NAMED)
    .group_by(actions.c.agent, actions.c.kind)
    .order_by(_COST.desc(), func.count().desc(), actions.c.kind, actions.c.agent)
    .limit(MOST_GROUPS)
)
_EXAMPLES = (
    select(actions.c.id)
    .where(and_(_NAMED, actions.c.agent == bindparam("agent"), actions.c.kind == bindparam("kind")))
    .order_by(_WRONG.desc(), func.coalesce(actions.c.cost_usd, 0.0).desc(), actions.c.id)
    .limit(EXAMPLES)
)


def of_digest(connection: Connection, digest_id: str) -> Digested:
    """Return what a digest names: the costliest groups with examples, and how much more."""
    rows = connection.execute(_GROUPS, {"digest": digest_id}).all()
    groups = tuple(_group(connection, digest_id, *row[:6]) for row in rows)
    if not rows:
        return Digested(groups, 0, 0)
    return Digested(groups, groups_in_all=rows[0][6], count=rows[0][7])


def _group(connection: Connection, digest_id: str, *row: Any) -> DigestedGroup:
    agent, kind, count, cost_usd, failed, unknown = row
    of = {"digest": digest_id, "agent": agent, "kind": kind}
    ids = list(connection.execute(_EXAMPLES, of).scalars())
    found = {record.id: record for record in records_of(connection, ids)}
    examples = tuple(found[each] for each in ids if each in found)
    return DigestedGroup(agent, kind, count, float(cost_usd), failed, unknown, examples)
