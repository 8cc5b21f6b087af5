"""Floods of log lines: repeated lines are counted, and summed up in one line."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WINDOW_S = 10.0
MOST_ALIKE = 5
"""Identical lines in a window, apart from their time."""
MOST_OF_EVENT = 500
"""Lines of one event in a window, whatever their details."""
MOST_KEPT = 1000
"""Different lines counted at once."""
UNCOMPARED = ("timestamp", "_record", "_from_structlog")


@dataclass(slots=True)
class _Tally:
    until: float
    told: int = 0
    left_out: int = 0


class RepeatFilter(logging.Filter):
    """Passes a line a few times in a window, then counts its repetitions.

    `tell` is called with the line that states how many were left out. Threads log at the same time, and a
    handler filters before it takes its own lock, so the filter has one.
    """

    def __init__(
        self, tell: Callable[[logging.LogRecord], Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._tell = tell
        self._clock = clock
        self._lines: dict[tuple[Any, ...], _Tally] = {}
        self._events: dict[tuple[Any, ...], _Tally] = {}
        self._looked_at = 0.0
        self._counting = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line passes."""
        if getattr(record, "sums_up", False):
            return True
        event, whole = _keys(record)
        with self._counting:
            now = self._clock()
            summaries = self._summaries(now)
            passes = _room(self._lines, whole, MOST_ALIKE, now) and _room(
                self._events, event, MOST_OF_EVENT, now
            )
        for summary in summaries:
            self._tell(summary)
        return passes

    def _summaries(self, now: float) -> list[logging.LogRecord]:
        """End the windows that are over, and return a line for each that left some out."""
        found = []
        looks = now >= self._looked_at + 1.0
        for tallies in (self._lines, self._events):
            if looks or len(tallies) > MOST_KEPT:
                found += _end_windows(tallies, now)
        if looks:
            self._looked_at = now
        return found


def _end_windows(tallies: dict[tuple[Any, ...], _Tally], now: float) -> list[logging.LogRecord]:
    full = len(tallies) > MOST_KEPT
    over = [(key, tally) for key, tally in tallies.items() if full or tally.until <= now]
    for key, _ in over:
        del tallies[key]
    return [_summary(key, tally.left_out) for key, tally in over if tally.left_out]


def _room(tallies: dict[tuple[Any, ...], _Tally], key: tuple[Any, ...], most: int, now: float) -> bool:
    tally = tallies.setdefault(key, _Tally(now + WINDOW_S))
    if tally.told < most:
        tally.told += 1
        return True
    tally.left_out += 1
    return False


def _keys(record: logging.LogRecord) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return a key for a line's event, and one for the whole line."""
    error = record.exc_info[0] if record.exc_info else None
    if isinstance(record.msg, dict):  # structlog's
        event = str(record.msg.get("event"))
        said = sorted((str(key), repr(value)) for key, value in record.msg.items() if key not in UNCOMPARED)
    else:
        event, said = str(record.msg), [("", repr(record.args))]
    start = (record.name, record.levelno, event[:200])
    return start, (*start, error, hash(tuple(said)))


def _summary(key: tuple[Any, ...], left_out: int) -> logging.LogRecord:
    name, level, event = key[:3]
    words = "%d more lines like this one were left out within %.0f s: %s"
    record = logging.LogRecord(name, level, "", 0, words, (left_out, WINDOW_S, event), None)
    record.sums_up = True
    return record
