"""Impossible instants are pulled back; possible ones are left alone."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.action import Action
from bot.domain.escalation import page_at
from bot.domain.future_instants import FAR_S, pulled_back
from bot.domain.review import Review
from tests.fakes import policy

NOW = 1_800_000_000.0
YEAR_S = 365 * 86_400.0
KINDS = st.sampled_from(["mail.send", "money.wire", "release.sign"])


def review(kind: str, opened_at: float) -> Review:
    ruling = policy().rule(Action.of(kind, {"id": 1}, agent="ops"))
    assert ruling.chain
    assert ruling.window_s
    first = page_at(ruling.chain, 0, opened_at, ruling.window_s)
    assert first
    expires = opened_at + ruling.window_s
    return Review("rev_1", "act_1", ruling, "d", frozenset(), opened_at, expires, next_page_at=first.due_at)


@given(KINDS, st.floats(0, 1e6))
def test_a_review_that_is_possible_is_left_alone(kind: str, ago: float) -> None:
    asked = review(kind, NOW - ago)
    assert pulled_back(asked, NOW) == asked


@given(KINDS, st.floats(2 * FAR_S, 10 * YEAR_S))
def test_a_review_from_the_future_is_due_within_its_own_window(kind: str, ahead: float) -> None:
    asked = review(kind, NOW + ahead)
    pulled = pulled_back(asked, NOW)
    assert pulled.opened_at == NOW
    assert pulled.expires_at == NOW + (asked.ruling.window_s or 0)
    assert pulled.next_page_at is not None
    assert NOW <= pulled.next_page_at <= NOW + 250
    assert pulled_back(pulled, NOW) == pulled, "once is enough"


@given(KINDS, st.floats(0, 900), st.integers(1, 50_000))
def test_a_chain_that_ran_ahead_goes_on_from_now(kind: str, ago: float, position: int) -> None:
    asked = review(kind, NOW - ago)
    chain, window = asked.ruling.chain, asked.ruling.window_s or 0.0
    assert chain
    following = page_at(chain, position, asked.opened_at, window)
    ahead = replace(asked, position=position, next_page_at=following.due_at if following else None)
    pulled = pulled_back(ahead, NOW)
    if pulled != ahead:
        assert pulled.next_page_at is not None
        assert NOW < pulled.next_page_at <= NOW + window
    else:
        before = page_at(chain, position - 1, asked.opened_at, window)
        assert before is None or before.due_at <= NOW + FAR_S


def test_an_acknowledgement_from_the_future_quiets_for_its_own_time() -> None:
    asked = review("release.sign", NOW - 10)
    quiet = replace(asked, acked_by="U0CLEO", quiet_until=NOW + YEAR_S, next_page_at=NOW + YEAR_S)
    pulled = pulled_back(quiet, NOW)
    assert pulled.quiet_until == NOW + 300
    assert pulled.next_page_at == NOW + 300


def test_a_sign_off_that_a_wrong_clock_marked_overdue_is_not_overdue() -> None:
    asked = replace(review("release.sign", NOW - 10), overdue_at=NOW + YEAR_S)
    assert pulled_back(asked, NOW).overdue_at is None
