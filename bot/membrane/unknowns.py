"""Settle an *unknown* receipt: a person says once whether the action happened. The bot never guesses."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from bot.domain.record import ActionRecord, Standing, Unknown, Verdict
from bot.domain.review import Vote
from bot.domain.states import ActionState
from bot.errors import Refusal, VoteRefused
from bot.membrane.changes import cast_vote, open_review, redraw
from bot.membrane.core import Core, standing_of, the_action
from bot.membrane.entitlement import entitle, requesters_of
from bot.membrane.thread_changes import settle_interrupt
from bot.membrane.unknown_receipts import note_unknown, the_unknown, who_may_say
from bot.store import actions, executions, redraws, restores, reviews, unknowns
from bot.store.database import Transaction


@dataclass(frozen=True, slots=True)
class _Said:
    """One click: the receipt that it answers, its verdict, its person, and the args digest of its card."""

    number: int
    verdict: Verdict
    by: str
    args_digest: str


class Unknowns:
    """The use cases of people who are asked about an unknown receipt."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def receipt(self, action_id: str, number: int) -> tuple[Standing, Unknown]:
        """Return an action and one of its unknown receipts. Raises NotFound."""

        def work(connection: Connection) -> tuple[Standing, Unknown]:
            return standing_of(connection, action_id), the_unknown(connection, action_id, number)

        return await self._core.db.read(work)

    async def may_have_run(self, action_id: str) -> bool:
        """Whether the action's last unknown receipt is due to a restore: it may have run since the backup."""
        unknown = await self._core.db.read(lambda connection: unknowns.latest(connection, action_id))
        return unknown is not None and unknown.restored_from is not None

    async def resolve(
        self,
        action_id: str,
        user: str,
        verdict: Verdict,
        *,
        number: int,
        args_digest: str,
        team: str | None = None,
    ) -> Standing:
        """Settle an unknown receipt with a person's verdict, once. Raises VoteRefused with why, or NotFound.

        *happened* makes the action executed. *did_not* opens a review that already counts this person's
        approval; an action that passes may be claimed once more; an action of a hosted thread has failed, as
        the thread went on without it. *left* leaves it unknown. `number` and `args_digest` are those of the
        person's card.
        """
        core = self._core
        standing, unknown = await self.receipt(action_id, number)
        requesters = await core.db.read(lambda connection: requesters_of(connection, standing.action))
        said = _Said(number, verdict, user, args_digest)
        try:
            if unknown.is_open:
                names = who_may_say(core.policy(), standing)
                await entitle(core, user, team, names=names, requesters=requesters)
            resolved = await core.db.write(lambda tx: self._resolve(tx, action_id, said))
        except VoteRefused as refused:
            await self._refused(action_id, said, refused)
            raise
        core.wakeups.wake(action_id)
        return resolved

    async def mark_unknown(self, action_id: str) -> bool:
        """Record the *unknown* receipt of a claimed action now, and ask people: its thread has ended.

        Returns False if it was reported or is unknown already.
        """
        core = self._core

        def work(tx: Transaction) -> bool:
            action = the_action(tx.connection, action_id)
            if action.state is not ActionState.RUNNING:
                return False
            execution = executions.of_action(tx.connection, action_id)[-1]
            executions.give_up(tx.connection, execution.key, execution.report_by or core.clock())
            note_unknown(core, tx, action, execution)
            return True

        noted = await core.db.write(work)
        core.wakeups.wake(action_id)
        return noted

    def _resolve(self, tx: Transaction, action_id: str, said: _Said) -> Standing:
        now = self._core.clock()
        action = the_action(tx.connection, action_id)
        if said.args_digest != action.args_digest:
            raise VoteRefused(
                Refusal.ARGS_CHANGED, "That card showed other arguments, so nothing was changed."
            )
        if not unknowns.say(tx.connection, action_id, said.number, said.verdict, by=said.by, now=now):
            raise VoteRefused(Refusal.DECIDED, "This is settled already. Your click changed nothing.")
        body = {"number": said.number, "by": said.by, "verdict": said.verdict}
        tx.journal(now, "action.resolved", body, action_id=action_id)
        redraws.touch_receipts(tx.connection, action_id, now=now, clicked=True)
        restores.close(tx.connection, action_id, now)
        if said.verdict is Verdict.HAPPENED:
            why = f"{said.by} says that it happened; the agent never reported it"
            _settle(tx, action, ActionState.EXECUTED, why, now)
        elif said.verdict is Verdict.DID_NOT and not _let_as_before(tx, action, said.number):
            self._run_it(tx, action, said.by, now)
        if action.interrupt_id is not None:
            settle_interrupt(tx, action.interrupt_id, now)
        redraw(tx, action_id, now)
        return standing_of(tx.connection, action_id)

    def _run_it(self, tx: Transaction, action: ActionRecord, user: str, now: float) -> None:
        """Let an action start once more, by the same way as the first time."""
        not_so = f"{user} says that it did not happen"
        if action.thread_id is not None:
            why = f"{not_so}; its thread went on without it, so it has to be proposed again"
            _settle(tx, action, ActionState.FAILED, why, now)
        elif action.tier.waits:
            ruling = reviews.of_action(tx.connection, action.id)[-1].ruling
            actions.move(tx.connection, action, ActionState.WAITING, at=None)
            review = open_review(self._core, tx, action, ruling, now)
            vote = Vote(user, approve=True, args_digest=action.args_digest, at=now)
            cast_vote(self._core, tx, review.id, vote)
        else:
            why = f"{not_so}, so it may start once more"
            actions.move(tx.connection, action, ActionState.PASSED, at=now, detail=why)

    async def _refused(self, action_id: str, said: _Said, refused: VoteRefused) -> None:
        """Journal who was refused and why. A card with outdated arguments is redrawn."""
        now = self._core.clock()

        def work(tx: Transaction) -> None:
            body = {"number": said.number, "by": said.by, "reason": refused.reason}
            tx.journal(now, "action.resolution_refused", body, action_id=action_id)
            if refused.reason is Refusal.ARGS_CHANGED:
                redraws.touch_receipts(tx.connection, action_id, now=now, clicked=True)

        await self._core.db.write(work)
        self._core.wakeups.wake()


def _let_as_before(tx: Transaction, action: ActionRecord, number: int) -> bool:
    """Put an action back into its state before the restore, if only the restore made it unknown.

    Returns False if it was claimed before the backup; then it needs a new start.
    """
    unknown = the_unknown(tx.connection, action.id, number)
    if unknown.restored_from is None or executions.of_action(tx.connection, action.id):
        return False
    review = standing_of(tx.connection, action.id).review
    if review is None:
        actions.move(tx.connection, action, ActionState.PASSED, at=unknown.closed_at)
    else:
        actions.move(tx.connection, action, ActionState.APPROVED, at=None, detail=review.note)
    return True


def _settle(tx: Transaction, action: ActionRecord, state: ActionState, why: str, now: float) -> None:
    actions.move(tx.connection, action, state, at=now, detail=why)
    executions.reported(tx.connection, action.id, now)
    tx.journal(now, f"action.{state}", {"detail": why}, action_id=action.id, tier=action.tier)
