"""The reason why a review expired, for machines and in words for agents and people.

"Nobody answered" is only said if people could answer: a review with some approvals says how many, and one
that nobody was shown says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from bot.domain.durations import in_sentence
from bot.domain.review import Review
from bot.domain.states import UNJUDGED, ReviewState


class ExpiryReason(StrEnum):
    """Why a review expired. None of these is a refusal by a person."""

    NOBODY_ANSWERED = "nobody_answered"
    QUORUM_SHORT = "quorum_short"
    """Some approved in time, and fewer than the quorum needs."""
    NEVER_SHOWN = "never_shown"
    """Slack is not known to have shown it to anybody who may decide it."""


def expiry_reason(review: Review) -> ExpiryReason | None:
    """Return why a review expired; None if it did not."""
    if review.state is not ReviewState.EXPIRED:
        return None
    if review.shown_at is None:
        return ExpiryReason.NEVER_SHOWN
    return ExpiryReason.QUORUM_SHORT if review.approvals else ExpiryReason.NOBODY_ANSWERED


def unanswered(review: Review) -> str:
    """Return the missing answer of a review in words: "nobody answered", "only 1 of 2 approved"."""
    if expiry_reason(review) is ExpiryReason.NEVER_SHOWN:
        return "nobody who may decide was shown it"
    count = len(review.approvals)
    return f"only {count} of {review.ruling.quorum} approved" if count else "nobody answered"


def expired_words(review: Review) -> str:
    """Return the words in which an agent learns of an expiry. They must not read as a refusal."""
    within = f" within {in_sentence(review.ruling.window_s)}" if review.ruling.window_s else ""
    return f"{unanswered(review)}{within}; this is not a refusal by a person"


def expired_review(found: Sequence[Review]) -> Review | None:
    """Return the latest review of an action that expired, unless somebody has decided a later one."""
    for review in reversed(found):
        if review.state is ReviewState.EXPIRED:
            return review
        if review.state not in UNJUDGED:
            return None
    return None
