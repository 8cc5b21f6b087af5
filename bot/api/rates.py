"""How fast one token may ask: a bucket that holds so many requests and fills at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable

BURST_S = 2.0
"""A bucket holds what comes in so many seconds, and at least one request."""
BYTES_A_REQUEST = 8 * 1024
"""So many bytes of a body count as a request more."""


class Buckets:
    """One bucket for each token. `rate` is in requests a second; 0 is no limit."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._size = max(1.0, rate * BURST_S)
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, token_id: str) -> float:
        """Take one request out. Returns 0, or for how many seconds there is none."""
        if not self._rate:
            return 0.0
        level = self._level(token_id)
        if level < 1.0:
            return (1.0 - level) / self._rate
        self._levels[token_id] = (level - 1.0, self._levels[token_id][1])
        return 0.0

    def charge(self, token_id: str, size: int) -> None:
        """Count the bytes of a body that was let in. They may make a debt, which later requests wait for."""
        if self._rate and size:
            level = self._level(token_id)
            self._levels[token_id] = (level - size / BYTES_A_REQUEST, self._levels[token_id][1])

    def _level(self, token_id: str) -> float:
        """Return how many requests are in the bucket now, and note it."""
        now = self._clock()
        level, at = self._levels.get(token_id, (self._size, now))
        level = min(self._size, level + (now - at) * self._rate)
        self._levels[token_id] = (level, now)
        return level
