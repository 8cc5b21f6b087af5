"""The bot's clock: the machine's, except that it never goes back while the bot runs."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

STEP_S = 1.0
"""A clock that is behind by less than this was not set back, only read at another instant."""

log = structlog.get_logger(__name__)


class SteadyClock:
    """Returns seconds since the epoch, and follows the machine's clock wherever it goes forward.

    Where that is set back, time goes on from where it was, second by second, until the machine's clock has
    caught up or the bot is started again: what is due in a minute is due in a minute, not in an hour and one.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._base = (wall(), monotonic())
        self._told = False

    def __call__(self) -> float:
        """Return the time. Never earlier than any time returned before."""
        (at, since), wall, elapsed = self._base, self._wall(), self._monotonic()
        steady = at + (elapsed - since)
        if wall >= steady:
            self._base, self._told = (wall, elapsed), False
            return wall
        if steady - wall >= STEP_S and not self._told:
            self._told = True
            log.warning(
                "the machine's clock was set back; time goes on from where it was", by_s=steady - wall
            )
        return steady
