"""Claim: the moment an action starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.action import Action
from bot.domain.record import ActionRecord, Claim, Standing
from bot.domain.reruling import says_more
from bot.domain.states import CLAIMED, LET_THROUGH, ActionState
from bot.errors import ClaimRefused, Refusal
from bot.membrane.changes import redraw
from bot.membrane.core import Core, action_run_by, standing_of, the_action
from bot.membrane.freezes import check_not_frozen
from bot.membrane.reapprovals import ask_again_if_needed
from bot.membrane.rerulings import rule_now, ruling_to_start_under, tightened
from bot.membrane.unknown_receipts import close_unknown, note_restored
from bot.store import actions, executions, restores
from bot.store.database import Transaction

MAY_HAVE_RUN = (
    "the database was restored from a backup, and this may have run since the backup; a person is asked, and "
    "it may start once they have said that it did not happen"
)


@dataclass(frozen=True, slots=True)
class _Request:
    """One request to claim an action.

    `args` are the real arguments, if the caller sent them; `rerun` asks for one more attempt; `agent` is set
    over HTTP. `by` is the token and `claimant` the caller's own name for its process: a claim is repeated to
    the same pair, whose first answer may have been lost.
    """

    args: Mapping[str, Any] | None
    rerun: bool = False
    agent: str | None = None
    by: str | None = None
    claimant: str | None = None


class Claims:
    """The use cases of starting an effect."""

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

        `asked` is the args digest that the caller was given, or the action as it is about to run. `args` are
        the real arguments if `asked` is a digest: the store does not hold redacted values.

        With `rerun`, an effect that was claimed and never reported may be claimed once more under the same
        key. Its kind must be idempotent, and the policy in force must not be stricter than the ruling that
        let it through.

        The token `by` and `claimant` that made a claim get the same claim again until its effect is
        reported, because their first answer may have been lost. They do not if a freeze holds the action, the
        policy has become stricter, or the receipt is unknown, which a person settles.

        Raises NotFound, or ClaimRefused with the reason. If the approval lapsed or the policy was tightened,
        a new review is open by then. With `agent`, which marks a claim over HTTP, raises Conflict for an
        action of a hosted thread (only its host starts it) and TooMany if the agent is at its cap.
        """
        core = self._core

        def work(tx: Transaction) -> Claim | ClaimRefused:
            action = action_run_by(tx.connection, action_id, agent)
            real = asked.args if isinstance(asked, Action) else args
            return self._claim(tx, action, asked, _Request(real, rerun, agent, by, claimant))

        claimed = await core.db.write(work)
        core.wakeups.changed(action_id)
        if isinstance(claimed, ClaimRefused):
            raise claimed
        return claimed

    def _claim(
        self, tx: Transaction, action: ActionRecord, asked: str | Action, request: _Request
    ) -> Claim | ClaimRefused:
        core, now = self._core, self._core.clock()
        if not self._matches(action, asked):
            raise ClaimRefused(
                Refusal.ARGS_CHANGED, "the args digest is not that of the arguments that were ruled"
            )
        if action.state in CLAIMED:
            if request.rerun and action.ruling.idempotent:
                check_not_frozen(tx, action, now)
            return self._repeat(tx, action, request) or self._claim_again(tx, action, request)
        standing = standing_of(tx.connection, action.id)
        if action.state not in LET_THROUGH:
            raise _not_claimable(action)
        check_not_frozen(tx, action, now)
        if refused := ask_again_if_needed(core, tx, standing, request.args, agent=request.agent):
            return refused
        if (since := restores.since(tx.connection, action.id)) is not None:
            note_restored(core, tx, action, since)
            return ClaimRefused(Refusal.ALREADY_CLAIMED, MAY_HAVE_RUN)
        review = standing.review
        key = f"{review.id if review else action.id}:{action.args_digest}"
        attempt = _record_attempt(tx, action, key, now, request)
        actions.move(tx.connection, action, ActionState.RUNNING, at=None, detail=action.detail)
        redraw(tx, action.id, now)
        _journal_claim(tx, action, now, key, attempt)
        return Claim(key, attempt, the_action(tx.connection, action.id), action.ruling.report_within_s)

    def _matches(self, action: ActionRecord, asked: str | Action) -> bool:
        if isinstance(asked, Action):
            return self._core.digest_fits(action.args_digest, asked)
        return asked == action.args_digest

    def _repeat(self, tx: Transaction, action: ActionRecord, request: _Request) -> Claim | None:
        """Return a running action's claim again if this token and process made it; None otherwise."""
        made = executions.of_action(tx.connection, action.id)[-1:]
        if request.rerun or request.by is None or action.state is not ActionState.RUNNING or not made:
            return None
        (earlier,), now = made, self._core.clock()
        if (earlier.claimed_by, earlier.claimant) != (request.by, request.claimant) or not earlier.report_by:
            return None
        if restores.since(tx.connection, action.id) is not None or self._asks_first(action, request):
            return None
        check_not_frozen(tx, action, now)
        body = {"key": earlier.key, "attempt": earlier.attempt}
        tx.journal(now, "action.claim_repeated", body, action_id=action.id, tier=action.tier)
        left = max(0.0, earlier.report_by - now)
        return Claim(earlier.key, earlier.attempt, action, left, repeated=True)

    def _asks_first(self, action: ActionRecord, request: _Request) -> bool:
        """Whether the policy in force would ask people about an action that was let through."""
        ruling = rule_now(self._core, action, action.ruling, request.args) or action.ruling
        return ruling.tier.waits and says_more(action.ruling, ruling) is not None

    def _claim_again(self, tx: Transaction, action: ActionRecord, request: _Request) -> Claim:
        now = self._core.clock()
        before = executions.of_action(tx.connection, action.id)
        if not before:
            raise ClaimRefused(Refusal.ALREADY_CLAIMED, MAY_HAVE_RUN)
        earlier, report_by = before[-1], now + action.ruling.report_within_s
        ruling = rule_now(self._core, action, action.ruling, request.args) or action.ruling
        may_rerun = request.rerun and action.ruling.idempotent and ruling.idempotent
        if not may_rerun or self._asks_first(action, request):
            raise _already_claimed()
        if not executions.claim_again(
            tx.connection,
            earlier,
            now=now,
            report_by=report_by,
            claimed_by=request.by,
            claimant=request.claimant,
        ):
            raise _already_claimed()
        actions.move(tx.connection, action, ActionState.RUNNING, at=None, detail=action.detail)
        close_unknown(tx, action, now)
        attempt = earlier.attempt + 1
        _journal_claim(tx, action, now, earlier.key, attempt)
        return Claim(earlier.key, attempt, action, action.ruling.report_within_s)

    async def recheck(self, standing: Standing, args: Mapping[str, Any]) -> str | None:
        """Ask people again about a hosted thread's action if its claim would do so now; return why, or None.

        The host calls this for every call of a batch before it claims the first.
        """
        core = self._core
        if ruling_to_start_under(standing).policy_version == core.policy().version:
            return None

        def work(tx: Transaction) -> ClaimRefused | None:
            present = standing_of(tx.connection, standing.action.id)
            if present.action.state not in {ActionState.PASSED, ActionState.APPROVED}:
                return None
            return ask_again_if_needed(core, tx, present, args)

        refused = await core.db.write(work)
        core.wakeups.changed(standing.action.id)
        return None if refused is None else str(refused)

    def why_not_start(self, standing: Standing, args: Mapping[str, Any] | None) -> str | None:
        """Return why a claimed effect that has not started must not start now; None if it may.

        Raises ClaimRefused if `args` are not the arguments that were ruled.
        """
        until = standing.decided.valid_until if standing.decided else None
        if until is not None and self._core.clock() > until:
            return "the approval has lapsed since"
        more = tightened(self._core, standing, args)
        return f"the policy was tightened since: {more.why}" if more and more.ruling.tier.waits else None


def _record_attempt(tx: Transaction, action: ActionRecord, key: str, now: float, request: _Request) -> int:
    """Write the row that admits the effect; return its attempt. Raises ClaimRefused if the key was used.

    A key is used again only after a person said that the first attempt did not happen. The system that the
    effect acts on can then tell by the key if that was an error.
    """
    report_by = now + action.ruling.report_within_s
    who = {"claimed_by": request.by, "claimant": request.claimant}
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


def _journal_claim(tx: Transaction, action: ActionRecord, now: float, key: str, attempt: int) -> None:
    body = {"key": key, "attempt": attempt}
    tx.journal(now, "action.claimed", body, action_id=action.id, tier=action.tier)


def _already_claimed() -> ClaimRefused:
    return ClaimRefused(Refusal.ALREADY_CLAIMED, "this action was started already; it runs once")


def _not_claimable(action: ActionRecord) -> ClaimRefused:
    if action.state in {ActionState.EXECUTED, ActionState.FAILED}:
        return _already_claimed()
    return ClaimRefused(Refusal.NOT_APPROVED, f"this action is {action.state}, so it may not start")
