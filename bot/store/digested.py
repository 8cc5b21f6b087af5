"""Queries on the actions that a digest names.

A digest may name a million actions. Only the counts and a few examples are in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, func, select, update

from bot.domain.record import Digested, DigestedGroup
from bot.domain.risk import Tier
from bot.domain.states import ActionState
from bot.store.actions import records_of
from bot.store.statements import Prepared
from bot.store.tables import actions, literally

MOST_GROUPS = 15
"""Groups that a digest shows: the most expensive ones."""
EXAMPLES = 3
"""Example actions of each group."""

AT_ONCE = 2_000
"""Rows in memory at once while counting."""

_NAMED = actions.c.digest_id == bindparam("digest")
_WRONG = actions.c.state.in_([ActionState.FAILED.value, ActionState.UNKNOWN.value])
_ROWS = select(
    actions.c.agent, actions.c.kind, func.coalesce(actions.c.cost_usd, 0.0), actions.c.state
).where(_NAMED)
_EXAMPLES = (
    select(actions.c.id)
    .where(and_(_NAMED, actions.c.agent == bindparam("agent"), actions.c.kind == bindparam("kind")))
    .order_by(_WRONG.desc(), func.coalesce(actions.c.cost_usd, 0.0).desc(), actions.c.id)
    .limit(EXAMPLES)
)

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


@dataclass(slots=True)
class _Counted:
    """Sums over one agent's actions of one kind."""

    count: int = 0
    cost_usd: float = 0.0
    failed: int = 0
    unknown: int = 0


def of_digest(connection: Connection, digest_id: str) -> Digested:
    """Return a digest's most expensive groups with examples, and the number of groups and actions."""
    counted = _counted(connection, digest_id)
    costliest = sorted(counted, key=lambda each: (-counted[each].cost_usd, -counted[each].count, *each[::-1]))
    groups = tuple(_group(connection, digest_id, *each, counted[each]) for each in costliest[:MOST_GROUPS])
    return Digested(groups, len(counted), sum(each.count for each in counted.values()))


def _counted(connection: Connection, digest_id: str) -> dict[tuple[str, str], _Counted]:
    """Count by agent and kind, row by row. The database would first sort all rows in memory."""
    found: dict[tuple[str, str], _Counted] = {}
    rows = connection.execute(_ROWS, {"digest": digest_id}, execution_options={"yield_per": AT_ONCE})
    for agent, kind, cost_usd, state in rows:
        group = found.get((agent, kind))
        if group is None:
            group = found[agent, kind] = _Counted()
        group.count += 1
        group.cost_usd += cost_usd
        group.failed += state == ActionState.FAILED
        group.unknown += state == ActionState.UNKNOWN
    return found


def _group(connection: Connection, digest_id: str, agent: str, kind: str, sums: _Counted) -> DigestedGroup:
    of = {"digest": digest_id, "agent": agent, "kind": kind}
    ids = list(connection.execute(_EXAMPLES, of).scalars())
    found = {record.id: record for record in records_of(connection, ids)}
    examples = tuple(found[each] for each in ids if each in found)
    return DigestedGroup(agent, kind, sums.count, sums.cost_usd, sums.failed, sums.unknown, examples)


def oldest_undigested(connection: Connection) -> float | None:
    """Return when the oldest Tier 1 action without a digest was proposed, or None."""
    at: float | None = _OLDEST_UNDIGESTED.scalar(connection)
    return at


def put_in_digest(connection: Connection, digest_id: str, most: int) -> int:
    """Put the oldest Tier 1 actions without a digest into this one. Return their number."""
    return _TO_DIGEST.changed(connection, {"digest": digest_id, "most": most})


def count_in_digest(connection: Connection, digest_id: str) -> int:
    """Return the number of actions in a digest."""
    return connection.execute(_IN_DIGEST, {"digest": digest_id}).scalar_one()
