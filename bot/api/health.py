"""Health checks: whether the process is alive, and whether it is ready to serve."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from bot.domain.durations import in_sentence

Check = Callable[[], Awaitable[str | None]]
"""Returns None if all is well, else a short description of the fault."""

STALE_S = 30.0
"""Seconds without a successful sweep after which the process should be restarted."""
MISSED = 3
"""Intervals without success after which a sweep with a long interval is stale."""
PATIENCE_S = 2.0
"""Seconds for one check. A check that takes longer has failed."""


class Health:
    """The faults and notes that `/healthz` and `/readyz` report.

    `sweeps` returns when each sweep last succeeded, in seconds since the epoch; a new sweep counts from the
    moment it is listed. `every_s` are the sweeps' intervals. `checks` look at what serving needs: the store,
    Slack, the courier. `astray` describes a fault of the clock that only a restart corrects. `notes` look for
    conditions that an operator should know about although the bot works.
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
        """Return the overdue sweeps, each with how long it has not succeeded, and a fault of the clock."""
        now = self._clock()
        clock = self._astray()
        found = {"clock": clock} if clock else {}
        return found | {
            name: f"has not succeeded for {in_sentence(now - last)}"
            for name, last in self.sweeps().items()
            if now - last > max(self._stale_s, MISSED * self._every_s.get(name, 0.0))
        }

    async def unready(self) -> dict[str, str]:
        """Return the faults that keep the bot from serving, by part."""
        return {**self.dead(), **await _told(self._checks)}

    async def notes(self) -> dict[str, str]:
        """Return the conditions that an operator should know about although the bot works, by part."""
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
        return f"did not answer within {in_sentence(PATIENCE_S)}"
    except Exception as error:  # noqa: BLE001 - a check that raises means that its part has a fault
        return str(error) or type(error).__name__
