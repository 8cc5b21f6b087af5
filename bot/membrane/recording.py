"""How a ruled action enters the store, whichever way it came: over HTTP, from a graph, in an interrupt."""

from __future__ import annotations

from typing import Any

from bot.domain.action import Action
from bot.domain.record import ActionRecord, Standing
from bot.domain.review import ActionState
from bot.domain.ruling import Ruling
from bot.errors import TooMany
from bot.membrane.changes import open_review
from bot.membrane.core import Core, standing_of, the_action
from bot.store import actions, reviews
from bot.store.database import Transaction

RETRY_CAPPED_S = 30.0
"""When an agent at its cap of open reviews may ask again."""


def record(core: Core, tx: Transaction, action: Action, ruling: Ruling, **place: Any) -> Standing:
    """Record a ruled action: passed, answered with a remembered rejection, or waiting for a new review.

    `place` are further columns: idempotency_key, thread_id, interrupt_id, place, call_id. Raises TooMany
    where the agent has as many reviews open as the policy lets wait at once.
    """
    if not ruling.tier.waits:
        return record_passed(core, tx, action, ruling, **place)
    limits, now = core.policy().limits, core.clock()
    since = now - limits.remember_rejection_s
    digest = core.digest_of(action)
    if remembered := actions.rejected_since(tx.connection, action.agent, digest, since):
        return _record_remembered(core, tx, action, ruling, remembered=remembered, **place)
    if reviews.open_count(tx.connection, action.agent) >= limits.open_per_agent:
        raise TooMany(
            f"{action.agent} has {limits.open_per_agent} reviews open, as many as the policy lets wait at "
            "once; ask again when some are decided",
            retry_after=RETRY_CAPPED_S,
        )
    row = actions.row_of(core.new_id("act"), action, digest, ruling, now, **place)
    _insert(tx, row, ruling, "action.proposed")
    proposed = the_action(tx.connection, row["id"])
    open_review(core, tx, proposed, ruling, now, interrupt_id=place.get("interrupt_id"))
    return standing_of(tx.connection, proposed.id)


def _record_remembered(
    core: Core,
    tx: Transaction,
    action: Action,
    ruling: Ruling,
    *,
    remembered: ActionRecord,
    **place: Any,
) -> Standing:
    now = core.clock()
    detail = f"the same action was rejected a moment ago ({remembered.id}), so nobody was asked again"
    if remembered.detail:
        detail += f": {remembered.detail}"
    settled = {"state": ActionState.REJECTED, "settled_at": now, "detail": detail}
    row = actions.row_of(
        core.new_id("act"),
        action,
        remembered.args_digest,
        ruling,
        now,
        remembers=remembered.id,
        **settled,
        **place,
    )
    _insert(tx, row, ruling, "action.remembered")
    return standing_of(tx.connection, row["id"])


def record_passed(core: Core, tx: Transaction, action: Action, ruling: Ruling, **place: Any) -> Standing:
    """Record an action that passes. Only appends, so it may share a group with others."""
    now, brief = core.clock(), ruling.brief()
    row = actions.row_of(core.new_id("act"), action, core.digest_of(action), brief, now, **place)
    _insert(tx, row, brief, "action.passed")
    return Standing(
        ActionRecord(
            id=row["id"],
            kind=action.kind,
            args=dict(action.args),
            args_digest=row["args_digest"],
            agent=action.agent,
            owner=action.owner,
            on_behalf_of=action.on_behalf_of,
            description=action.description,
            tier=ruling.tier,
            ruling=brief,
            state=ActionState.PASSED,
            proposed_at=now,
            thread_id=row["thread_id"],
            interrupt_id=row["interrupt_id"],
            place=row["place"],
            call_id=row["call_id"],
        )
    )


def _insert(tx: Transaction, row: dict[str, Any], ruling: Ruling, event: str) -> None:
    tx.append(actions.INSERT, row)
    body = {
        "kind": row["kind"],
        "args_digest": row["args_digest"],
        "agent": row["agent"],
        "tier": row["tier"],
        "rule": ruling.rule,
        "policy": ruling.policy_version,
    }
    tx.journal(row["proposed_at"], event, body, action_id=row["id"])
    if ruling.tier.waits or row["idempotency_key"]:
        tx.flush()
