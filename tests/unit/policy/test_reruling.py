"""The strictest of then and now, of any two rulings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.escalation import Chain
from bot.domain.reruling import says_more, strictest
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault, Ruling

NAMES = st.lists(st.sampled_from(["leads", "oncall", "finance"]), min_size=1, unique=True).map(tuple)


@st.composite
def rulings(draw: st.DrawFn) -> Ruling:
    tier = draw(st.sampled_from(Tier))
    valid_for_s = draw(st.floats(1.0, 100.0))
    if not tier.waits:
        return Ruling("a.b", tier, "v", "risk", "why", valid_for_s=valid_for_s)
    default = AbsentDefault.SAFE_HALT
    if tier is Tier.SYNC_APPROVAL:
        default = draw(st.sampled_from([AbsentDefault.ABORT, AbsentDefault.ESCALATE]))
    return Ruling(
        "a.b", tier, "v", "risk", "why", draw(NAMES), draw(st.integers(1, 4)), 60.0, default, "#c",
        Chain("c", ()), valid_for_s,
    )  # fmt: skip


@given(rulings())
def test_an_equal_ruling_says_no_more(ruling: Ruling) -> None:
    assert says_more(ruling, ruling, age_s=0.0) is None


@given(rulings(), rulings())
def test_invariant_14_a_stricter_ruling_says_more(then: Ruling, now: Ruling) -> None:
    stricter = now.tier > then.tier or (
        now.tier == then.tier
        and now.tier.waits
        and (
            now.quorum > then.quorum
            or (now.mandated and not then.mandated)
            or not set(then.approvers) <= set(now.approvers)
        )
    )
    assert (says_more(then, now) is not None) == stricter


@given(rulings(), rulings())
def test_the_strictest_ruling_is_no_looser_than_either(then: Ruling, now: Ruling) -> None:
    if says_more(then, now) is None:
        return
    asked = strictest(then, now)
    assert asked.tier == max(then.tier, now.tier)
    if asked.tier.waits:
        assert asked.quorum == max(then.quorum, now.quorum)
        assert asked.approvers == now.approvers
        if then.tier.waits:
            assert asked.valid_for_s == min(then.valid_for_s, now.valid_for_s)


@given(rulings(), rulings(), st.floats(0.0, 200.0))
def test_a_lower_tier_says_no_more(then: Ruling, now: Ruling, age_s: float) -> None:
    """A lower tier never asks again, whatever its other settings."""
    if now.tier < then.tier:
        assert says_more(then, now, age_s) is None
