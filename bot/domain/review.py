"""A review and its transitions, as pure functions.

Every function takes a review and an event, and returns the review after it, or raises VoteRefused. Nothing
here reads a clock: instants are arguments, in seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.domain.escalation import Instant
from bot.domain.ruling import AbsentDefault, Ruling
from bot.domain.states import ReviewState
from bot.errors import Refusal, VoteRefused


@dataclass(frozen=True, slots=True)
class Vote:
    """One reviewer's answer. `voter` is a Slack user id; `args_digest` is of what their card showed.

    `fallen` is why it no longer counts: when the quorum was about to fill, the voter was not entitled any
    more.
    """

    voter: str
    approve: bool
    args_digest: str
    at: Instant
    note: str | None = None
    fallen: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """One gated action and the question asked about it.

    `shown_at` is when it was first shown to somebody who may decide it. Its window starts then, and
    `expires_at` is fixed from then on; before, `expires_at` is when it expires if it is not shown by
    then. `expires_at` is None for a successor: it has no window. `requesters` cannot vote. `interrupt_id`
    names the parked interrupt that this review's outcome answers, if there is one.
    """

    id: str
    action_id: str
    ruling: Ruling
    args_digest: str
    requesters: frozenset[str]
    opened_at: Instant
    expires_at: Instant | None
    state: ReviewState = ReviewState.PENDING
    votes: tuple[Vote, ...] = ()
    predecessor_id: str | None = None
    interrupt_id: str | None = None
    overdue_at: Instant | None = None
    acked_by: str | None = None
    quiet_until: Instant | None = None
    closed_at: Instant | None = None
    note: str | None = None
    position: int = 0
    """How many positions of its escalation chain have come due, those of `pages_from` included."""
    pages_from: int = 0
    """The position that the chain began at: people were paged up to it about the same action before."""
    next_page_at: Instant | None = None
    shown_at: Instant | None = None

    @property
    def pending(self) -> bool:
        """Whether it still waits."""
        return self.state is ReviewState.PENDING

    @property
    def window_from(self) -> Instant:
        """When the window and the chain begin: when it was first shown, or, before that, when it opened.

        A showing after the window has passed moves neither: the chain of an overdue sign-off goes on.
        """
        if self.shown_at is None or self.expires_at is None or self.shown_at >= self.expires_at:
            return self.opened_at
        return self.shown_at

    @property
    def expires_by(self) -> Instant | None:
        """When it expires at the latest.

        If it is not shown yet, that is one window after the last moment at which it can be shown.
        """
        if self.expires_at is None or not self.pending or self.shown_at or self.overdue_at:
            return self.expires_at
        return self.expires_at + (self.ruling.window_s or 0.0)

    @property
    def approvals(self) -> tuple[Vote, ...]:
        """The votes in favour that count, in the order they came."""
        return tuple(vote for vote in self.votes if vote.approve and vote.fallen is None)

    @property
    def fallen(self) -> tuple[Vote, ...]:
        """The votes that do not count any more, in the order they came."""
        return tuple(vote for vote in self.votes if vote.fallen is not None)

    @property
    def approvals_missing(self) -> int:
        """How many more approvers the quorum needs."""
        return max(0, self.ruling.quorum - len(self.approvals))

    @property
    def decided_by(self) -> tuple[str, ...]:
        """The people who made the outcome: the approvers, or the one who rejected. Nobody, if it expired."""
        if self.state is ReviewState.APPROVED:
            return tuple(vote.voter for vote in self.approvals)
        if self.state is ReviewState.REJECTED:
            return tuple(vote.voter for vote in self.votes if not vote.approve)
        return ()

    @property
    def valid_until(self) -> Instant | None:
        """Until when an approval is good; None unless approved."""
        if self.state is not ReviewState.APPROVED or self.closed_at is None:
            return None
        return self.closed_at + self.ruling.valid_for_s


def entitled(
    voter: str,
    approvers: frozenset[str] | None,
    requesters: frozenset[str],
    *,
    full_member: bool,
    why: tuple[str, ...] = (),
) -> None:
    """Raise VoteRefused unless this person may vote.

    `approvers` are the Slack user ids that the policy in force names, None if they cannot be looked up now.
    `full_member` is False for a bot, a guest, a deactivated user or somebody from another workspace. `why`
    says in sentences why they cannot be looked up, if a retry will not help.
    """
    if not full_member:
        raise VoteRefused(
            Refusal.NOT_A_MEMBER, "Only full members of this workspace can vote; bots and guests cannot."
        )
    if voter in requesters:
        raise VoteRefused(
            Refusal.REQUESTER,
            "This is done in your name or by your agent, so somebody else has to decide it.",
        )
    if approvers is None:
        raise VoteRefused(
            Refusal.UNRESOLVED,
            " ".join(("Your vote was not counted.", *why, "The admins have been told."))
            if why
            else "Who may vote on this cannot be looked up right now, so no vote counts. Try again in a "
            "minute; the admins have been told.",
        )
    if voter not in approvers:
        raise VoteRefused(
            Refusal.NOT_APPROVER, "You are not one of the approvers of this action, so nothing was changed."
        )


def to_check(review: Review, vote: Vote) -> tuple[str, ...]:
    """Return the voters whose approvals have to be checked again before a vote fills the quorum.

    There are none if the vote rejects, or leaves the quorum short.
    """
    if not vote.approve:
        return ()
    others = tuple(earlier.voter for earlier in review.approvals if earlier.voter != vote.voter)
    return others if len(others) + 1 >= review.ruling.quorum else ()


def cast(review: Review, vote: Vote, checked: Mapping[str, Refusal | None] | None = None) -> Review:
    """Return the review after a vote; it may have an outcome then. Raises VoteRefused.

    One rejection ends it; approvals count until the quorum. The window counts here as well: a vote after
    `expires_at` is late even if no sweep has run yet, except on a mandated sign-off, which never expires.
    `checked` gives the reason why an earlier voter may no longer decide, or None if they may. Votes with a
    reason no longer count (invariant 14).
    """
    if review.state is ReviewState.WITHDRAWN:
        raise VoteRefused(Refusal.WITHDRAWN, "This was withdrawn: its action is moot.")
    if not review.pending:
        raise VoteRefused(Refusal.DECIDED, f"This is already {review.state}.")
    if due(review, vote.at) and not review.ruling.mandated:
        raise VoteRefused(Refusal.EXPIRED, "The window for this has passed, so the vote came too late.")
    if vote.args_digest != review.args_digest:
        raise VoteRefused(
            Refusal.ARGS_CHANGED,
            "The arguments changed after that card was drawn. Look at the card again, then decide.",
        )
    if any(earlier.voter == vote.voter for earlier in review.approvals) and vote.approve:
        raise VoteRefused(Refusal.ALREADY_VOTED, "Your approval is already counted.")
    why_not = checked or {}
    others = tuple(
        replace(earlier, fallen=earlier.fallen or why_not.get(earlier.voter))
        for earlier in review.votes
        if earlier.voter != vote.voter
    )
    voted = replace(review, votes=(*others, vote))
    if not vote.approve:
        return replace(
            voted, state=ReviewState.REJECTED, closed_at=vote.at, note=vote.note, next_page_at=None
        )
    if voted.approvals_missing == 0:
        return replace(
            voted, state=ReviewState.APPROVED, closed_at=vote.at, note=vote.note, next_page_at=None
        )
    return voted


def due(review: Review, now: Instant) -> bool:
    """Whether the window has passed."""
    return review.expires_at is not None and now >= review.expires_at


def expire(review: Review, now: Instant) -> Review:
    """Return the review after its window: expired, or overdue where the sign-off is mandated.

    A review that is not pending or not due is returned as it is.
    """
    if not review.pending or not due(review, now):
        return review
    if review.ruling.default is AbsentDefault.ESCALATE:
        return replace(review, overdue_at=review.overdue_at or now)
    return replace(review, state=ReviewState.EXPIRED, closed_at=now, next_page_at=None)


def successor(review: Review, review_id: str, now: Instant) -> Review:
    """Return the review that follows a safe-halt: the same question and chain, without votes and window."""
    return Review(
        id=review_id,
        action_id=review.action_id,
        ruling=review.ruling,
        args_digest=review.args_digest,
        requesters=review.requesters,
        opened_at=now,
        expires_at=None,
        predecessor_id=review.id,
    )


def withdraw(review: Review, now: Instant, why: str) -> Review:
    """Return the review closed without an outcome. One that is not pending is returned as it is."""
    if not review.pending:
        return review
    return replace(review, state=ReviewState.WITHDRAWN, closed_at=now, note=why, next_page_at=None)
