"""Claim and report: the moment an action starts, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bot.domain.action import Action
from bot.domain.digest import result_digest
from bot.domain.record import ActionRecord, Claim, Standing, Verdict
from bot.domain.repair import is_ahead
from bot.domain.reruling import says_more
from bot.domain.ruling import Ruling
from bot.domain.states import CLAIMED, LET_THROUGH, UNSTARTED, ActionState, InterruptShape, InterruptState
from bot.errors import ClaimRefused, Conflict, Refusal, ReportRefused
from bot.membrane.caps import ask, check_cap
from bot.membrane.changes import redraw, withdraw_action
from bot.membrane.core import Core, standing_of, the_action
from bot.membrane.freezes import check_not_frozen
from bot.membrane.rerulings import let_under, ruled_now, tightened
from bot.membrane.scrubber import Scrubber
from bot.membrane.unknowns import note_restored
from bot.store import actions, executions, interrupts, messages, restores, unknowns
from bot.store.database import Transaction

MAX_DETAIL = 2000
"""Characters of an error that are kept."""
MAY_HAVE_RUN = (
    "the database was restored from a backup, and this may have run since; a person is asked whether it did, "
    "and it may start once they have said that it did not"
)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a claim is made: with which real arguments, if any, whether once more, by which agent over HTTP.

    `by` and `claimant` are the token, and the process in its own words, that a lost answer is repeated for.
    """

    args: Mapping[str, Any] | None
    rerun: bool = False
    agent: str | None = None
    by: str | None = None
    claimant: str | None = None


