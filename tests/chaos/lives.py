"""The lives of the bot's process: born of a fork server, ended by a signal.

Importing the bot costs seconds, so one process imports it and every life is forked from that.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import aiohttp

from tests.chaos import bot

START_S = 60.0
"""How long a start may take on a machine that is busy with other things."""
STOP_S = 30.0
CALM_S = 30.0
"""How long a bot that settled may go on to say that it is late."""
PRELOADED = (
    "tests.chaos.bot",
    "bot.cli.threads",
    "bot.cli.freezes",
    "bot.cli.secrets",
    "tests.chaos.operator",
)


@dataclass(frozen=True, slots=True)
class Doom:
    """How a life is to end: `after_s` seconds after it is up (or after its birth, if `unborn`).

    With a crash point it ends itself at the `crossing`-th crossing, if that comes earlier.
    """

    after_s: float
    point: str | None = None
    crossing: int = 1
    unborn: bool = False


@dataclass(frozen=True, slots=True)
class Death:
    """How a life ended. `at_point`: by itself at its crash point. `strange`: in a way that nobody meant."""

    doom: Doom
    at_point: bool
    was_up: bool
    strange: str | None = None
    at: float = field(default_factory=time.time)
    """When, or a moment later."""


class Lives:
    """One life after another, on one data folder. `url` is the API's address while `up` is set."""

    def __init__(self, environment: Mapping[str, str], log: Path, came_up: Callable[[str], None]) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOADED))
        self._environment = dict(environment)
        self._log = log
        self._came_up = came_up
        self._process: ForkServerProcess | None = None
        self._dead = asyncio.Event()
        self.url = ""
        self.up = asyncio.Event()

    async def live(self, doom: Doom) -> Death:
        """Live one life to its end."""
        await self.begin(doom)
        if not doom.unborn:
            await self._until_up()
        at_point = await self._died_within(doom.after_s)
        was_up = self.up.is_set() or bool(self.url)
        code = await self._finish(signal.SIGKILL)
        strange = None if code == -signal.SIGKILL else f"it ended by itself with exit code {code}"
        if at_point and doom.point is None and strange is None:
            strange = f"it died by itself (exit code {code})"
        if not doom.unborn and not was_up and not at_point:
            strange = f"it did not come up within {START_S:.0f} s"
        return Death(doom, at_point, was_up, strange)

    async def begin(self, doom: Doom | None = None) -> None:
        """Fork a process."""
        ours, theirs = self._context.Pipe(duplex=False)
        named = {bot.POINT: doom.point, bot.CROSSING: str(doom.crossing)} if doom and doom.point else {}
        environment = {**self._environment, **{key: str(value) for key, value in named.items()}}
        process = self._context.Process(target=bot.live, args=(environment, self._log, theirs), daemon=True)
        self.up.clear()
        self.url = ""
        self._dead.clear()
        await asyncio.to_thread(process.start)
        theirs.close()
        self._process = process
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._heard, ours)
        loop.add_reader(process.sentinel, self._died, process.sentinel)

    async def stop(self) -> str | None:
        """Ask the bot to stop, as an operator does. Returns what was wrong with how it did."""
        if self._process is None:
            return None
        if not self._dead.is_set():
            os.kill(self._process.pid or 0, signal.SIGTERM)
        if not await self._died_within(STOP_S):
            await self._finish(signal.SIGKILL)
            return f"it did not stop within {STOP_S:.0f} s of SIGTERM"
        code = await self._finish(None)
        return None if code == 0 else f"it stopped with exit code {code}"

    async def troubles(self) -> list[str]:
        """Return what the bot says is wrong with itself, or late, and goes on saying.

        When all is shown it wants one more message: that messages came late, and are shown now.
        """
        until = time.monotonic() + CALM_S
        while (found := await self._troubles()) and time.monotonic() < until:
            await asyncio.sleep(0.25)
        return found

    async def _troubles(self) -> list[str]:
        async with aiohttp.ClientSession(self.url) as session:
            async with session.get("/readyz") as answer:
                ready = (
                    []
                    if answer.status == 200
                    else [f"/readyz answers {answer.status}: {await answer.text()}"]
                )
            async with session.get("/metrics") as answer:
                lines = (await answer.text()).splitlines()
        late = [line for line in lines if line.startswith("membrane_courier_lag_seconds ")]
        return ready + [line for line in late if float(line.split()[1]) > 0]

    async def kill(self) -> None:
        """Kill what lives, if anything does."""
        if self._process is not None:
            await self._finish(signal.SIGKILL)

    async def until_up(self) -> bool:
        """Wait until the API answers. False: it died, or took too long."""
        await self._until_up()
        return self.up.is_set()

    async def _until_up(self) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self.up, self._dead)]
        await asyncio.wait(waits, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _died_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._dead.wait()
        except TimeoutError:
            return False
        return True

    async def _finish(self, number: signal.Signals | None) -> int | None:
        """End the process and bury it. Returns its exit code, negative for a signal's number."""
        process = self._process
        if process is None:
            return None
        if number is not None and not self._dead.is_set():
            os.kill(process.pid or 0, number)
        await self._dead.wait()
        await asyncio.to_thread(process.join)
        code = process.exitcode
        process.close()
        self._process = None
        return code

    def _heard(self, pipe: Connection) -> None:
        loop = asyncio.get_running_loop()
        try:
            self.url = pipe.recv()
        except EOFError:
            loop.remove_reader(pipe.fileno())
            pipe.close()
            return
        self._came_up(self.url)
        self.up.set()

    def _died(self, sentinel: int) -> None:
        asyncio.get_running_loop().remove_reader(sentinel)
        self.up.clear()
        self._dead.set()
