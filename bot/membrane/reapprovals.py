"""Ask people again about an action that was let through: its approval lapsed, or the policy was tightened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.future_instants import is_ahead
from bot.domain.record import ActionRecord, Standing
from bot.domain.ruling import Ruling
from bot.domain.states import ActionState, InterruptShape, InterruptState
from bot.errors import ClaimRefused, Refusal
from bot.membrane.caps import check_cap, open_or_queue
from bot.membrane.changes import redraw
from bot.membrane.core import Core, the_action
from bot.membrane.rerulings import ruling_to_start_under, tightened
from bot.store import actions, interrupts
from bot.store.database import Transaction


def ask_again_if_needed(
    core: Core,
    tx: Transaction,
    standing: Standing,
    args: Mapping[str, Any] | None,
    *,
    agent: str | None = None,
) -> ClaimRefused | None:
    """Return why an action may not start before people are asked again; None if it may start.

    The refusal is returned, not raised, because the transaction that opens the new review must commit.
    `agent` is set for a claim over HTTP; such a claim counts against the agent's cap of open reviews. Raises
    ClaimRefused for an action that passed too long ago, which only a new proposal can start, and TooMany.
    """
    action, now = standing.action, core.clock()
    more = tightened(core, standing, args)
    if _lapsed(standing, now) and not _passed_in_thread(action):
        if action.state is ActionState.PASSED:
            raise ClaimRefused(Refusal.LAPSED, "this passed too long ago; propose the action again")
        ruling = more.ruling if more else ruling_to_start_under(standing)
        ask_again(core, tx, action, ruling, event="action.lapsed", body={})
        why = "the approval lapsed before it was used, so people are asked again"
        return ClaimRefused(Refusal.LAPSED, why, ActionState.WAITING)
    if more is None:
        return None
    if not more.ruling.tier.waits:
        actions.rerule(tx.connection, action.id, more.ruling)  # still passes, and is named in the digest
        return None
    if agent is not None:
        check_cap(core, tx, action.agent, now)
    body = {"tier": int(more.ruling.tier), "policy": more.ruling.policy_version, "why": more.why}
    ask_again(core, tx, action, more.ruling, event="action.tightened", body=body)
    why = f"the policy was tightened since it let this through, so people are asked: {more.why}"
    return ClaimRefused(Refusal.TIGHTENED, why, ActionState.WAITING)


def ask_again(
    core: Core, tx: Transaction, action: ActionRecord, ruling: Ruling, *, event: str, body: dict[str, Any]
) -> None:
    """Open a new review of an action. Its hosted thread, if any, keeps waiting. Journals `event`."""
    now = core.clock()
    interrupt = interrupts.get(tx.connection, action.interrupt_id) if action.interrupt_id else None
    held = interrupt.id if interrupt and interrupt.shape is not InterruptShape.GATE else None
    actions.move(tx.connection, action, ActionState.WAITING, at=None)
    if ruling.policy_version != action.ruling.policy_version:
        actions.rerule(tx.connection, action.id, ruling)
    asked, hosted = the_action(tx.connection, action.id), action.thread_id is not None
    open_or_queue(core, tx, asked, ruling, now, interrupt_id=held, queues=hosted)
    if held is not None:
        interrupts.move(tx.connection, held, InterruptState.ANSWERED, InterruptState.WAITING, now)
    redraw(tx, action.id, now)
    tx.journal(now, event, body, action_id=action.id)


def _lapsed(standing: Standing, now: float) -> bool:
    """Whether it is too late to start. An approval dated by a clock that was ahead has lapsed, too."""
    until, valid_for = standing.valid_until, standing.action.ruling.valid_for_s
    return until is not None and (now > until or is_ahead(until, now + valid_for))


def _passed_in_thread(action: ActionRecord) -> bool:
    """Whether this passed in a batch of a hosted thread: it waits for the others, so it does not lapse."""
    return action.state is ActionState.PASSED and action.thread_id is not None
