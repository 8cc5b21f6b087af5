"""Changes to reviews and actions that several use cases make, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.domain import review as transitions
from bot.domain.escalation import page_at
from bot.domain.expiry import expiry_reason, unanswered
from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.domain.record import NOT_TOLD, ActionRecord, Clicked
from bot.domain.review import Review, Vote
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault, Ruling
from bot.domain.states import ActionState, ReviewState
from bot.errors import MembraneError, Refusal, VoteRefused
from bot.membrane.core import Core, the_action, the_review
from bot.membrane.entitlement import requesters_of
from bot.membrane.first_shown import note_seen
from bot.membrane.remembered_outcomes import pages_sent
from bot.membrane.thread_changes import in_gate, settle_interrupt
from bot.store import actions, messages, redraws, reviews, sightings
from bot.store.database import Transaction


def open_review(
    core: Core,
    tx: Transaction,
    action: ActionRecord,
    ruling: Ruling,
    now: float,
    *,
    follows: Review | None = None,
    interrupt_id: str | None = None,
) -> Review:
    """Open a review of an action, want its card and schedule its first page.

    `follows` is the review whose safe-halt opens this one, which then has no window.
    """
    if ruling.window_s is None or ruling.default is None or not ruling.approvers or ruling.channel is None:
        raise MembraneError(f"the ruling of {action.kind} waits, but lacks approvers, a window or a default")
    review_id = core.new_id("rev")
    if follows is not None:
        review, position = transitions.successor(follows, review_id, now), 0
    else:
        review = Review(
            id=review_id,
            action_id=action.id,
            ruling=ruling,
            args_digest=action.args_digest,
            requesters=requesters_of(tx.connection, action),
            opened_at=now,
            expires_at=now + ruling.window_s,
        )
        position = _first_position(core, tx, action, ruling, now)
    first = page_at(ruling.chain, position, now, ruling.window_s) if ruling.chain else None
    due_at = first.due_at if first else None
    review = replace(
        review, interrupt_id=interrupt_id, position=position, pages_from=position, next_page_at=due_at
    )
    reviews.insert(tx.connection, review, action.agent)
    urgency = Priority.CARD_3 if ruling.tier is Tier.SYNC_APPROVAL else Priority.CARD_2
    card = core.new_id("msg")
    messages.want(
        tx.connection, card, MessageKind.CARD, ruling.channel, now=now, priority=urgency, review_id=review.id
    )
    _journal_opened(tx, review, now)
    return review


def _first_position(core: Core, tx: Transaction, action: ActionRecord, ruling: Ruling, now: float) -> int:
    """Return where the chain starts: after the pages sent about an equal action that was just withdrawn."""
    if ruling.chain is None:
        return 0
    return pages_sent(tx.connection, action, ruling.chain, core.policy().limits, now)


def _journal_opened(tx: Transaction, review: Review, now: float) -> None:
    ruling = review.ruling
    body = {
        "tier": int(ruling.tier),
        "rule": ruling.rule,
        "policy": ruling.policy_version,
        "approvers": ruling.approvers,
        "quorum": ruling.quorum,
        "channel": ruling.channel,
        "chain": ruling.chain.name if ruling.chain else None,
        "default": ruling.default,
        "expires_at": review.expires_at,
        "pages_from": review.pages_from,
        "predecessor": review.predecessor_id,
        "args_digest": review.args_digest,
    }
    tx.journal(now, "review.opened", body, action_id=review.action_id, review_id=review.id)


def close_review(
    core: Core, tx: Transaction, closed: Review, action: ActionRecord, *, clicked: Clicked | None = None
) -> bool:
    """Record a review's end and its consequences. False if another vote or the expiry was first."""
    now = closed.closed_at or core.clock()
    if not reviews.close(tx.connection, closed):
        return False
    body: dict[str, Any] = {
        "state": closed.state,
        "decided_by": closed.decided_by,
        "note": closed.note,
    }
    if (reason := expiry_reason(closed)) is not None:
        body |= {"reason": reason, "approvals": [vote.voter for vote in closed.approvals]}
    redraws.touch(tx.connection, closed.id, now=now, clicked=clicked)
    if unsent := redraws.drop_unsent(tx.connection, closed.id, now):
        body["unsent"] = unsent
    tx.journal(now, "review.closed", body, action_id=action.id, review_id=closed.id)
    state, detail = _follows(closed)
    actions.move(tx.connection, action, state, at=now, detail=detail)
    if state is ActionState.HALTED:
        hosted = closed.interrupt_id if not in_gate(tx, closed.interrupt_id) else None
        open_review(core, tx, action, closed.ruling, now, follows=closed, interrupt_id=hosted)
    if closed.interrupt_id is not None:
        settle_interrupt(tx, closed.interrupt_id, now)
    if action.on_behalf_of and (closed.state is not ReviewState.WITHDRAWN or _anything_shown(tx, action)):
        told = core.new_id("msg")
        messages.want(
            tx.connection,
            told,
            MessageKind.TOLD,
            action.on_behalf_of,
            now=now,
            priority=Priority.REDRAW,
            review_id=closed.id,
        )
    return True