class Claims:
    """The use cases around an effect."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def start(
        self,
        action_id: str,
        asked: str | Action,
        *,
        agent: str | None = None,
        rerun: bool = False,
        args: Mapping[str, Any] | None = None,
        by: str | None = None,
        claimant: str | None = None,
    ) -> Claim:
        """Claim an action's effect: once, for those arguments, while the approval is good.

        `asked` is the args digest that the caller was given, or the action as it is about to run.

        With `rerun` an effect that was claimed and never reported may be claimed once more under the same
        key, if its kind is idempotent and the policy in force says no more of it than the one that let it
        through. `args` are its real arguments where `asked` does not say: the store lacks what is
        redacted of them.

        Until its effect is reported, the same claim is given again to the token `by` that made it, under the
        same `claimant`: its first answer may have been lost. A freeze, or a policy that says more by now,
        keeps it from that; and so does an unknown receipt, since a person is asked then.

        Raises NotFound, or ClaimRefused with the reason; one that lapsed, or that the policy says more of, is
        asked (again), under a new review. With `agent`, which is how agents over HTTP claim, raises Conflict
        for an action of a hosted thread: its host alone starts it.
        """
        core = self._core

        def work(tx: Transaction) -> Claim | ClaimRefused:
            action = _the_agents_own(tx, action_id, agent)
            real = asked.args if isinstance(asked, Action) else args
            return self._claim(tx, action, asked, _Manner(real, rerun, agent, by, claimant))

        claimed = await core.db.write(work)
        core.wakeups.moved(action_id)
        if isinstance(claimed, ClaimRefused):
            raise claimed
        return claimed

    def _claim(
        self, tx: Transaction, action: ActionRecord, asked: str | Action, manner: _Manner
    ) -> Claim | ClaimRefused:
        now = self._core.clock()
        if not self._is_of(action, asked):
            raise ClaimRefused(
                Refusal.ARGS_CHANGED, "the args digest is not of the arguments that were ruled"
            )
        if action.state in CLAIMED:
            if manner.rerun and action.ruling.idempotent:
                check_not_frozen(tx, action, now)
            return self._repeated(tx, action, manner) or self._claim_again(tx, action, manner)
        standing = standing_of(tx.connection, action.id)
        if action.state not in LET_THROUGH:
            raise _not_claimable(action)
        check_not_frozen(tx, action, now)
        if refused := self._hold(tx, standing, manner):
            return refused
        if (since := restores.since(tx.connection, action.id)) is not None:
            note_restored(self._core, tx, action, since)
            return ClaimRefused(Refusal.ALREADY_CLAIMED, MAY_HAVE_RUN)
        review = standing.review
        key = f"{review.id if review else action.id}:{action.args_digest}"
        attempt = _attempt(tx, action, key, now, manner)
        actions.move(tx.connection, action, ActionState.RUNNING, at=None, detail=action.detail)
        redraw(tx, action.id, now)
        _journal_claim(tx, action, now, key, attempt)
        return Claim(key, attempt, the_action(tx.connection, action.id), action.ruling.report_within_s)

    def _is_of(self, action: ActionRecord, asked: str | Action) -> bool:
        if isinstance(asked, Action):
            return self._core.digest_fits(action.args_digest, asked)
        return asked == action.args_digest

    def _repeated(self, tx: Transaction, action: ActionRecord, manner: _Manner) -> Claim | None:
        """Return a running action's claim once more to the token and process that made it; None to others."""
        made = executions.of_action(tx.connection, action.id)[-1:]
        if manner.rerun or manner.by is None or action.state is not ActionState.RUNNING or not made:
            return None
        (earlier,), now = made, self._core.clock()
        if (earlier.claimed_by, earlier.claimant) != (manner.by, manner.claimant) or not earlier.report_by:
            return None
        if restores.since(tx.connection, action.id) is not None or self._asks_first(action, manner):
            return None
        check_not_frozen(tx, action, now)
        body = {"key": earlier.key, "attempt": earlier.attempt}
        tx.journal(now, "action.claim_repeated", body, action_id=action.id, tier=action.tier)
        left = max(0.0, earlier.report_by - now)
        return Claim(earlier.key, earlier.attempt, action, left, repeated=True)

    def _asks_first(self, action: ActionRecord, manner: _Manner) -> bool:
        """Whether the policy in force would have people asked about what was let through."""
        ruling = ruled_now(self._core, action, action.ruling, manner.args) or action.ruling
        return ruling.tier.waits and says_more(action.ruling, ruling) is not None

    def _claim_again(self, tx: Transaction, action: ActionRecord, manner: _Manner) -> Claim:
        now = self._core.clock()
        before = executions.of_action(tx.connection, action.id)
        if not before:
            raise ClaimRefused(Refusal.ALREADY_CLAIMED, MAY_HAVE_RUN)
        earlier, report_by = before[-1], now + action.ruling.report_within_s
        ruling = ruled_now(self._core, action, action.ruling, manner.args) or action.ruling
        may_rerun = manner.rerun and action.ruling.idempotent and ruling.idempotent
        if not may_rerun or self._asks_first(action, manner):
            raise _already_claimed()
        if not executions.claim_again(
            tx.connection,
            earlier,
            now=now,
            report_by=report_by,
            claimed_by=manner.by,
            claimant=manner.claimant,
        ):
            raise _already_claimed()
        actions.move(tx.connection, action, ActionState.RUNNING, at=None, detail=action.detail)
        _close_unknown(tx, action, now)
        attempt = earlier.attempt + 1
        _journal_claim(tx, action, now, earlier.key, attempt)
        return Claim(earlier.key, attempt, action, action.ruling.report_within_s)

    def _hold(self, tx: Transaction, standing: Standing, manner: _Manner) -> ClaimRefused | None:
        """Hold what the policy in force says more of, or what lapsed: it is put up for approval (again).

        The refusal is returned, not raised, because the new review is to stay. None: it may start.
        """
        action, now = standing.action, self._core.clock()
        more = tightened(self._core, standing, manner.args)
        if _lapsed(standing, now) and not _passed_in_thread(action):
            if action.state is ActionState.PASSED:
                raise ClaimRefused(Refusal.LAPSED, "this passed too long ago; propose the action again")
            ruling = more.ruling if more else let_under(standing)
            self._ask_again(tx, action, ruling, "action.lapsed", {})
            why = "the approval lapsed before it was used, so it is asked again"
            return ClaimRefused(Refusal.LAPSED, why, ActionState.WAITING)
        if more is None:
            return None
        if not more.ruling.tier.waits:
            actions.rerule(tx.connection, action.id, more.ruling)  # passes still, and is in the digest
            return None
        if manner.agent is not None:
            check_cap(self._core, tx, action.agent, now)
        body = {"tier": int(more.ruling.tier), "policy": more.ruling.policy_version, "why": more.why}
        self._ask_again(tx, action, more.ruling, "action.tightened", body)
        why = f"the policy was tightened since it let this through, so people are asked: {more.why}"
        return ClaimRefused(Refusal.TIGHTENED, why, ActionState.WAITING)

    def _ask_again(
        self, tx: Transaction, action: ActionRecord, ruling: Ruling, event: str, body: dict[str, Any]
    ) -> None:
        """Put an action up for approval (again); the thread that it belongs to waits on."""
        now = self._core.clock()
        interrupt = interrupts.get(tx.connection, action.interrupt_id) if action.interrupt_id else None
        held = interrupt.id if interrupt and interrupt.shape is not InterruptShape.GATE else None
        actions.move(tx.connection, action, ActionState.WAITING, at=None)
        if ruling.policy_version != action.ruling.policy_version:
            actions.rerule(tx.connection, action.id, ruling)
        asked, hosted = the_action(tx.connection, action.id), action.thread_id is not None
        ask(self._core, tx, asked, ruling, now, interrupt_id=held, queues=hosted)
        if held is not None:
            interrupts.move(tx.connection, held, InterruptState.ANSWERED, InterruptState.WAITING, now)
        redraw(tx, action.id, now)
        tx.journal(now, event, body, action_id=action.id)

    async def hold_back(self, standing: Standing, args: Mapping[str, Any]) -> str | None:
        """Put a hosted thread's action up for approval where its claim would do so now; return why, or None.

        Calls that are answered together are looked at in this way before the first of them is claimed.
        """
        core = self._core
        if let_under(standing).policy_version == core.policy().version:
            return None

        def work(tx: Transaction) -> ClaimRefused | None:
            present = standing_of(tx.connection, standing.action.id)
            if present.action.state not in {ActionState.PASSED, ActionState.APPROVED}:
                return None
            return self._hold(tx, present, _Manner(args))

        held = await core.db.write(work)
        core.wakeups.moved(standing.action.id)
        return None if held is None else str(held)

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
        detail, result = await Scrubber(core).of_action(action_id, (detail, result))

        def work(tx: Transaction) -> Standing:
            now = core.clock()
            action = _the_agents_own(tx, action_id, agent)
            if action.state is becomes:
                return standing_of(tx.connection, action_id)
            if becomes is ActionState.EXECUTED and _let_start_again(tx, action):
                withdraw_action(core, tx, action, "its first start is reported to have worked", now)
                action = the_action(tx.connection, action_id)
            elif action.state not in CLAIMED:
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
        core.quotas.count(standing.action.agent, len(orjson.dumps(result)), core.clock())
        core.wakeups.moved(action_id)
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


