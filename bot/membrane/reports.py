"""Report: what became of an action that was claimed."""

from __future__ import annotations

from typing import Any

import orjson

from bot.domain.digest import result_digest
from bot.domain.record import ActionRecord, Standing, Verdict
from bot.domain.states import CLAIMED, UNSTARTED, ActionState
from bot.errors import ReportRefused
from bot.membrane.changes import redraw, withdraw_action
from bot.membrane.core import Core, action_run_by, standing_of, the_action
from bot.membrane.scrubber import Scrubber
from bot.membrane.unknown_receipts import close_unknown
from bot.store import actions, executions, unknowns
from bot.store.database import Transaction

MAX_DETAIL = 2000
"""Characters kept of an error."""


class Reports:
    """The use case of reporting on an effect."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def record(
        self,
        action_id: str,
        *,
        executed: bool,
        detail: str | None = None,
        result: Any = None,
        agent: str | None = None,
    ) -> Standing:
        """Record whether a claimed action was executed or failed. The same report again changes nothing.

        `detail` is the error of a failure; `result` is plain JSON. A late report settles an unknown receipt.
        If it says *executed*, it also withdraws a second start that a person has allowed since.

        Raises NotFound; ReportRefused if the action was never claimed or has another receipt; Conflict if an
        `agent` reports over HTTP on an action of a hosted thread.
        """
        core = self._core
        becomes = ActionState.EXECUTED if executed else ActionState.FAILED
        detail, result = await Scrubber(core).scrub_for_action(action_id, (detail, result))

        def work(tx: Transaction) -> Standing:
            now = core.clock()
            action = action_run_by(tx.connection, action_id, agent)
            if action.state is becomes:
                return standing_of(tx.connection, action_id)
            if becomes is ActionState.EXECUTED and _may_start_again(tx, action):
                withdraw_action(core, tx, action, "its first start is reported to have worked", now)
                action = the_action(tx.connection, action_id)
            elif action.state not in CLAIMED:
                raise ReportRefused(f"this action is {action.state}; only a claimed one can be reported on")
            why = detail[:MAX_DETAIL] if detail else None
            actions.move(tx.connection, action, becomes, at=now, detail=why, result=result)
            executions.reported(tx.connection, action_id, now)
            close_unknown(tx, action, now)
            redraw(tx, action_id, now)
            body = {"detail": why, "result_digest": self._digest_of_result(result)}
            tx.journal(now, f"action.{becomes}", body, action_id=action_id, tier=action.tier)
            return standing_of(tx.connection, action_id)

        standing = await core.db.write(work)
        core.quotas.count(standing.action.agent, len(orjson.dumps(result)), core.clock())
        core.wakeups.changed(action_id)
        return standing

    def _digest_of_result(self, result: Any) -> str | None:
        """Return what the journal keeps of a result: a keyed digest, as it may be small and secret."""
        if result is None:
            return None
        return result_digest(self._core.keyring, result)


def _may_start_again(tx: Transaction, action: ActionRecord) -> bool:
    """Whether a person said that the action did not happen, and nobody has claimed it since."""
    if action.state not in UNSTARTED:
        return False
    unknown = unknowns.latest(tx.connection, action.id)
    return unknown is not None and unknown.verdict is Verdict.DID_NOT
