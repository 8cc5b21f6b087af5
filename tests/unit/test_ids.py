"""Ids sort in the order in which they were made, whatever the clock does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.membrane.core import Ids, id_at


@given(st.lists(st.integers(0, 2**43), min_size=2, max_size=20))
def test_ids_sort_in_the_order_in_which_they_were_made(clock: list[int]) -> None:
    """This holds within one millisecond, and while the clock is behind."""
    ids = Ids(iter(clock).__next__)
    made = [ids.new("act") for _ in clock]
    assert made == sorted(set(made))
    assert len({len(each) for each in made}) == 1


def test_an_id_tells_when_it_was_made() -> None:
    made = Ids(lambda: 1_000_500).new("act")
    assert id_at("act", 1000.5) <= made < id_at("act", 1000.501)
