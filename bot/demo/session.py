"""`membrane demo`: starts the stage, prints the timeline, and stops it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from bot import logs
from bot.demo import autopilot, coverage
from bot.demo.colleague import Colleague, has
from bot.demo.company import ADA, DIGEST
from bot.demo.folder import Folder, prepare
from bot.demo.result import result
from bot.demo.stage import Stage, staged
from bot.demo.timeline import GREEN, RED, Follower, Timeline
from bot.domain.durations import in_sentence
from bot.store.database import Database, open_database

LIMIT_S = 52.0
"""Time limit of the autopilot, so that it always ends within a minute."""
FOREVER_S = 1e9

INTERRUPTED = 130

WELCOME = """
  Northwind's Slack is at  {url}

  1. Be Cleo (top left), read the refund of 900 USD in #agent-approvals and approve it. It takes two: be Dia.
     It waits for 75 seconds. If it is gone, press Ctrl-C and run `make demo` again for a new day.
  2. Be Gus, who owns the agents, and approve anything. Your click does not count, and you are told why.
  3. Or do nothing: within two minutes reviews expire, halt, escalate and page people. Look at #incidents.

  The executed effects are in {books}. Ctrl-C ends the demo.
"""


def run(*, autopilot: bool, json: bool, port: int, data: Path | None, keep: bool, started: float) -> int:
    """Run the demo; see `bot.demo.main`. `started` is the start of the process, in monotonic seconds."""
    folder = prepare(data, keep=keep)
    with folder.log.open("a", encoding="utf-8") as log:
        logs.configure("info", "console", stream=log)
        ends_at = started + LIMIT_S
        acts = _autopilot(folder, port, ends_at, as_json=json) if autopilot else _by_hand(folder, port)
        return asyncio.run(_until_stopped(acts, folder, stopped=INTERRUPTED if autopilot else 0))


async def _until_stopped(acts: Coroutine[Any, Any, int], folder: Folder, *, stopped: int) -> int:
    """Run `acts`; Ctrl-C ends them cleanly, with the exit code `stopped`."""
    task = asyncio.ensure_future(acts)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        print(f"\nStopped. The executed effects are in {folder.books}", file=sys.stderr)
        return stopped


async def _by_hand(folder: Folder, port: int) -> int:
    ends_at = time.monotonic() + FOREVER_S
    async with staged(folder, port, ends_at=ends_at) as stage:
        print(WELCOME.format(url=stage.slack.base_url, books=folder.books), flush=True)
        timeline = Timeline(sys.stdout, stage.began)
        async with _followed(stage, folder, timeline, quiet=True):
            fleet = asyncio.create_task(_work(stage, timeline))
            try:
                await stage.bot.stopped()
            finally:
                fleet.cancel()
                await asyncio.gather(fleet, return_exceptions=True)
    return 1


async def _work(stage: Stage, timeline: Timeline) -> None:
    for trouble in await stage.fleet.run():
        timeline.say(trouble, RED)
    timeline.say("The agents' day is over. Everything stays open to look at; Ctrl-C ends the demo.")


async def _autopilot(folder: Folder, port: int, ends_at: float, *, as_json: bool) -> int:
    out = sys.stderr if as_json else sys.stdout
    async with staged(folder, port, ends_at=ends_at) as stage:
        timeline = Timeline(out, stage.began)
        timeline.say(f"Northwind's Slack is at {stage.slack.base_url}")
        async with _followed(stage, folder, timeline) as db:
            missed = await _play(stage, ends_at)
            came_to = await _came_to(stage, db)
        missed += coverage.missed(came_to)
        seconds = time.time() - stage.began
    if as_json:
        print(json.dumps(came_to))
    for miss in missed:
        timeline.say(f"MISSED  {miss}", RED)
    if not missed:
        count = len(came_to["actions"])
        timeline.say(
            f"{count} actions, every scene played, in {in_sentence(seconds)}. Books: {folder.books}", GREEN
        )
    return 1 if missed else 0


async def _play(stage: Stage, ends_at: float) -> list[str]:
    """Let the agents work and the people play. Return what did not happen."""
    fleet = asyncio.create_task(stage.fleet.run())
    try:
        missed = await autopilot.play(stage.slack.base_url, ends_at)
        async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
            return missed + await fleet
    except TimeoutError:
        return [*missed, "the agents did not finish their day"]
    finally:
        fleet.cancel()
        await asyncio.gather(fleet, return_exceptions=True)


async def _came_to(stage: Stage, db: Database) -> dict[str, Any]:
    async with Colleague(stage.slack.base_url, ADA, time.monotonic()) as ada:
        digests = await ada.counts(lambda message: has(message, ["may be looked over"]), DIGEST)
    return await result(stage.bot.membrane, db, stage.world, began=stage.began, digests=digests)


@asynccontextmanager
async def _followed(
    stage: Stage, folder: Folder, timeline: Timeline, *, quiet: bool = False
) -> AsyncIterator[Database]:
    """Print the journal on the timeline; yield the database, open for reading."""
    db = open_database(folder.path / "membrane.db", readonly=True)
    follower = Follower(db, stage.bot.membrane.proposals.standing, timeline, quiet=quiet)
    following = asyncio.create_task(follower.run())
    try:
        yield db
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await follower.catch_up()
    finally:
        following.cancel()
        await db.close()
