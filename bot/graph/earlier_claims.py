"""What an earlier run of a thread left claimed: started, cut off, or not begun."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bot.domain.hosting import ThreadRecord
from bot.domain.record import ActionRecord
from bot.domain.states import CLAIMED, STARTED, ActionState
from bot.errors import ClaimRefused
from bot.graph.reconciler import RETRY_S, Later
from bot.graph.tool_permits import Permit, Permits
from bot.membrane import Membrane


async def hold_up(membrane: Membrane, thread: ThreadRecord, actions: Iterable[ActionRecord]) -> None:
    """Keep a thread where it is while a freeze holds it, or one of these actions. Raises Later.

    A freeze stops nothing that was claimed in a run which goes on. What a run that was broken off had
    claimed, or was about to claim, would start in a new one, and that waits for the thaw.
    """
    kinds = {action.kind for action in actions}
    if freeze := await membrane.freeze_effects.find({thread.agent, thread.graph, *kinds}):
        raise Later(str(freeze), RETRY_S)


async def allow_again(
    membrane: Membrane,
    calls: Iterable[ActionRecord],
    permits: Permits,
    answers: Collection[str] = (),
    *,
    cut_off: bool,
) -> None:
    """Permit the calls that were claimed before, and may start in this run.

    Where a crash left a step unfinished (`cut_off`), its tools start again: those of idempotent kinds are
    claimed again, the others are barred. Where it did not, a claimed call starts here for the first time,
    unless this run brings answers: then only an idempotent one may start again.
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
