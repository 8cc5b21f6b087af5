"""When the window of a review starts and ends, over any review and any instants."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.domain import showing
from bot.domain.escalation import Chain, Delay, Step, page_at
from bot.domain.expiry import ExpiryReason, expiry_reason
from bot.domain.future_instants import pulled_back
from bot.domain.review import Review
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault, Ruling
from bot.domain.states import ReviewState

OPENED, WINDOW = 1000.0, 100.0
AT = st.floats(0.0, 400.0).map(lambda after: OPENED + after)
DEFAULTS = st.sampled_from(list(AbsentDefault))
CHAIN = Chain("c", (Step(Delay(share=0.25), ("a",)), Step(Delay(seconds=50.0), ("b",))))


def review(default: AbsentDefault, *, position: int = 0) -> Review:
    """A review as it is opened."""
    tier = Tier.ASYNC_APPROVAL if default is AbsentDefault.SAFE_HALT else Tier.SYNC_APPROVAL
    ruling = Ruling("k", tier, "v", "r", "why", ("leads",), 1, WINDOW, default, "#here", chain=CHAIN)
    step = page_at(CHAIN, position, OPENED, WINDOW)
    due = step.due_at if step else None
    opened = Review("rev_1", "act_1", ruling, "d", frozenset(), OPENED, OPENED + WINDOW)
    return replace(opened, position=position, next_page_at=due)


@given(DEFAULTS, AT, AT, st.integers(0, 2))
def test_the_first_showing_fixes_the_window(
    default: AbsentDefault, at: float, later: float, step: int
) -> None:
    opened = review(default, position=step)
    shown = showing.show(opened, at)
    assert showing.show(shown, later) == shown or shown is opened
    if at < OPENED + WINDOW:
        assert (shown.shown_at, shown.expires_at, shown.expires_by) == (at, at + WINDOW, at + WINDOW)
        assert shown.window_from == at
    elif default is AbsentDefault.ESCALATE:
        assert (shown.shown_at, shown.expires_at, shown.window_from) == (at, OPENED + WINDOW, OPENED)
    else:
        assert shown is opened, "its time to be shown was over"


@given(DEFAULTS, AT, st.integers(0, 2))
def test_a_page_never_comes_earlier_for_a_showing(default: AbsentDefault, at: float, step: int) -> None:
    opened = review(default, position=step)
    shown = showing.show(opened, at)
    assert (shown.next_page_at is None) == (opened.next_page_at is None)
    if shown.next_page_at is not None and opened.next_page_at is not None:
        assert opened.next_page_at <= shown.next_page_at <= max(at, OPENED) + WINDOW


@given(DEFAULTS, st.none() | AT, st.none() | AT, AT)
def test_only_a_review_that_was_shown_is_called_unanswered(
    default: AbsentDefault, at: float | None, doubt: float | None, now: float
) -> None:
    before = review(default) if at is None else showing.show(review(default), at)
    after = showing.expire_unless_in_doubt(before, now, doubt if before.shown_at is None else None)
    if after.state is ReviewState.EXPIRED:
        assert default is not AbsentDefault.ESCALATE
        assert (expiry_reason(after) is ExpiryReason.NEVER_SHOWN) == (before.shown_at is None)
        assert now >= (before.expires_at or 0.0)


@given(DEFAULTS, st.none() | AT, AT)
def test_a_review_ends_within_a_window_of_its_showing(
    default: AbsentDefault, doubt: float | None, now: float
) -> None:
    opened = review(default)
    ended = showing.expire_unless_in_doubt(opened, now, doubt) is not opened
    in_time = doubt is not None and doubt < OPENED + WINDOW
    assert ended == (now >= (doubt + WINDOW if doubt is not None and in_time else OPENED + WINDOW))
    if now >= (opened.expires_by or 0.0):
        assert ended


@given(DEFAULTS, AT)
def test_a_review_shown_in_time_needs_no_repair(default: AbsentDefault, at: float) -> None:
    for position in range(3):
        shown = showing.show(review(default, position=position), at)
        assert pulled_back(shown, max(at, OPENED + 50.0)) == shown


@given(st.sets(st.sampled_from(["U0ADA", "U0BEN", "U0CLEO"])), st.sets(st.sampled_from(["U0ADA", "U0BEN"])))
def test_a_message_reaches_the_people_it_goes_to(able: set[str], people: set[str]) -> None:
    who = frozenset(able)
    assert showing.reaches("#approvals", who) == bool(able)
    assert showing.reaches("C0123", who) == bool(able)
    if people:
        assert showing.reaches(",".join(sorted(people)), who) == bool(able & people)
    assert showing.reaches("#approvals", None)
    assert not showing.reaches("U0ADA", None)
