"""The bot's clock: the machine's, except that it never goes back, and does not follow a leap at once."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

STEP_S = 1.0
"""A clock that is behind by less than this was not set back, only read at another instant."""
LEAP_S = 60.0
"""A clock that goes forward by more than this, beside one that cannot be set, has leapt."""
HOLD_S = 60.0
"""For so long a leap must last before it is believed: a clock that is wrong for seconds closes no review."""
ASTRAY_S = 3600.0
"""The bot's time is of no use to people where it is ahead of the machine's by more than this."""

log = structlog.get_logger(__name__)


def uptime() -> float:
    """Return the seconds of a clock that cannot be set; on Linux it counts while the machine is suspended."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SteadyClock:
    """Returns seconds since the epoch, and follows the machine's clock wherever it goes forward.

    Where that leaps forward, it is followed once the leap has lasted for `HOLD_S`. Where it is set back, time
    goes on from where it was, second by second, until the machine's clock has caught up or the bot is started
    again: what is due in a minute is due in a minute, not in an hour and one.
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
        """Return the time. Never earlier than any time returned before."""
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
                "the machine's clock was set back; time goes on from where it was", by_s=steady - wall
            )
        return steady

    def _held(self, by_s: float, elapsed: float) -> bool:
        """Whether the machine's clock has just leapt forward, and is not believed yet."""
        if by_s <= LEAP_S:
            self._leapt_since = None
            return False
        if self._leapt_since is None:
            self._leapt_since = elapsed
            log.warning(
                "the machine's clock leapt forward; it is followed if it stays so", by_s=by_s, after_s=HOLD_S
            )
        if elapsed - self._leapt_since < HOLD_S:
            return True
        self._leapt_since = None
        log.warning("the machine's clock leapt forward and stayed so; it is followed", by_s=by_s)
        return False

    def ahead_s(self) -> float:
        """Return by how many seconds this clock is ahead of the machine's; negative where it is behind."""
        return self() - self._wall()

    def astray(self) -> str | None:
        """Return what is wrong where this clock is far ahead of the machine's, and what to do; else None."""
        ahead = self.ahead_s()
        if ahead > ASTRAY_S:
            return (
                f"the bot's time is {_span(ahead)} ahead of the machine's clock, which was ahead and was set "
                "back; start the bot again once the machine's clock is right: what was put off is pulled back"
            )
        return None

    def note(self) -> str | None:
        """Return what is to be known of the machine's clock, though nothing has to be done; else None."""
        behind = -self.ahead_s()
        if behind > LEAP_S:
            return (
                f"the machine's clock leapt {_span(behind)} forward; it is followed if it stays so for "
                f"{HOLD_S:.0f} s"
            )
        return None


def _span(seconds: float) -> str:
    """Return a duration to read, in its largest unit."""
    for unit, length in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
