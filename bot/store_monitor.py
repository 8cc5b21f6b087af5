"""Detects that the store cannot be written, and tells the admins when that begins and ends.

Reads still work on a full or read-only disk, and some Tier 0 actions may pass, so nothing else would report
it. The first notice bypasses the store, which cannot be written then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from bot.domain.durations import in_sentence
from bot.domain.notices import NOTHING_TO_DO, Notice, Subject
from bot.errors import StoreError, TooMany

EVERY_S = 2.0
"""Interval of test writes."""
LIMIT_S = 15.0
"""How long one test may take; a write waits up to 10 s for another process's lock."""
SLOW_S = 5.0
"""`/readyz` reports a test write that takes longer, while it runs."""
QUIET_S = 5.0
"""How long no write may fail before the trouble is over: a nearly full disk takes small writes."""
AGAIN_S = 120.0
"""Minimum delay between two notices to the admins, if the trouble comes and goes."""

_log = structlog.get_logger(__name__)


class Written(Protocol):
    """A database file that this process writes to."""

    @property
    def path(self) -> Path:
        """The path of the file."""
        ...

    @property
    def failures(self) -> int:
        """How many groups of writes were lost because the file failed."""
        ...

    @property
    def failure(self) -> str:
        """The reason of the last failure, in a sentence."""
        ...

    async def probe(self) -> None:
        """Make a durable test write. Raises StoreError."""
        ...


class StoreMonitor:
    """Makes test writes, and watches the failures of all others.

    `at_once` posts a notice without the store, `tell` puts one into it. `clock` only goes forward.
    """

    def __init__(
        self,
        files: Sequence[Written],
        *,
        at_once: Callable[[Notice], Awaitable[None]],
        tell: Callable[[Notice], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._at_once = at_once
        self._tell = tell
        self._clock = clock
        self._seen = {file.path: file.failures for file in files}
        self._why: str | None = None
        self._since = self._failed_at = 0.0
        self._said_at: float | None = None
        self._told = False
        self._trying_since: float | None = None

    async def ready(self) -> str | None:
        """Return for `/readyz` why the store cannot be written, or None."""
        if self._why is None and self._trying_since is not None:
            for_s = self._clock() - self._trying_since
            if for_s > SLOW_S:
                return f"a write has not finished for {in_sentence(for_s)}"
        return self._why

    async def look(self) -> None:
        """Make one test write, and tell the admins about a change."""
        self._trying_since = self._clock()
        try:
            found = await asyncio.gather(*(self._try(file) for file in self._files))
        finally:
            self._trying_since = None
        whys = list(dict.fromkeys(why for why in found if why is not None))
        now = self._clock()
        if whys:
            self._fail("; ".join(whys), now)
        elif self._why is not None and now - self._failed_at >= QUIET_S:
            await self._over(now)
        said = self._said_at is not None and now - self._said_at < AGAIN_S
        if self._why is not None and not self._told and not said:
            await self._say(self._why, now)

    async def _try(self, file: Written) -> str | None:
        why = None
        try:
            async with asyncio.timeout(LIMIT_S):
                await file.probe()
        except TimeoutError:
            why = f"{file.path} has not finished a write for {in_sentence(LIMIT_S)}; look at its disk"
        except TooMany:
            pass  # the store is busy, but it writes
        except StoreError as error:
            why = str(error)
        failed, self._seen[file.path] = file.failures != self._seen[file.path], file.failures
        return why or (file.failure if failed else None)

    def _fail(self, why: str, now: float) -> None:
        self._failed_at = now
        if self._why is None:
            self._since = now
            self._told = False
            _log.error("the store cannot be written", why=why)
        self._why = why

    async def _say(self, why: str, now: float) -> None:
        notice = Notice(
            Subject.STORE_STUCK,
            f"The store cannot be written: {why}. Nothing can be approved or proposed until it can.",
            where=f"the data folder, {self._files[0].path.parent}",
            todo="Follow the reason. `/readyz` shows when the trouble is over, and you are told here.",
        )
        try:
            await self._at_once(notice)
        except Exception as error:  # noqa: BLE001 - Slack may be down too; the next look tries again
            _log.warning("the admins could not be notified", why=str(error))
            return
        self._told, self._said_at = True, now

    async def _over(self, now: float) -> None:
        for_s = now - self._since
        _log.warning("the store can be written again", for_s=round(for_s))
        self._why = None
        if self._told:
            notice = Notice(
                Subject.STORE_WRITES,
                f"The store can be written again, after {in_sentence(for_s)}. Nothing was stored of what was "
                "refused meanwhile.",
                where=f"the data folder, {self._files[0].path.parent}",
                todo=NOTHING_TO_DO,
                about=f"{self._since}",
            )
            await self._tell(notice)
