"""The bot's clock: it follows the machine's clock, never goes back, and follows a leap only later."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from bot.domain.durations import in_sentence

STEP_S = 1.0
"""Smallest difference that counts as set back; a smaller one comes from reading two clocks in turn."""
LEAP_S = 60.0
"""Smallest step forward, measured against the monotonic clock, that counts as a leap."""
HOLD_S = 60.0
"""How long a leap must last before it is followed: a clock that is wrong for seconds closes no review."""
ASTRAY_S = 3600.0
"""Largest lead over the machine's clock at which the bot still counts as ready."""

log = structlog.get_logger(__name__)


def uptime() -> float:
    """Return the seconds of a clock that nobody can set; on Linux it counts while suspended."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SteadyClock:
    """Returns seconds since the epoch. Follows the machine's clock forward.

    If the machine's clock leaps forward, this clock follows after the leap has lasted for `HOLD_S`. If it is
    set back, this clock goes on second by second until the machine's clock has caught up or the bot restarts:
    work that is due in a minute stays due in a minute, not in an hour and a minute.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = uptime
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._base = (wall(), monotonic())
        self._told = False
        self._leapt_since: float | None = None

    def __call__(self) -> float:
        """Return the time. It is never earlier than a time returned before."""
        (at, since), wall, elapsed = self._base, self._wall(), self._monotonic()
        steady = at + (elapsed - since)
        if wall >= steady:
            if self._held(wall - steady, elapsed):
                return steady
            self._base, self._told = (wall, elapsed), False
            return wall
        self._leapt_since = None
        if steady - wall >= STEP_S and not self._told:
            self._told = True
            log.warning(
                "the machine's clock was set back; the bot's time goes on from where it was",
                by_s=steady - wall,
            )
        return steady

    def _held(self, by_s: float, elapsed: float) -> bool:
        """Whether the machine's clock has leapt forward and is not followed yet."""
        if by_s <= LEAP_S:
            self._leapt_since = None
            return False
        if self._leapt_since is None:
            self._leapt_since = elapsed
            log.warning(
                "the machine's clock leapt forward; the bot follows if the leap lasts",
                by_s=by_s,
                after_s=HOLD_S,
            )
        if elapsed - self._leapt_since < HOLD_S:
            return True
        self._leapt_since = None
        log.warning("the machine's clock leapt forward and the leap lasted; the bot follows", by_s=by_s)
        return False

    def ahead_s(self) -> float:
        """Return the lead over the machine's clock in seconds; negative if this clock is behind."""
        return self() - self._wall()

    def astray(self) -> str | None:
        """Return the problem and what to do if this clock is far ahead of the machine's; else None."""
        ahead = self.ahead_s()
        if ahead > ASTRAY_S:
            return (
                f"the bot's time is {in_sentence(ahead)} ahead of the machine's clock, which was ahead and "
                "was set back; restart the bot once the machine's clock is right: it then moves delayed "
                "work back"
            )
        return None

    def note(self) -> str | None:
        """Return a note about the machine's clock that needs no action; else None."""
        behind = -self.ahead_s()
        if behind > LEAP_S:
            return (
                f"the machine's clock leapt {in_sentence(behind)} forward; the bot follows if the leap lasts "
                f"for {in_sentence(HOLD_S)}"
            )
        return None
