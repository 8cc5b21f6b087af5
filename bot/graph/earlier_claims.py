"""Calls that an earlier run of a thread claimed: some started, some were cut off, some never began."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bot.domain.hosting import ThreadRecord
from bot.domain.record import ActionRecord
from bot.domain.states import CLAIMED, STARTED, ActionState
from bot.errors import ClaimRefused
from bot.graph.reconciler import RETRY_S, TryLater
from bot.graph.tool_permits import Permit, Permits
from bot.membrane import Membrane


async def hold_up(membrane: Membrane, thread: ThreadRecord, actions: Iterable[ActionRecord]) -> None:
    """Raise TryLater while a freeze holds the thread or one of these actions.

    A freeze does not stop calls that a live run has claimed. Calls that an interrupted run claimed, or was
    about to claim, would start in a new run, and that run waits for the thaw.
    """
    kinds = {action.kind for action in actions}
    if freeze := await membrane.freeze_effects.find({thread.agent, thread.graph, *kinds}):
        raise TryLater(str(freeze), RETRY_S)


async def allow_again(
    membrane: Membrane,
    calls: Iterable[ActionRecord],
    permits: Permits,
    answers: Collection[str] = (),
    *,
    cut_off: bool,
) -> None:
    """Permit the calls that were claimed earlier and may start in this run.

    If a crash left a step unfinished (`cut_off`), its tools start again: calls of idempotent kinds are
    claimed again, others are barred. If not, a claimed call starts in this run for the first time, unless the
    run brings answers: then only an idempotent call may start again.
    """
    for action in calls:
        if action.state not in STARTED or action.interrupt_id in answers:
            continue
        permits.bar([action])
        if action.state is ActionState.UNKNOWN and await membrane.unknowns.may_have_run(action.id):
            continue
        if cut_off:
            try:
                await membrane.claims.start(action.id, action.args_digest, rerun=True)
            except ClaimRefused:
                continue
        elif action.state not in CLAIMED or (answers and not action.ruling.idempotent):
            continue
        permits.issue(Permit(action, call_id=action.call_id, reports=True))
