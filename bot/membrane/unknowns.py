"""Say what became of an action that started and never reported back: the *unknown* receipt.

Nothing is guessed: a person is asked, on a card of its own, and answers once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from bot.domain.notices import Notice, Subject
from bot.domain.policy import Policy
from bot.domain.record import ActionRecord, Standing, Unknown, Verdict
from bot.domain.review import Vote
from bot.domain.risk import Tier
from bot.domain.states import ActionState
from bot.errors import NotFound, Refusal, VoteRefused
from bot.membrane.admins import want as want_notice
from bot.membrane.changes import cast_vote, open_review, redraw, settle_interrupt
from bot.membrane.core import Core, standing_of, the_action
from bot.membrane.entitlement import entitle, requesters_of
from bot.store import actions, executions, messages, restores, reviews, unknowns
from bot.store.database import Transaction
from bot.store.executions import Execution

WHY = "started, and never reported back: whether it happened is not known"
WHY_RESTORED = (
    "the database was restored from a backup, and this may have run since: whether it happened is not known"
)


def note_unknown(core: Core, tx: Transaction, action: ActionRecord, execution: Execution) -> None:
    """Write the *unknown* receipt of a running action whose report is overdue, and want a card about it."""
    _note(core, tx, action, WHY, claimed_at=execution.claimed_at, key=execution.key)


def note_restored(core: Core, tx: Transaction, action: ActionRecord, since: float) -> None:
    """Write the *unknown* receipt of an action that may have run since the backup that was restored."""
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
    # What passes comes at machine speed: an agent that never reports must not flood the people.
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
    urgency = {Tier.SYNC_APPROVAL: messages.CARD_3, Tier.ASYNC_APPROVAL: messages.CARD_2}
    messages.want(
        tx.connection,
        core.new_id("msg"),
        "receipt",
        where_asked(core.policy(), standing_of(tx.connection, action.id)),
        now=now,
        priority=urgency.get(action.tier, messages.REST),
        action_id=action.id,
        position=unknown.number,
    )


def _tell_silent(core: Core, tx: Transaction, agent: str, most: int, now: float) -> None:
    """Tell the admins once a day of an agent that does not report."""
    policy = core.policy()
    channel = policy.admin_channel or policy.tiers[Tier.ASYNC_APPROVAL].channel
    notice = Notice(
        Subject.AGENT_SILENT,
        f"The agent {agent} has {most} actions that started and never reported back. Of what it may do "
        "unasked (Tier 0 and 1) no more are shown until some of these are answered.",
        where=f"the agent {agent}; the cards of these actions are in {channel}",
        todo="See that it reports what became of each action that it claims, and answer the cards.",
        about=agent,
    )
    want_notice(tx, [channel], notice, now)


def where_asked(policy: Policy, standing: Standing) -> str:
    """Return where people are asked about an unknown receipt.

    That is where the action was reviewed; of what passed, where the admins are.
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
    """Return whom of the policy's people an unknown receipt asks: who may vote on the action's review.

    Of what passed by itself, which has none: the admins; where there are none, Tier 2's approvers.
    """
    if standing.review is not None:
        return standing.review.ruling.approvers
    return policy.admins or policy.tiers[Tier.ASYNC_APPROVAL].approvers


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
        core.wakeups.ring(action_id)
        return resolved

    async def not_known(self, action_id: str) -> bool:
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
        core.wakeups.ring(action_id)
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
        messages.touch_receipts(tx.connection, action_id, now=now, clicked=True)
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
                messages.touch_receipts(tx.connection, action_id, now=now, clicked=True)

        await self._core.db.write(work)
        self._core.wakeups.ring()


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
