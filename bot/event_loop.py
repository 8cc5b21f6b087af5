"""The event loop of the bot: one that takes what comes in few at a time.

Asyncio handles all that the system reports in one go before it looks at timers and at what became ready
meanwhile, so five hundred requests at once would stand before a click.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from typing import Any

AT_ONCE = 4
"""Sockets that are handled in one turn of the loop. The system reports the others in the next turns."""
SWITCH_S = 0.001
"""How long a thread may hold the interpreter while another waits; Python's own is five times that."""


class _Few:
    """An epoll object that reports few events at once. Epoll itself goes round, so none is left out."""

    def __init__(self, epoll: Any) -> None:
        self._epoll = epoll

    def poll(self, timeout: float, _: int) -> Any:
        return self._epoll.poll(timeout, AT_ONCE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop; on a system without epoll, asyncio's own."""
    sys.setswitchinterval(SWITCH_S)
    if not hasattr(selectors, "EpollSelector"):
        return asyncio.new_event_loop()
    selector = selectors.EpollSelector()
    inner = "_selector"  # private, and the one place where what it reports can be bounded
    setattr(selector, inner, _Few(getattr(selector, inner)))
    return asyncio.SelectorEventLoop(selector)
