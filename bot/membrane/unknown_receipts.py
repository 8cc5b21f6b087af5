"""The *unknown* receipt: an action started and never reported back. People are asked on a card of its own."""

from __future__ import annotations

from sqlalchemy import Connection

from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.domain.notices import Notice, Subject
from bot.domain.policy import Policy
from bot.domain.record import ActionRecord, Standing, Unknown
from bot.domain.risk import Tier
from bot.domain.states import ActionState
from bot.errors import NotFound
from bot.membrane.admins import want as want_notice
from bot.membrane.changes import redraw
from bot.membrane.core import Core, standing_of
from bot.store import actions, executions, messages, redraws, restores, unknowns
from bot.store.database import Transaction
from bot.store.executions import Execution

WHY = "started, and never reported back: whether it happened is not known"
WHY_RESTORED = (
    "the database was restored from a backup, and this may have run since: whether it happened is not known"
)


def note_unknown(core: Core, tx: Transaction, action: ActionRecord, execution: Execution) -> None:
    """Record the *unknown* receipt of a running action whose report is overdue, and want its card."""
    _note(core, tx, action, WHY, claimed_at=execution.claimed_at, key=execution.key)


def note_restored(core: Core, tx: Transaction, action: ActionRecord, since: float) -> None:
    """Record the *unknown* receipt of an action that may have run since the restored backup."""
    _note(core, tx, action, WHY_RESTORED, claimed_at=since, key=None, restored_from=since)


def _note(
    core: Core,
    tx: Transaction,
    action: ActionRecord,
    why: str,
    *,
    claimed_at: float,
    key: str | None,
    restored_from: float | None = None,
) -> None:
    now = core.clock()
    actions.move(tx.connection, action, ActionState.UNKNOWN, at=now, detail=why)
    executions.await_none(tx.connection, action.id)
    redraw(tx, action.id, now)
    # Passing actions come at machine speed: an agent that never reports must not flood people.
    most = core.policy().limits.open_per_agent
    asked = action.tier.waits or unknowns.open_count(tx.connection, action.agent) < most
    unknown = unknowns.note(
        tx.connection,
        action.id,
        action.agent,
        claimed_at=claimed_at,
        now=now,
        asked=asked,
        restored_from=restored_from,
    )
    body: dict[str, object] = {"key": key, "number": unknown.number, "asked": asked}
    if restored_from is not None:
        body["restored_from"] = restored_from
    tx.journal(now, "action.unknown", body, action_id=action.id, tier=action.tier)
    if asked:
        _want_card(core, tx, action, unknown, now)
    else:
        restores.close(tx.connection, action.id, now)
        _tell_silent(core, tx, action.agent, most, now)


def _want_card(core: Core, tx: Transaction, action: ActionRecord, unknown: Unknown, now: float) -> None:
    urgency = {Tier.SYNC_APPROVAL: Priority.CARD_3, Tier.ASYNC_APPROVAL: Priority.CARD_2}
    messages.want(
        tx.connection,
        core.new_id("msg"),
        MessageKind.RECEIPT,
        where_asked(core.policy(), standing_of(tx.connection, action.id)),
        now=now,
        priority=urgency.get(action.tier, Priority.REST),
        action_id=action.id,
        position=unknown.number,
    )


def _tell_silent(core: Core, tx: Transaction, agent: str, most: int, now: float) -> None:
    """Tell the admins once a day about an agent that does not report."""
    policy = core.policy()
    channel = policy.admin_channel or policy.tiers[Tier.ASYNC_APPROVAL].channel
    notice = Notice(
        Subject.AGENT_SILENT,
        f"The agent {agent} has {most} actions that started and never reported back. Further ones of Tier 0 "
        "and 1 get no card until some of these are answered.",
        where=f"the agent {agent}; the cards of these actions are in {channel}",
        todo="Make it report on each action that it claims, and answer the cards.",
        about=agent,
    )
    want_notice(tx, [channel], notice, now)


def where_asked(policy: Policy, standing: Standing) -> str:
    """Return the channel in which people are asked about an unknown receipt.

    It is the channel of the action's review; without one, that of the admins.
    """
    if standing.review is not None and standing.review.ruling.channel is not None:
        return standing.review.ruling.channel
    return policy.admin_channel or policy.tiers[Tier.ASYNC_APPROVAL].channel


def the_unknown(connection: Connection, action_id: str, number: int) -> Unknown:
    """Return one of an action's unknown receipts. Raises NotFound."""
    unknown = unknowns.get(connection, action_id, number)
    if unknown is None:
        raise NotFound(f"there is no unknown receipt {number} of {action_id}")
    return unknown


def who_may_say(policy: Policy, standing: Standing) -> tuple[str, ...]:
    """Return the names of the policy's people who may settle an unknown receipt.

    They are the approvers of the action's review; without one, the admins, or else Tier 2's approvers.
    """
    if standing.review is not None:
        return standing.review.ruling.approvers
    return policy.admins or policy.tiers[Tier.ASYNC_APPROVAL].approvers


def close_unknown(tx: Transaction, action: ActionRecord, now: float) -> None:
    """Stop asking people about an action that was reported, or is claimed again."""
    if action.state is ActionState.UNKNOWN:
        unknowns.close(tx.connection, action.id, now)
        redraws.touch_receipts(tx.connection, action.id, now=now)
