"""Claim and report: the moment an action starts, and what became of it."""

from __future__ import annotations

from typing import Any

from bot.domain.action import Action
from bot.domain.digest import result_digest
from bot.domain.record import ActionRecord, Claim, Standing, Verdict
from bot.domain.review import ActionState
from bot.errors import ClaimRefused, Conflict, Refusal, ReportRefused
from bot.membrane.changes import GATE, WITHDRAWABLE, open_review, redraw, withdraw_action
from bot.membrane.core import Core, standing_of, the_action
from bot.store import actions, executions, messages, reviews, threads, unknowns
from bot.store.database import Transaction

MAX_DETAIL = 2000
"""Characters of an error that are kept."""


class Executing:
    """The use cases around an effect."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def claim(
        self, action_id: str, asked: str | Action, *, agent: str | None = None, rerun: bool = False
    ) -> Claim:
        """Claim an action's effect: once, for those arguments, while the approval is good.

        `asked` is the args digest that the caller was given, or the action as it is about to run.

        With `rerun` an effect that was claimed and never reported may be claimed once more under the same
        key, if its kind is idempotent. Raises NotFound, or ClaimRefused with the reason; one that lapsed
        is asked again, under a new review. With `agent`, which is how agents over HTTP claim, raises Conflict
        for an action of a hosted thread: its host alone starts it.
        """
        core = self._core

        def work(tx: Transaction) -> Claim | ClaimRefused:
            action = _the_agents_own(tx, action_id, agent)
            return self._claim(tx, action, asked, rerun=rerun)

        claimed = await core.db.write(work)
        core.bells.moved(action_id)
        if isinstance(claimed, ClaimRefused):
            raise claimed
        return claimed

    def _claim(
        self, tx: Transaction, action: ActionRecord, asked: str | Action, *, rerun: bool
    ) -> Claim | ClaimRefused:
        now = self._core.clock()
        if not self._is_of(action, asked):
            raise ClaimRefused(
                Refusal.ARGS_CHANGED, "the args digest is not of the arguments that were ruled"
            )
        if action.state in {ActionState.RUNNING, ActionState.UNKNOWN}:
            return self._claim_again(tx, action, now, rerun=rerun)
        standing = standing_of(tx.connection, action.id)
        if action.state not in {ActionState.PASSED, ActionState.APPROVED}:
            raise _not_claimable(action)
        if standing.valid_until is not None and now > standing.valid_until and not _passed_in_thread(action):
            return self._lapse(tx, action, now)
        review = standing.review
        key = f"{review.id if review else action.id}:{action.args_digest}"
        attempt = _attempt(tx, action, key, now)
        actions.move(tx.connection, action, ActionState.RUNNING, at=None, detail=action.detail)
        redraw(tx, action.id, now)
        _journal_claim(tx, action, now, key, attempt)
        return Claim(key, attempt, the_action(tx.connection, action.id))

    def _is_of(self, action: ActionRecord, asked: str | Action) -> bool:
        if isinstance(asked, Action):
            return self._core.digest_fits(action.args_digest, asked)
        return asked == action.args_digest

    def _claim_again(self, tx: Transaction, action: ActionRecord, now: float, *, rerun: bool) -> Claim:
        earlier = executions.of_action(tx.connection, action.id)[-1]
        report_by = now + action.ruling.report_within_s
        if not (rerun and action.ruling.idempotent) or not executions.claim_again(
            tx.connection, earlier, now=now, report_by=report_by
        ):
            raise _already_claimed()
        actions.move(tx.connection, action, ActionState.RUNNING, at=None, detail=action.detail)
        _close_unknown(tx, action, now)
        attempt = earlier.attempt + 1
        _journal_claim(tx, action, now, earlier.key, attempt)
        return Claim(earlier.key, attempt, action)

    def _lapse(self, tx: Transaction, action: ActionRecord, now: float) -> ClaimRefused:
        """Ask again: an approval does not keep. Returned, not raised, because the new review is to stay."""
        if action.state is ActionState.PASSED:
            raise ClaimRefused(Refusal.LAPSED, "this passed too long ago; propose the action again")
        interrupt = threads.interrupt(tx.connection, action.interrupt_id) if action.interrupt_id else None
        held = interrupt.id if interrupt and interrupt.shape != GATE else None
        actions.move(tx.connection, action, ActionState.WAITING, at=None)
        ruling = reviews.of_action(tx.connection, action.id)[-1].ruling
        open_review(self._core, tx, action, ruling, now, interrupt_id=held)
        if held is not None:
            threads.move_interrupt(tx.connection, held, "answered", "waiting", now)
        redraw(tx, action.id, now)
        tx.journal(now, "action.lapsed", {}, action_id=action.id)
        return ClaimRefused(Refusal.LAPSED, "the approval lapsed before it was used, so it is asked again")

    async def report(
        self,
        action_id: str,
        *,
        executed: bool,
        detail: str | None = None,
        result: Any = None,
        agent: str | None = None,
    ) -> Standing:
        """Write what became of a claimed action. Reporting the same again changes nothing.

        `detail` is the error where it failed; `result` is plain JSON. A late report settles an unknown
        receipt, and keeps what it says was executed from being run once more. Raises ReportRefused where it
        was never claimed, or its receipt says otherwise; Conflict where an `agent` over HTTP reports on an
        action of a hosted thread.
        """
        core = self._core
        becomes = ActionState.EXECUTED if executed else ActionState.FAILED

        def work(tx: Transaction) -> Standing:
            now = core.clock()
            action = _the_agents_own(tx, action_id, agent)
            if action.state is becomes:
                return standing_of(tx.connection, action_id)
            if becomes is ActionState.EXECUTED and _let_start_again(tx, action):
                withdraw_action(core, tx, action, "its first start is reported to have worked", now)
                action = the_action(tx.connection, action_id)
            elif action.state not in {ActionState.RUNNING, ActionState.UNKNOWN}:
                raise ReportRefused(f"this action is {action.state}; only a claimed one can be reported on")
            why = detail[:MAX_DETAIL] if detail else None
            actions.move(tx.connection, action, becomes, at=now, detail=why, result=result)
            executions.reported(tx.connection, action_id, now)
            _close_unknown(tx, action, now)
            redraw(tx, action_id, now)
            body = {"detail": why, "result_digest": self._digest_of_result(result)}
            tx.journal(now, f"action.{becomes}", body, action_id=action_id, tier=action.tier)
            return standing_of(tx.connection, action_id)

        standing = await core.db.write(work)
        core.bells.moved(action_id)
        return standing

    def _digest_of_result(self, result: Any) -> str | None:
        """Return what the journal keeps of a result: keyed, as the result may be small and secret."""
        if result is None:
            return None
        return result_digest(self._core.keyring, result)


def _the_agents_own(tx: Transaction, action_id: str, agent: str | None) -> ActionRecord:
    """Return the action, if this agent over HTTP may start it; for the host (None) that is any.

    Raises NotFound where it is another agent's, Conflict where a hosted thread runs it.
    """
    action = the_action(tx.connection, action_id, agent)
    if agent is not None and action.thread_id is not None:
        raise Conflict(
            f"this action belongs to the hosted thread {action.thread_id}, which starts it and reports on it "
            "by itself; over HTTP it can only be looked at"
        )
    return action


def _attempt(tx: Transaction, action: ActionRecord, key: str, now: float) -> int:
    """Claim an effect and return which attempt it is. Raises ClaimRefused where the key was used before.

    A second attempt under the same key is what a person has let start once more, who said that the first came
    to nothing: what it acts on can tell by the key if that was an error.
    """
    report_by = now + action.ruling.report_within_s
    if executions.claim(tx.connection, key, action.id, action.args_digest, now=now, report_by=report_by):
        return 1
    earlier = executions.get(tx.connection, key)
    once_more = action.state is ActionState.PASSED and action.settled_at is not None
    if not once_more or earlier is None:
        raise _already_claimed()
    if not executions.claim_again(tx.connection, earlier, now=now, report_by=report_by):
        raise _already_claimed()
    return earlier.attempt + 1


def _let_start_again(tx: Transaction, action: ActionRecord) -> bool:
    """Whether a person said that it did not happen, and it has not been claimed since."""
    if action.state not in WITHDRAWABLE:
        return False
    unknown = unknowns.latest(tx.connection, action.id)
    return unknown is not None and unknown.verdict is Verdict.DID_NOT


def _close_unknown(tx: Transaction, action: ActionRecord, now: float) -> None:
    """Ask nobody any more about an action that went on: it was reported, or is claimed again."""
    if action.state is ActionState.UNKNOWN:
        unknowns.close(tx.connection, action.id, now)
        messages.touch_receipts(tx.connection, action.id, now=now)


def _journal_claim(tx: Transaction, action: ActionRecord, now: float, key: str, attempt: int) -> None:
    body = {"key": key, "attempt": attempt}
    tx.journal(now, "action.claimed", body, action_id=action.id, tier=action.tier)


def _passed_in_thread(action: ActionRecord) -> bool:
    """What passes inside a batch waits for its siblings, through no fault of its own."""
    return action.state is ActionState.PASSED and action.thread_id is not None


def _already_claimed() -> ClaimRefused:
    return ClaimRefused(Refusal.ALREADY_CLAIMED, "this action was started already; it runs once")


def _not_claimable(action: ActionRecord) -> ClaimRefused:
    if action.state in {ActionState.EXECUTED, ActionState.FAILED}:
        return _already_claimed()
    return ClaimRefused(Refusal.NOT_APPROVED, f"this action is {action.state}, so it may not start")
