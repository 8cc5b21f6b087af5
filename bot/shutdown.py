"""The end of the process, even if a tool hangs or the event loop is blocked.

The databases are safe at any moment, so a process that does not end by itself can be killed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

log = structlog.get_logger(__name__)


@contextmanager
def on_signal(stop: Callable[[], object], *, within_s: float) -> Iterator[None]:
    """Call `stop` at SIGTERM or SIGINT; end the process if it still runs `within_s` seconds later.

    `stop` runs in a signal handler of Python, not of asyncio: that one would wait for the loop, which may be
    blocked.
    """
    asked = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        stop()

    def watch() -> None:
        asked.wait()
        end_after(within_s, 1, "the bot does not stop in time; its work continues at the next start")

    threading.Thread(target=watch, name="stop", daemon=True).start()
    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_after(seconds: float, code: int, why: str) -> None:
    """End the process after some `seconds`, unless it has ended by itself. `why` is logged."""

    def end() -> None:
        if threading.Event().wait(seconds):
            return
        names = sorted(each.name for each in threading.enumerate() if not each.daemon)
        log.critical(why, threads=names)
        logging.shutdown()
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
        os._exit(code)

    threading.Thread(target=end, name="end", daemon=True).start()
