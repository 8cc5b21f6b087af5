"""Periodic jobs: APScheduler calls each sweep at its interval; a sweep derives its work from rows.

A failed sweep is logged and runs again. A sweep that hangs is cut off after a time, since APScheduler 3.11
never restarts one. There are only interval jobs, since it deletes a date job that it missed. `/healthz`
watches `last_success`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

Sweep = Callable[[], Awaitable[object]]
"""One pass over the due rows."""

CUT_OFF_S = 20.0
"""How long one pass may take. Rows that it did not reach stay due."""
STOP_S = 10.0
"""How long a stop waits for running sweeps."""
MIND_S = 1.0
"""How often the machine's clock is compared with the monotonic clock."""

log = structlog.get_logger(__name__)


class Jobs:
    """Runs sweeps at intervals. `sweeps` maps a name to the call and its interval in seconds."""

    def __init__(
        self,
        sweeps: Mapping[str, tuple[Sweep, float]],
        *,
        cut_off_s: float = CUT_OFF_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sweeps = dict(sweeps)
        self._cut_off_s = cut_off_s
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._running: set[asyncio.Task[None]] = set()
        self._limits: set[asyncio.Timeout] = set()
        self.last_success: dict[str, float] = {}
        self.every_s = {name: every_s for name, (_, every_s) in sweeps.items()}

    def start(self) -> None:
        """Start the intervals. Every sweep counts as successful now."""
        now = self._clock()
        for name, (_, every_s) in self._sweeps.items():
            self.last_success[name] = now
            self._scheduler.add_job(
                self._run,
                "interval",
                seconds=every_s,
                args=[name],
                id=name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self._scheduler.start()
        self._minding = asyncio.create_task(self._mind_the_clock(), name="mind the clock")

    async def _mind_the_clock(self) -> None:
        """Run every sweep at once when the machine's clock is set back.

        APScheduler waits for an instant, which would then come too late by the time that was set back.
        """
        ahead = _ahead()
        while True:
            await asyncio.sleep(MIND_S)
            before, ahead = ahead, _ahead()
            if ahead < before - MIND_S:
                log.warning("the machine's clock was set back; the sweeps run on", by_s=before - ahead)
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))

    async def run_all(self) -> None:
        """Run every sweep once, now, for what came due while the bot was down."""
        for name in self._sweeps:
            await self._run(name)

    async def _run(self, name: str) -> None:
        sweep, _ = self._sweeps[name]
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(self._cut_off_s) as limit:
                self._limits.add(limit)
                try:
                    await sweep()
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            log.exception(
                "a sweep was cut off; the rest of its work stays due", sweep=name, after_s=self._cut_off_s
            )
        except Exception:
            log.exception("a sweep failed; it runs again at its interval", sweep=name)
        else:
            self.last_success[name] = self._clock()

    async def stop(self, within_s: float = STOP_S) -> None:
        """Start no more sweeps, and wait for running ones for at most `within_s` seconds.

        APScheduler's `shutdown` alone would cancel them at once. Work that is cut off stays due.
        """
        if self._scheduler.running:
            self._minding.cancel()
            self._scheduler.pause()
            await asyncio.sleep(0)  # sweeps started in this turn of the loop run only after it
            others = self._running - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=within_s)
                for limit in self._limits:
                    limit.reschedule(asyncio.get_running_loop().time())
                await asyncio.gather(*others, return_exceptions=True)
            self._scheduler.shutdown(wait=False)


def _ahead() -> float:
    """Return the lead of the machine's clock over the monotonic clock, in seconds."""
    return datetime.now(UTC).timestamp() - time.monotonic()
