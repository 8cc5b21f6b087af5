"""Sweeps run at their intervals even if one of them fails or hangs."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest

from bot.jobs import Jobs
from tests.waiting import until


async def test_a_sweep_that_raises_runs_again() -> None:
    runs: list[int] = []

    async def fails() -> None:
        runs.append(1)
        raise LookupError("on purpose")

    jobs = Jobs({"fails": (fails, 0.05)})
    jobs.start()
    started = jobs.last_success["fails"]
    await until(lambda: len(runs) >= 3)
    assert jobs.last_success["fails"] == started
    await jobs.stop()


async def test_a_sweep_that_hangs_is_cut_off_and_runs_again() -> None:
    runs: list[int] = []

    async def hangs() -> None:
        runs.append(1)
        await asyncio.sleep(3600)

    jobs = Jobs({"hangs": (hangs, 0.05)}, cut_off_s=0.1)
    jobs.start()
    await until(lambda: len(runs) >= 2)
    await jobs.stop()


async def test_a_clock_that_is_set_back_stops_no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    shift = timedelta()

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + shift

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Shifted)
    monkeypatch.setattr("bot.jobs.datetime", Shifted)
    monkeypatch.setattr("bot.jobs.MIND_S", 0.05)
    runs: list[int] = []

    async def sweep() -> None:
        runs.append(1)

    jobs = Jobs({"sweep": (sweep, 0.05)})
    jobs.start()
    await until(lambda: len(runs) >= 2)
    shift = timedelta(hours=-1)
    seen = len(runs)
    await until(lambda: len(runs) >= seen + 5)
    shift = timedelta(hours=2)
    seen = len(runs)
    await until(lambda: len(runs) >= seen + 3)
    await jobs.stop()


async def test_stopping_waits_for_a_running_sweep() -> None:
    done: list[int] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await go_on.wait()
        done.append(1)

    jobs = Jobs({"slow": (slow, 0.01)})
    jobs.start()
    await begun.wait()
    stopping = asyncio.create_task(jobs.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    go_on.set()
    await stopping
    assert done == [1]


async def test_stopping_waits_no_longer_than_its_limit() -> None:
    begun = asyncio.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.sleep(3600)

    jobs = Jobs({"endless": (endless, 0.01)}, cut_off_s=3600)
    jobs.start()
    before = dict(jobs.last_success)
    await begun.wait()
    async with asyncio.timeout(60):
        await jobs.stop(0.1)
    assert jobs.last_success == before


@pytest.mark.parametrize("turns", range(6))
async def test_stopping_waits_for_a_sweep_that_is_just_starting(
    turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The stop may come any number of loop turns after the sweep is due."""
    seen: list[str] = []

    async def sweep(name: str, seconds: float) -> None:
        seen.append(f"{name} begun")
        await asyncio.sleep(seconds)
        seen.append(f"{name} ended")

    jobs = Jobs({"early": (lambda: sweep("early", 0.1), 0.01), "late": (lambda: sweep("late", 0.2), 0.05)})
    jobs.start()
    await until(lambda: "early begun" in seen)
    time.sleep(0.06)  # the loop must not turn while the other sweep comes due
    for _ in range(turns):
        await asyncio.sleep(0)
    await jobs.stop()
    await asyncio.sleep(0.01)
    assert [line.replace("begun", "ended") for line in seen if "begun" in line] == [
        line for line in seen if "ended" in line
    ]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_successful_sweep_is_recorded_for_the_health_check() -> None:
    async def fine() -> None:
        return None

    now = [100.0]
    jobs = Jobs({"fine": (fine, 3600.0)}, clock=lambda: now[0])
    jobs.start()
    now[0] = 200.0
    await jobs.run_all()
    assert jobs.last_success == {"fine": 200.0}
    await jobs.stop()