def _attempt(tx: Transaction, action: ActionRecord, key: str, now: float, manner: _Manner) -> int:
    """Claim an effect and return which attempt it is. Raises ClaimRefused where the key was used before.

    A second attempt under the same key is what a person has let start once more, who said that the first came
    to nothing: what it acts on can tell by the key if that was an error.
    """
    report_by = now + action.ruling.report_within_s
    who = {"claimed_by": manner.by, "claimant": manner.claimant}
    if executions.claim(
        tx.connection, key, action.id, action.args_digest, now=now, report_by=report_by, **who
    ):
        return 1
    earlier = executions.get(tx.connection, key)
    once_more = action.state is ActionState.PASSED and action.settled_at is not None
    if not once_more or earlier is None:
        raise _already_claimed()
    if not executions.claim_again(tx.connection, earlier, now=now, report_by=report_by, **who):
        raise _already_claimed()
    return earlier.attempt + 1


def _let_start_again(tx: Transaction, action: ActionRecord) -> bool:
    """Whether a person said that it did not happen, and it has not been claimed since."""
    if action.state not in UNSTARTED:
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


def _lapsed(standing: Standing, now: float) -> bool:
    """Whether it may not start any more. What a clock that was ahead let start is no better than that."""
    until, valid_for = standing.valid_until, standing.action.ruling.valid_for_s
    return until is not None and (now > until or is_ahead(until, now + valid_for))


def _passed_in_thread(action: ActionRecord) -> bool:
    """What passes inside a batch waits for its siblings, through no fault of its own."""
    return action.state is ActionState.PASSED and action.thread_id is not None


def _already_claimed() -> ClaimRefused:
    return ClaimRefused(Refusal.ALREADY_CLAIMED, "this action was started already; it runs once")


def _not_claimable(action: ActionRecord) -> ClaimRefused:
    if action.state in {ActionState.EXECUTED, ActionState.FAILED}:
        return _already_claimed()
    return ClaimRefused(Refusal.NOT_APPROVED, f"this action is {action.state}, so it may not start")
