"""How much there is in a JSON text, counted before it is parsed.

A parser makes an object for each value, and holds the interpreter meanwhile: 240 kB of empty lists are 80,000
of them. The count walks the bytes in C a few times, so it costs the same for every text of a size.
"""

from __future__ import annotations

MOST_VALUES = 4_000
"""Values in one body: objects, lists and what is in them. All that is done with them takes milliseconds."""
MOST_KEYS = 2_000
"""Keys in one body, over all its objects."""


def too_much(text: bytes) -> str | None:
    """Return what there is too much of in a JSON text; None where it may be parsed.

    Exact for JSON. Of what is no JSON it counts at least what stands before the first error, which is as far
    as a parser gets.
    """
    # Quotes within strings count here too: where there are so few, the exact count below is cheap.
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
    """Return what stands outside the strings of a JSON text."""
    return b"".join(_without_escapes(text).split(b'"')[::2])


def roughly(text: bytes) -> int:
    """Return how many values a JSON text holds at most; more than it holds where strings hold commas.

    Every value but the first stands behind a comma, or first in a list or an object.
    """
    return 1 + text.count(b",") + text.count(b"[") + text.count(b"{")


def _quotes(text: bytes) -> int:
    """Return how many quotes begin or end a string."""
    return _without_escapes(text).count(b'"')


def _without_escapes(text: bytes) -> bytes:
    return text.replace(b"\\\\", b"").replace(b'\\"', b"")
