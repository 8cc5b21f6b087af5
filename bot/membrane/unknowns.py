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
    """One press: which receipt it is about, what is said of it, by whom, on a card with which arguments."""

    number: int
    verdict: Verdict
    by: str
    args_digest: str


class Unknowns:
    """The use cases of whoever is asked about an unknown receipt."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def receipt(self, action_id: str, number: int) -> tuple[Standing, Unknown]:
        """Return an action and one of its unknown receipts. Raises NotFound."""

        def work(connection: Connection) -> tuple[Standing, Unknown]:
            return standing_of(connection, action_id), the_unknown(connection, action_id, number)

        return await self._core.db.read(work)

    async def may_have_run(self, action_id: str) -> bool:
        """Whether the action's last unknown receipt is of a restore: it may have run since the backup."""
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
        """Write what somebody says of an unknown receipt, once. Raises VoteRefused with why, or NotFound.

        *happened* makes it executed. *did_not* asks for its approval again and counts this person's; what
        passes by itself may be claimed once more; what a hosted thread went on without has failed. *left*
        leaves it unknown. `number` and `args_digest` are what the person's card showed.
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
        """Write at once that it is not known what became of a claimed action, and ask people.

        Its thread has ended, so nothing will report it. False: it was reported, or is known to be unknown.
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
        """Let an action start once more, in the way in which it was let the first time."""
        not_so = f"{user} says that it did not happen"
        if action.thread_id is not None:
            why = f"{not_so}; its thread went on without it, so it is to be proposed anew"
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
        """Keep who was refused and why; a card that is behind is drawn again."""
        now = self._core.clock()

        def work(tx: Transaction) -> None:
            body = {"number": said.number, "by": said.by, "reason": refused.reason}
            tx.journal(now, "action.resolution_refused", body, action_id=action_id)
            if refused.reason is Refusal.ARGS_CHANGED:
                redraws.touch_receipts(tx.connection, action_id, now=now, clicked=True)

        await self._core.db.write(work)
        self._core.wakeups.wake()


def _let_as_before(tx: Transaction, action: ActionRecord, number: int) -> bool:
    """Let an action start as it was let before a restore, if that is all that was not certain about it.

    False: it had been claimed before the backup, so it is let start anew.
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
