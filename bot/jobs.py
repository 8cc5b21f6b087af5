"""The clock's jobs: APScheduler calls each sweep at its interval; a sweep derives its work from rows.

A job that raises is logged and goes on. One that hangs would never run again, so each is cut off after a
time; `last_success` is what `/healthz` watches. APScheduler 3.11 deletes a date job that it missed and never
restarts a job that hangs, so there are interval jobs alone, with a time limit of our own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

Sweep = Callable[[], Awaitable[object]]
"""One pass over what is due."""

CUT_OFF_S = 20.0
"""How long one pass may take. What it did not get to is still due at the next."""
STOP_S = 10.0
"""How long a stop waits for sweeps that are in hand."""
MIND_S = 1.0
"""How often the machine's clock is held against one that cannot be set."""

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
        """Begin. A sweep counts as fresh from here on."""
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
        """Run everything at once when the machine's clock was set back.

        APScheduler waits for an instant, which would then come only after as much time again.
        """
        ahead = _ahead()
        while True:
            await asyncio.sleep(MIND_S)
            before, ahead = ahead, _ahead()
            if ahead < before - MIND_S:
                log.warning("the machine's clock was set back; the sweeps go on", by_s=before - ahead)
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))

    async def run_all(self) -> None:
        """Run every sweep once, now: what came due while the bot was down."""
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
                "a sweep was cut off; what it left is still due", sweep=name, after_s=self._cut_off_s
            )
        except Exception:
            log.exception("a sweep failed; it runs again at its interval", sweep=name)
        else:
            self.last_success[name] = self._clock()

    async def stop(self, within_s: float = STOP_S) -> None:
        """Begin nothing more, and wait for what is in hand, but no longer than so many seconds.

        `shutdown` alone would cancel it at once. What is cut off is still due at the next start.
        """
        if self._scheduler.running:
            self._minding.cancel()
            self._scheduler.pause()
            await asyncio.sleep(0)  # what was begun in this turn of the loop is in hand only after it
            others = self._running - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=within_s)
                for limit in self._limits:
                    limit.reschedule(asyncio.get_running_loop().time())
                await asyncio.gather(*others, return_exceptions=True)
            self._scheduler.shutdown(wait=False)


def _ahead() -> float:
    """Return how far the machine's clock is ahead of one that cannot be set."""
    return datetime.now(UTC).timestamp() - time.monotonic()
