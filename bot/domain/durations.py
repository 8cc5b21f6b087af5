"""Durations in text: read from a policy file or a command line, and written for people.

| for | example | function |
|---|---|---|
| policy files and options | `90s`, `30m`, `4h`, `7d` | `read_duration`, `as_written` |
| sentences | 2 hours 5 minutes | `in_sentence` |
| tables | 2h 5m | `in_table` |

Sentences and tables name the largest unit and the one below; the rest is cut. They never say zero for a
duration that is longer, and a longer duration never reads as a shorter one.
"""

from __future__ import annotations

import re

_UNITS = ((86_400, "d", "day"), (3600, "h", "hour"), (60, "m", "minute"), (1, "s", "second"))
_SECONDS = {letter: size for size, letter, _ in _UNITS}
DURATION = re.compile(r"([1-9][0-9]{0,7})([smhd])")
"""A duration as policy files and options write it."""


def read_duration(text: str) -> float | None:
    """Return the seconds of a duration such as `90s`, `30m`, `4h` or `7d`; None for any other text."""
    found = DURATION.fullmatch(text)
    return float(int(found[1]) * _SECONDS[found[2]]) if found else None


def as_written(seconds: float) -> str:
    """Return a duration as a policy file writes it: 90s, 30m, 4h, 7d."""
    for size, letter, _ in _UNITS[:-1]:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{letter}"
    return f"{seconds:.10g}s"


def in_sentence(seconds: float) -> str:
    """Return a duration as it is read aloud: "30 minutes", "1 day 2 hours", "less than a second"."""
    if 0 < seconds < 1:
        return "less than a second"
    return " ".join(f"{count} {unit}{'s' * (count != 1)}" for count, _, unit in _largest(seconds))


def in_table(seconds: float) -> str:
    """Return a duration in few letters: "30m", "1d 2h", "<1s"."""
    if 0 < seconds < 1:
        return "<1s"
    return " ".join(f"{count}{letter}" for count, letter, _ in _largest(seconds))


def _largest(seconds: float) -> list[tuple[int, str, str]]:
    """Return the largest unit of a duration and the one below, without zeros."""
    rest = max(0, round(seconds))
    for place, (size, letter, unit) in enumerate(_UNITS):
        if rest >= size or size == 1:
            found = [(rest // size, letter, unit)]
            for smaller, its_letter, its_unit in _UNITS[place + 1 : place + 2]:
                if below := rest % size // smaller:
                    found.append((below, its_letter, its_unit))
            return found
    raise AssertionError("the last unit is one second")
