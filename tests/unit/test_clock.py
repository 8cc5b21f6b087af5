"""The bot's clock follows the machine's forward, though not every leap, and never goes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.clock import HOLD_S, LEAP_S, SteadyClock

YEAR_S = 365 * 86_400.0


class Machine:
    def __init__(self) -> None:
        self.wall, self.uptime = 1_800_000_000.0, 50.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.uptime += seconds

    def clock(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall, lambda: self.uptime)


def test_the_clock_goes_on_second_by_second_when_the_machine_is_set_back_and_says_so_once() -> None:
    machine = Machine()
    clock = machine.clock()
    start = clock()
    machine.wall -= 3600
    with capture_logs() as logs:
        for passed in (1.0, 2.0, 3.0):
            machine.passes(1.0)
            assert clock() == start + passed
    assert [round(each["by_s"]) for each in logs] == [3600]


def test_the_clock_follows_the_machine_again_once_it_has_caught_up() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall -= 60
    machine.passes(10)
    clock()
    machine.wall += 80
    assert clock() == machine.wall


def test_the_clock_follows_a_small_step_forward_at_once() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += LEAP_S - 1
    assert clock() == machine.wall
    assert clock.note() is None


def test_a_leap_of_seconds_is_not_followed() -> None:
    machine = Machine()
    clock = machine.clock()
    start = clock()
    machine.wall += YEAR_S
    for passed in (1.0, 2.0, 3.0, 4.0):
        machine.passes(1.0)
        assert clock() == start + passed
    assert "365 days forward" in (clock.note() or "")
    machine.wall -= YEAR_S
    machine.passes(1.0)
    assert clock() == start + 5.0
    assert (clock.note(), clock.astray()) == (None, None)


def test_two_leaps_of_seconds_are_not_one_that_lasts() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(3):
        machine.wall += YEAR_S
        machine.passes(HOLD_S - 1)
        clock()
        machine.wall -= YEAR_S
        machine.passes(1.0)
        assert clock() == machine.wall


def test_a_leap_that_lasts_is_followed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += 86_400
    clock()
    machine.passes(HOLD_S)
    assert clock() == machine.wall


def test_a_followed_leap_that_is_taken_back_is_reported_with_a_remedy() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += YEAR_S
    clock()
    machine.passes(HOLD_S)
    clock()
    machine.wall -= YEAR_S
    machine.passes(1.0)
    assert "365 days ahead" in (clock.astray() or "")
    assert "restart the bot" in (clock.astray() or "")


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(-1e5, 1e5))))
def test_the_clock_never_goes_back_and_never_stands_still(steps: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock()
    for passed, step in steps:
        machine.passes(passed)
        machine.wall += step
        now = clock()
        assert now >= before + passed - 1e-3
        before = now
