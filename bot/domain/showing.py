"""The first showing of a review to somebody who may decide it, and its consequences: pure functions.

Nobody can answer what they cannot see. So a window starts when the review is first shown, and a review that
stays unseen for as long as its window expires as never shown.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain import review as transitions
from bot.domain.escalation import Instant, page_at
from bot.domain.people import USER_ID
from bot.domain.review import Review


def reaches(recipient: str, able: frozenset[str] | None) -> bool:
    """Whether a recipient of a message may decide.

    A recipient is a person, several with commas between them, or a channel, where everybody sees it. `able`
    are the users who may decide, None if they cannot be looked up now.
    """
    people = recipient.split(",")
    if all(USER_ID.fullmatch(one) for one in people):
        return able is not None and not able.isdisjoint(people)
    return able is None or bool(able)


def show(review: Review, at: Instant) -> Review:
    """Return the review as first shown at an instant to somebody who may decide it: its window starts then.

    One that is closed, that was shown before, or whose window passed before anybody saw it is returned as it
    is. A mandated sign-off that is overdue, and a successor, have no window to start.
    """
    if not review.pending or review.shown_at is not None:
        return review
    at = max(at, review.opened_at)
    window = review.ruling.window_s
    if review.expires_at is None or window is None:
        return replace(review, shown_at=at)
    if at >= review.expires_at:
        return replace(review, shown_at=at) if review.ruling.mandated else review
    return replace(review, shown_at=at, expires_at=at + window, next_page_at=_next_page(review, at, window))


def _next_page(review: Review, at: Instant, window: float) -> Instant | None:
    """Return when the chain goes on: its steps count from the showing, as the window does."""
    chain, then = review.ruling.chain, review.next_page_at
    following = page_at(chain, review.position, at, window) if chain is not None else None
    return max(then, following.due_at) if following is not None and then is not None else then


def expire_unless_in_doubt(review: Review, now: Instant, in_doubt_since: Instant | None = None) -> Review:
    """Return the review after its window, unless a post in doubt may have shown it in time.

    `in_doubt_since` is when a post about it was tried that may not have landed; None if there is none. Until
    that is settled, the review counts as shown since then.
    """
    if in_doubt_since is not None and not transitions.due(show(review, in_doubt_since), now):
        return review
    return transitions.expire(review, now)
