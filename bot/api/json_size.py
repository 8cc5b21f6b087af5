"""Limits on how many values a JSON text holds, counted before it is parsed.

A parser makes an object for each value and holds the interpreter meanwhile: 240 kB of empty lists are 80,000
objects. The count scans the bytes in C a few times, so its cost depends on the size of the text alone.
"""

from __future__ import annotations

MOST_VALUES = 4_000
"""Values in one body: objects, lists and their items. To handle this many takes milliseconds."""
MOST_KEYS = 2_000
"""Keys in one body, over all its objects."""


def too_much(text: bytes) -> str | None:
    """Return which limit a JSON text exceeds, in words; None if it may be parsed.

    Exact for JSON. In other text it counts at least the values before the first error, which is as far as a
    parser gets.
    """
    # The first count includes escaped quotes; the exact one is needed only if that is too high.
    if text.count(b'"') > 2 * (MOST_VALUES + MOST_KEYS) and _quotes(text) > 2 * (MOST_VALUES + MOST_KEYS):
        return f"more than {MOST_VALUES + MOST_KEYS} strings"
    if roughly(text) <= MOST_VALUES and text.count(b":") <= MOST_KEYS:
        return None
    outside = outside_strings(text)
    if roughly(outside) > MOST_VALUES:
        return f"more than {MOST_VALUES} values"
    if outside.count(b":") > MOST_KEYS:
        return f"more than {MOST_KEYS} keys"
    return None


def outside_strings(text: bytes) -> bytes:
    """Return the bytes outside the strings of a JSON text."""
    return b"".join(_without_escapes(text).split(b'"')[::2])


def roughly(text: bytes) -> int:
    """Return an upper bound for the number of values in a JSON text; it counts commas within strings too.

    Every value but the first follows a comma or is the first in a list or an object.
    """
    return 1 + text.count(b",") + text.count(b"[") + text.count(b"{")


def _quotes(text: bytes) -> int:
    """Return how many quotes begin or end a string."""
    return _without_escapes(text).count(b'"')


def _without_escapes(text: bytes) -> bytes:
    return text.replace(b"\\\\", b"").replace(b'\\"', b"")
