"""Rate limits: each token has a bucket of requests that refills at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable

BURST_S = 2.0
"""A bucket holds the requests of this many seconds, and at least one."""
BYTES_A_REQUEST = 8 * 1024
"""Bytes of a body that count as one more request."""


class Buckets:
    """One bucket for each token. `rate` is in requests a second; 0 means no limit."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._size = max(1.0, rate * BURST_S)
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, token_id: str) -> float:
        """Take one request. Returns 0, or the seconds until there is one."""
        if not self._rate:
            return 0.0
        level = self._level(token_id)
        if level < 1.0:
            return (1.0 - level) / self._rate
        self._levels[token_id] = (level - 1.0, self._levels[token_id][1])
        return 0.0

    def charge(self, token_id: str, size: int) -> None:
        """Charge for the bytes of an admitted body. The level may fall below zero; later requests wait."""
        if self._rate and size:
            level = self._level(token_id)
            self._levels[token_id] = (level - size / BYTES_A_REQUEST, self._levels[token_id][1])

    def _level(self, token_id: str) -> float:
        """Refill a token's bucket and return its level, in requests."""
        now = self._clock()
        level, at = self._levels.get(token_id, (self._size, now))
        level = min(self._size, level + (now - at) * self._rate)
        self._levels[token_id] = (level, now)
        return level
