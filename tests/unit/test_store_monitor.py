"""The monitor reports a store that cannot be written, and its recovery."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bot.domain.notices import Notice, Subject
from bot.errors import StoreError
from bot.store_monitor import AGAIN_S, QUIET_S, StoreMonitor
from tests.fakes import Clock


@dataclass
class File:
    """A file whose writes fail or hang as a test wants."""

    path: Path = Path("data/membrane.db")
    failures: int = 0
    failure: str = "the disk is full"
    fails: bool = False
    hangs: asyncio.Event | None = None

    async def probe(self) -> None:
        if self.hangs is not None:
            await self.hangs.wait()
        if self.fails:
            raise StoreError(self.failure)


class Watched:
    """A watch over a file, and what it told."""

    def __init__(self) -> None:
        self.file, self.clock, self.slack_is_away = File(), Clock(), False
        self.told: list[Subject] = []
        self.watch = StoreMonitor([self.file], at_once=self.at_once, tell=self.tell, clock=self.clock)

    async def at_once(self, notice: Notice) -> None:
        if self.slack_is_away:
            raise OSError("no way to Slack")
        self.told.append(notice.subject)

    async def tell(self, notice: Notice) -> None:
        self.told.append(notice.subject)

    async def look(self, after_s: float = 2.0) -> str | None:
        self.clock.forward(after_s)
        await self.watch.look()
        return await self.watch.ready()


async def test_a_failure_is_reported_once_and_ends_after_a_quiet_time() -> None:
    seen = Watched()
    assert await seen.look() is None
    seen.file.fails = True
    assert await seen.look() == "the disk is full"
    assert await seen.look() == "the disk is full"
    seen.file.fails = False
    assert await seen.look() == "the disk is full", "a small write alone proves little"
    assert seen.told == [Subject.STORE_STUCK]
    assert await seen.look(QUIET_S) is None
    assert seen.told == [Subject.STORE_STUCK, Subject.STORE_WRITES]


async def test_a_failed_write_elsewhere_counts_although_the_probe_succeeds() -> None:
    seen = Watched()
    seen.file.failures += 1
    assert await seen.look() == "the disk is full"


async def test_a_recurring_failure_is_reported_once_in_two_minutes() -> None:
    seen = Watched()
    for _ in range(10):
        seen.file.failures += 1
        await seen.look()
        await seen.look(QUIET_S)
    assert seen.told == [Subject.STORE_STUCK, Subject.STORE_WRITES]
    seen.file.failures += 1
    await seen.look(AGAIN_S)
    assert seen.told[-1] is Subject.STORE_STUCK


async def test_a_failure_is_reported_as_soon_as_slack_is_reachable() -> None:
    seen = Watched()
    seen.file.fails = seen.slack_is_away = True
    await seen.look()
    assert seen.told == []
    seen.slack_is_away = False
    await seen.look()
    assert seen.told == [Subject.STORE_STUCK]


async def test_a_write_that_hangs_is_not_ready() -> None:
    seen = Watched()
    seen.file.hangs = asyncio.Event()
    looking = asyncio.create_task(seen.watch.look())
    await asyncio.sleep(0)
    assert await seen.watch.ready() is None
    seen.clock.forward(6)
    assert await seen.watch.ready() == "a write has not finished for 6 seconds"
    seen.file.hangs.set()
    await looking
    assert await seen.watch.ready() is None
