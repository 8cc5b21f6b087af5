"""The bot's event loop: it handles few sockets per turn.

Asyncio handles everything that the system reports at once before it looks at timers and at new events, so
a click would wait behind five hundred requests that arrive together.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
from typing import Any

AT_ONCE = 4
"""Sockets handled in one turn of the loop. The system reports the others in later turns."""
SWITCH_S = 0.001
"""How long a thread may hold the interpreter while another waits. Python's default is 0.005."""


class _Few:
    """An epoll object that reports few events at once. Epoll takes turns, so no socket starves."""

    def __init__(self, epoll: Any) -> None:
        self._epoll = epoll

    def poll(self, timeout: float, _: int) -> Any:
        return self._epoll.poll(timeout, AT_ONCE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop; on a system without epoll, asyncio's default."""
    sys.setswitchinterval(SWITCH_S)
    if not hasattr(selectors, "EpollSelector"):
        return asyncio.new_event_loop()
    selector = selectors.EpollSelector()
    inner = "_selector"  # private, but the only place where the number of events can be bounded
    setattr(selector, inner, _Few(getattr(selector, inner)))
    return asyncio.SelectorEventLoop(selector)
