"""Whether the bot lives, and whether it can serve."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

Check = Callable[[], Awaitable[str | None]]
"""Returns None where all is well, else what is wrong in a few words."""

STALE_S = 30.0
"""A sweep that has not succeeded for so long hangs; the process is better started anew."""
MISSED = 3
"""A sweep whose interval is long is stale after so many of them."""
PATIENCE_S = 2.0
"""For one check; what cannot say in that time that it is well is not."""


class Health:
    """What `/healthz` and `/readyz` say.

    `sweeps` returns when each sweep last succeeded, in seconds since the epoch; a sweep counts from the
    moment it is listed. `every_s` are their intervals. `checks` are what serving needs: the store, Slack,
    the courier. `astray` says what is wrong with the clock, where only another start helps. `notes` are what
    somebody should know although all is served.
    """

    def __init__(
        self,
        sweeps: Callable[[], Mapping[str, float]],
        checks: Mapping[str, Check],
        *,
        notes: Mapping[str, Check] | None = None,
        astray: Callable[[], str | None] = lambda: None,
        stale_s: float = STALE_S,
        every_s: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.sweeps = sweeps
        self._checks = checks
        self._notes = notes or {}
        self._astray = astray
        self._stale_s = stale_s
        self._every_s = every_s or {}
        self._clock = clock

    def dead(self) -> dict[str, str]:
        """Return the sweeps that have not run for too long, with for how long, and a clock astray."""
        now = self._clock()
        clock = self._astray()
        found = {"clock": clock} if clock else {}
        return found | {
            name: f"has not succeeded for {now - last:.0f} s"
            for name, last in self.sweeps().items()
            if now - last > max(self._stale_s, MISSED * self._every_s.get(name, 0.0))
        }

    async def unready(self) -> dict[str, str]:
        """Return what keeps the bot from serving, by part."""
        return {**self.dead(), **await _told(self._checks)}

    async def notes(self) -> dict[str, str]:
        """Return what somebody should know of, by part, although it keeps the bot from nothing."""
        return await _told(self._notes)


async def _told(checks: Mapping[str, Check]) -> dict[str, str]:
    names = list(checks)
    found = await asyncio.gather(*(_ask(checks[name]) for name in names))
    return {name: what for name, what in zip(names, found, strict=True) if what}


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await check()
    except TimeoutError:
        return f"did not answer within {PATIENCE_S:.0f} s"
    except Exception as error:  # noqa: BLE001 - a check that breaks is a part that is not well
        return str(error) or type(error).__name__