def _anything_shown(tx: Transaction, action: ActionRecord) -> bool:
    """Whether a message about an action reached Slack, or may have: only then does anybody know of it."""
    asked = reviews.of_action(tx.connection, action.id)
    sent = [message for review in asked for message in messages.of_review(tx.connection, review.id)]
    return any(message.posted_at is not None or message.attempt_at is not None for message in sent)


def _follows(closed: Review) -> tuple[ActionState, str | None]:
    if closed.state is ReviewState.APPROVED:
        return ActionState.APPROVED, closed.note
    if closed.state is ReviewState.REJECTED:
        return ActionState.REJECTED, closed.note
    if closed.state is ReviewState.WITHDRAWN:
        return ActionState.WITHDRAWN, closed.note
    becomes = ActionState.HALTED if closed.ruling.default is AbsentDefault.SAFE_HALT else ActionState.ABORTED
    return becomes, f"{unanswered(closed)} within the window"


class UncheckedVoters(Exception):
    """The quorum would fill with approvals of voters who were not checked again; check them and retry."""


def cast_vote(
    core: Core,
    tx: Transaction,
    review_id: str,
    vote: Vote,
    *,
    clicked: Clicked = NOT_TOLD,
    checked: Mapping[str, Refusal | None] | None = None,
) -> None:
    """Count the vote of an entitled person; it may make the outcome.

    `checked` has, for each earlier voter, why they may no longer decide, or None. Raises VoteRefused, or
    UncheckedVoters.
    """
    now = vote.at
    review = note_seen(tx, the_review(tx.connection, review_id), now)
    voted = transitions.cast(review, vote, checked)
    if not {*transitions.to_check(review, vote)} <= {*(checked or ())}:
        raise UncheckedVoters
    reviews.record_vote(tx.connection, review_id, vote)
    _note_fallen(tx, review, voted, now)
    sightings.record(tx.connection, review_id, vote.voter, "answered", now)
    body = {
        "voter": vote.voter,
        "approve": vote.approve,
        "args_digest": vote.args_digest,
        "note": vote.note,
    }
    tx.journal(now, "review.vote", body, action_id=review.action_id, review_id=review_id)
    if voted.pending:
        redraws.touch(tx.connection, review_id, now=now, clicked=clicked)
    else:
        action = the_action(tx.connection, review.action_id)
        if not close_review(core, tx, voted, action, clicked=clicked):
            raise VoteRefused(Refusal.DECIDED, "Somebody else was first.")


def _note_fallen(tx: Transaction, before: Review, after: Review, now: float) -> None:
    """Record whose votes stopped counting, and why."""
    known = {vote.voter for vote in before.fallen}
    for vote in after.fallen:
        if vote.fallen is not None and vote.voter not in known:
            reviews.fell_out(tx.connection, after.id, vote.voter, vote.fallen)
            body = {"voter": vote.voter, "reason": vote.fallen}
            tx.journal(now, "review.vote_fell_out", body, action_id=after.action_id, review_id=after.id)


def redraw(tx: Transaction, action_id: str, now: float) -> None:
    """Mark every message about an action for a redraw."""
    redraws.touch_receipts(tx.connection, action_id, now=now)
    for review in reviews.of_action(tx.connection, action_id):
        redraws.touch(tx.connection, review.id, now=now)


def withdraw_action(core: Core, tx: Transaction, action: ActionRecord, why: str, now: float) -> int:
    """Withdraw an action and its open review, if it has one.

    Returns how many reviews were withdrawn.
    """
    pending = [review for review in reviews.of_action(tx.connection, action.id) if review.pending]
    for review in pending:
        close_review(core, tx, transitions.withdraw(review, now, why), action)
    if not pending:
        actions.move(tx.connection, action, ActionState.WITHDRAWN, at=now, detail=why)
        redraw(tx, action.id, now)
    tx.journal(now, "action.withdrawn", {"why": why}, action_id=action.id, tier=action.tier)
    return len(pending)
