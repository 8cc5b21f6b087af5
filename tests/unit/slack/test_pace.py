"""Slack's pace."""

from __future__ import annotations

from bot.slack.outbound.pace import Pace, Rates
from bot.slack.web_api import POST, UPDATE

RATES = Rates(channel_s=1.0, workspace_s=0.1, update_s=1.0, update_burst=4, kept_updates=2)


def test_a_channel_gets_one_post_at_a_time() -> None:
    pace = Pace(RATES)
    assert pace.take(POST, "C1", 100.0) <= 100.0
    assert pace.take(POST, "C1", 100.5) == 101.0
    assert pace.take(POST, "C1", 101.0) <= 101.0


def test_another_channel_waits_for_the_workspace_only() -> None:
    pace = Pace(RATES)
    pace.take(POST, "C1", 100.0)
    assert pace.take(POST, "C2", 100.0) == 100.1
    assert pace.take(POST, "C2", 100.2) <= 100.2


def test_updates_may_come_in_a_burst_whose_end_is_kept_for_clicks() -> None:
    pace = Pace(RATES)
    assert [pace.take(UPDATE, "C1", 100.0) <= 100.0 for _ in range(4)] == [True, True, False, False]
    assert [pace.take(UPDATE, "C1", 100.0, urgent=True) <= 100.0 for _ in range(3)] == [True, True, False]
    assert pace.take(UPDATE, "C1", 100.0, urgent=True) == 101.0
    assert pace.take(UPDATE, "C1", 101.0, urgent=True) <= 101.0


def test_a_held_call_waits_and_takes_no_turn() -> None:
    pace = Pace(RATES)
    assert pace.take(POST, "C1", 100.0, held_until=130.0) == 130.0
    assert pace.take(POST, "C2", 100.0) <= 100.0
    assert pace.take(UPDATE, "C1", 100.0, held_until=130.0) == 130.0
    assert pace.take(UPDATE, "C1", 100.0) <= 100.0


def test_a_recipient_whose_channel_is_busy_waits_and_the_others_do_not() -> None:
    pace = Pace(RATES)
    pace.take(POST, "C1", 100.0)
    pace.hold("#one", pace.next_in("C1"))
    assert (pace.is_open("#one", 100.5), pace.is_open("#two", 100.5)) == (False, True)
    assert pace.next_turn(100.5) == 101.0
    assert pace.is_open("#one", 101.0)
    assert not pace.is_open("#two", 100.05), "the workspace takes ten posts a second"


def test_a_year_of_channels_is_forgotten() -> None:
    pace = Pace(RATES)
    for number in range(5000):
        pace.take(POST, f"D{number}", 100.0 + number)
    assert len(pace._next_in) <= 1001


def test_a_pace_of_a_half_leaves_half_of_slacks_to_another_program() -> None:
    halved = RATES.times(0.5)
    assert (halved.channel_s, halved.workspace_s, halved.update_s) == (2.0, 0.2, 2.0)
    assert (halved.update_burst, halved.kept_updates) == (RATES.update_burst, RATES.kept_updates)
