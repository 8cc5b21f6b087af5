"""The bot's process: its event loop, its signals, and how it ends."""

from __future__ import annotations

import asyncio
import gc

import structlog

from bot.app import Bot
from bot.event_loop import new_loop
from bot.graph.code_origin import code_origin, printable
from bot.printed_output import printed_to_log
from bot.settings import Settings
from bot.shutdown import end_after, on_signal

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Run the bot in its own event loop until SIGTERM or SIGINT. Log what hosted code prints.

    The process ends soon after the bot, even if threads of hosted code still run.
    """
    with printed_to_log(code_origin, printable), asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve(settings))
    end_after(settings.exit_s, 0, "threads of hosted code do not end, and are left behind")


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    async with Bot(settings) as bot:
        # Everything built so far stays. A full collection over it takes 0.1 s, in which no click is answered.
        gc.collect()
        gc.freeze()
        with on_signal(lambda: loop.call_soon_threadsafe(bot.stop), within_s=settings.stop_s):
            await bot.stopped()
            log.info("stopping; waiting work continues at the next start")
            await bot.close()
