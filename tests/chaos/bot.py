"""The process that is killed: the whole bot, made from the environment, with a crash point armed.

    python -m tests.chaos.bot        by hand, on a folder that a run has kept

Everything is as in production but Slack's pace and the time for which a doubtful post is looked for: those
are much quicker, since a life lasts a second or two.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from bot import logs, settings
from bot.app import Bot
from bot.domain.message import Timing
from bot.slack import facade
from bot.slack.outbound.courier import Courier
from tests.chaos import points

POINT = "CHAOS_POINT"
CROSSING = "CHAOS_CROSSING"
ORPHANED = 3
"""The exit code of a bot whose run was itself killed."""

TIMING = Timing(settle_s=1.0, recheck_s=(1.0, 3.0))


def live(environment: Mapping[str, str], log: Path, up: Connection) -> None:
    """Be the bot until SIGTERM, or until the crash point. The address of the API is sent through `up`."""
    _log_to(log)
    os.environ.update(environment)
    # A child of the fork server: what it imported is shared, and never worth collecting.
    gc.freeze()
    asyncio.run(_serve(up))


def _log_to(log: Path) -> None:
    descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)


async def _serve(up: Connection | None = None) -> None:
    chosen = settings.load(env_file=None)
    logs.configure(chosen.log_level, "console")
    quick = functools.partial(Courier, timing=TIMING)
    setattr(facade, "Courier", quick)  # noqa: B010  # it is another type, and another module's import
    if name := os.environ.get(POINT):
        points.arm(name, int(os.environ.get(CROSSING, "1")))
    loop = asyncio.get_running_loop()
    if parent := multiprocessing.parent_process():
        loop.add_reader(parent.sentinel, os._exit, ORPHANED)
    async with Bot(chosen) as running:
        loop.add_signal_handler(signal.SIGTERM, running.stop)
        if up is not None:
            up.send(running.api_url)
        await running.stopped()


if __name__ == "__main__":
    asyncio.run(_serve())
