"""Repairs impossible instants: a review that a wrong clock put into the future is pulled back to its window.

A clock that was ahead leaves reviews that were opened "next year". They would neither expire nor page until
then. Pure: `now` is what the clock says since it is right again.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.escalation import ACK_SHARE_OF_WINDOW, Chain, Instant, page_at
from bot.domain.review import Review

FAR_S = 60.0
"""Seconds ahead of now that need no repair: the instant comes soon enough."""
MOST_TURNS = 100_000
"""Repeats of a chain that are counted at most: eleven years of hourly ones."""


def is_ahead(at: Instant | None, now: Instant) -> bool:
    """Whether an instant of the past is recorded as later than now."""
    return at is not None and at > now + FAR_S


def pulled_back(review: Review, now: Instant) -> Review:
    """Return a pending review with impossibly late instants pulled back to its window.

    The window counts from when the review was first shown, until then from when it opened, or from now where
    that is in the future. A review in which everything is possible, or that is not pending, is returned as
    it is.
    """
    if not review.pending:
        return review
    opened = now if is_ahead(review.opened_at, now) else review.opened_at
    moved = replace(review, opened_at=opened, shown_at=_shown(review, now))
    window_from = max(moved.window_from, opened)
    repaired = replace(
        moved,
        expires_at=_expires(review, window_from),
        overdue_at=None if is_ahead(review.overdue_at, now) else review.overdue_at,
        quiet_until=_quiet(review, window_from, now),
    )
    position, next_page_at = _chain(repaired, now)
    return replace(repaired, position=position, next_page_at=next_page_at)


def _shown(review: Review, now: Instant) -> Instant | None:
    return now if is_ahead(review.shown_at, now) else review.shown_at


def _expires(review: Review, window_from: Instant) -> Instant | None:
    window = review.ruling.window_s
    if review.expires_at is None or window is None:
        return review.expires_at
    latest = window_from + window
    return latest if is_ahead(review.expires_at, latest) else review.expires_at


def _quiet(review: Review, window_from: Instant, now: Instant) -> Instant | None:
    chain, window = review.ruling.chain, review.ruling.window_s
    if review.quiet_until is None or chain is None:
        return review.quiet_until
    latest = now + chain.ack_for_s
    if window is not None and review.expires_at is not None and not review.ruling.mandated:
        latest = min(latest, window_from + ACK_SHARE_OF_WINDOW * window)
    return latest if is_ahead(review.quiet_until, latest) else review.quiet_until


def _chain(review: Review, now: Instant) -> tuple[int, Instant | None]:
    """Return a possible position of the chain, and when it goes on.

    A chain cannot have paged for a position that is due only later: it goes back to the first of those.
    """
    chain, window = review.ruling.chain, review.ruling.window_s
    if chain is None or window is None:
        return review.position, review.next_page_at
    position = review.position
    if position and _due_at(chain, position - 1, review.opened_at, window, now) > now + FAR_S:
        position = _first_after(chain, review.opened_at, window, now)
    step = page_at(chain, position, review.window_from, window)
    latest = max(step.due_at, review.quiet_until or 0.0) if step is not None else None
    if position == review.position and review.next_page_at is not None and latest is not None:
        return position, latest if is_ahead(review.next_page_at, latest) else review.next_page_at
    if position == review.position:
        return position, review.next_page_at
    return position, latest


def _due_at(chain: Chain, position: int, opened: Instant, window: float, otherwise: Instant) -> Instant:
    step = page_at(chain, position, opened, window)
    return step.due_at if step is not None else otherwise


def _first_after(chain: Chain, opened: Instant, window: float, now: Instant) -> int:
    """Return the first position that is due after now."""
    for position in range(MOST_TURNS):
        step = page_at(chain, position, opened, window)
        if step is None or step.due_at > now:
            return position
    return MOST_TURNS
