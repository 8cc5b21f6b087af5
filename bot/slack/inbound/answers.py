"""The answers to clicks, in words.

A refusal brings its own sentence from where it was raised; only one about a closed question is replaced.
Other errors get their words here.
"""

from __future__ import annotations

from bot.domain.expiry import unanswered
from bot.domain.notices import Notice, Subject
from bot.domain.record import ActionRecord, Standing, Unknown, Verdict
from bot.domain.review import Review
from bot.domain.ruling import AbsentDefault
from bot.domain.states import ReviewState
from bot.errors import MembraneError, NotFound, Refusal, StoreError, VoteRefused
from bot.slack.cards import mrkdwn, progress, sentences
from bot.slack.failures import CallFailed
from bot.slack.inbound import other_bots

TOO_SLOW = (
    "That took too long here. The card shows whether it counted; if nothing changes there, click again."
)
BROKEN = "Something went wrong in the bot, and its log says what. The card shows how the review stands now."
NO_MODAL = "Slack did not open the dialog in time, so nothing was changed. Click again."
NOT_HERE = (
    "This bot has no such review (any more), so nothing was changed. If the card is new, another bot may be "
    "connected with the same Slack app, and the card may be its own: click again, and tell the admins."
)
ELSEWHERE = (
    "Another bot is connected with the same Slack app, and Slack handed your click to the wrong one, so "
    "nothing was changed. Click again; the admins have been told."
)
STUCK = (
    "Your click changed nothing: the bot cannot write to its store right now. Its admins are told. "
    "Click again in a minute."
)
CLOSED = (Refusal.DECIDED, Refusal.EXPIRED, Refusal.WITHDRAWN)


def review_in(standing: Standing, review_id: str) -> Review:
    """Return the review of that id. Raises NotFound."""
    for review in standing.reviews:
        if review.id == review_id:
            return review
    raise NotFound(f"there is no review {review_id}")


def about(action: ActionRecord, words: str) -> str:
    """Name the action of an answer: Slack shows it below the newest message, which may be another card."""
    return f"{sentences.in_a_line(action)}: {words}"


def counts_already(error: VoteRefused, review: Review, voter: str, *, approve: bool) -> bool:
    """Whether a vote was refused only because the same person's same vote has already decided the review.

    Slack delivers a click again if it is not sure that the first one arrived.
    """
    by_voter = bool(review.decided_by) and review.decided_by[-1] == voter
    return error.reason is Refusal.DECIDED and by_voter and approve is (review.state is ReviewState.APPROVED)


def voted(review: Review, *, approve: bool) -> str:
    """Say what a counted vote has done."""
    if not approve:
        return "You rejected it. The agent is told, with your name."
    if review.state is ReviewState.APPROVED:
        return "You approved it. That was the last approval it needed, so it may start now."
    missing = review.approvals_missing
    words = f"Your approval counts: {len(review.approvals)} of {review.ruling.quorum}, {missing} more to go."
    return " ".join([words, *progress.fallen(review)])


def acknowledged(review: Review) -> str:
    """Say what an acknowledgement has done."""
    if review.quiet_until is None:
        return "Noted: you are on it."
    return f"Noted: you are on it, and nobody else is paged until {mrkdwn.date(review.quiet_until)}."


def closed(review: Review) -> str:
    """Say by whom a closed review was closed, and when."""
    when = f", {mrkdwn.date(review.closed_at)}" if review.closed_at is not None else ""
    who = " and ".join(mrkdwn.mention(user) for user in review.decided_by[:10])
    match review.state:
        case ReviewState.APPROVED:
            return f"This is decided already: approved by {who}{when}. Your click changed nothing."
        case ReviewState.REJECTED:
            return f"This is decided already: rejected by {who}{when}. Your click changed nothing."
        case ReviewState.WITHDRAWN:
            return f"This was withdrawn{when}: its action is moot. Your click changed nothing."
        case _:
            return _expired(review, when)


def _expired(review: Review, when: str) -> str:
    if review.ruling.default is AbsentDefault.SAFE_HALT:
        return f"The window passed{when}, and it was halted. It can be answered on its new card."
    why = unanswered(review)
    return f"The window passed{when}, and it was aborted: {why} in time. Nothing was executed."


def refused(error: VoteRefused, review: Review) -> str:
    """Say why a vote does not count, and who decided a closed review, and when."""
    if error.reason in CLOSED and not review.pending:
        return closed(review)
    words = mrkdwn.escape(str(error))
    if error.reason is not Refusal.NOT_APPROVER:
        return words
    return f"{words} Who may: {mrkdwn.escape(', '.join(review.ruling.approvers))}."


def resolved(standing: Standing, verdict: Verdict) -> str:
    """Say what an answer about an unknown receipt has done."""
    action = standing.action
    match verdict:
        case Verdict.HAPPENED:
            return "You said that it happened. It is recorded as executed, with your name."
        case Verdict.LEFT:
            return "You left it: it stays unknown. A late report of the agent would still settle it."
    if action.thread_id is not None:
        return (
            "You said that it did not happen. The agent's thread had gone on without it, so the bot cannot "
            "run it any more: it is recorded as failed, and the agent may propose it again."
        )
    if standing.review is None:
        return "You said that it did not happen. The agent may start it once more."
    if standing.review.pending:
        missing = f"{standing.review.approvals_missing} more to go"
        return f"You said that it did not happen. It is asked again, and you approved it: {missing}."
    return "You said that it did not happen. It is approved again, by you, and may start once more."


def not_resolved(error: VoteRefused, standing: Standing, unknown: Unknown) -> str:
    """Say why an answer about an unknown receipt does not count, and who was first."""
    if unknown.is_open or error.reason is not Refusal.DECIDED:
        return mrkdwn.escape(str(error))
    when = f", {mrkdwn.date(unknown.closed_at)}" if unknown.closed_at is not None else ""
    if unknown.verdict is None or unknown.said_by is None:
        return f"It went on by itself{when}: it is {standing.action.state} now. Your click changed nothing."
    said = {
        Verdict.HAPPENED: "said that it happened",
        Verdict.DID_NOT: "said that it did not happen",
        Verdict.LEFT: "left it as it is",
    }
    who = mrkdwn.mention(unknown.said_by)
    return f"{who} has {said[unknown.verdict]} already{when}. Your click changed nothing."


def of_another_bot(action_id: str) -> Notice:
    """Return the notice to the admins about a click on a card that another bot must have posted."""
    return Notice(
        Subject.ANOTHER_BOT,
        f"Somebody clicked on a new card about {action_id}, which this bot does not have. Another bot with a "
        "data folder of its own may use the same Slack app: Slack hands each click to one of the two.",
        where="the bot's Slack app, and every machine that has its tokens",
        todo=other_bots.WHAT_TO_DO,
        about="a click",
    )


def failed(error: BaseException, *, other_connections: int = 0) -> str:
    """Say what any other error means for the person who clicked.

    `other_connections` is how many connections of the Slack app certainly belong to another bot.
    """
    match error:
        case TimeoutError():
            return TOO_SLOW
        case CallFailed():
            return NO_MODAL
        case NotFound():
            return ELSEWHERE if other_connections else NOT_HERE
        case StoreError():
            return STUCK
        case MembraneError():
            return mrkdwn.escape(str(error))
        case _:
            return BROKEN
