"""Patterns for `matches`: `*`, `?`, `[a-z]` and `[!a-z]` against the whole text, upper and lower case alike.

These are the shell's patterns, not regular expressions, because the time they take can be bounded. A
pattern is cut at its stars into pieces; every piece has a fixed length, so trying it at one place costs at
most its length. The first piece must stand at the start, the last at the end, and each one between is
searched for once, from where the one before it ended: finding the leftmost place and never going back is
right, because a piece that fits further left leaves more text to those after it. So the time is at most
(length of the text) x (length of the pattern), both capped. The pieces are joined into one `re` pattern as
atomic groups, `(?>.*?piece)`, which is how `re` is told never to go back. Of several patterns each is tried
once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_PATTERN = 128
"""Characters of a pattern."""
MAX_TEXT = 8192
"""Characters of a text that a pattern is tried on. A longer one is doubt."""

_SPECIAL = re.compile(
    r"(?P<star>\*+)|(?P<one>\?)|(?P<set>\[!?[^\]\[]+\])|\\(?P<escaped>[^A-Za-z0-9])|(?P<bad>[\\\[\]^$(){}|+])",
    re.DOTALL,
)


class BadPattern(ValueError):
    """A pattern that cannot be used; the text says why and how to mend it."""


def compile_patterns(patterns: Iterable[str]) -> re.Pattern[str]:
    """Return one compiled pattern for what any of these matches.

    Use its `fullmatch`, on texts of at most MAX_TEXT characters. Raises BadPattern.
    """
    expression = "|".join(f"(?:{_expression(pattern)})" for pattern in patterns)
    try:
        return re.compile(expression, re.IGNORECASE | re.DOTALL)
    except re.error as error:
        raise BadPattern(f"a pattern that cannot be read: {error}") from error


def _expression(pattern: str) -> str:
    if not pattern:
        raise BadPattern("an empty pattern matches the empty text alone")
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"a pattern of {len(pattern)} characters; at most {MAX_PATTERN} are tried")
    first, *others = _pieces(pattern)
    if not others:
        return "".join(first)
    *between, last = others
    searched = "".join(f"(?>.*?{''.join(piece)})" for piece in between if piece)
    ending = f"(?=.{{{len(last)}}})(?>.*)(?<={''.join(last)})" if last else ".*"
    return "".join(first) + searched + ending


def _pieces(pattern: str) -> list[list[str]]:
    """Return what stands between the stars; of each piece, one `re` pattern for each of its characters."""
    pieces: list[list[str]] = [[]]
    end = 0
    for found in _SPECIAL.finditer(pattern):
        pieces[-1] += map(re.escape, pattern[end : found.start()])
        end = found.end()
        if found["star"]:
            pieces.append([])
        else:
            pieces[-1].append(_one_character(found))
    pieces[-1] += map(re.escape, pattern[end:])
    return pieces


def _one_character(found: re.Match[str]) -> str:
    if bad := found["bad"]:
        raise BadPattern(
            f"a pattern with a bare {bad}; patterns know *, ? and [a-z], they are no regular expressions "
            f"(for the character itself write \\{bad})"
        )
    if found["one"]:
        return "."
    if found["escaped"]:
        return re.escape(found["escaped"])
    return _character_set(found["set"][1:-1])


def _character_set(inside: str) -> str:
    negated = inside.startswith("!")
    members = inside.removeprefix("!")
    if not members or "--" in members or "\\" in members:
        raise BadPattern(f"a set [{inside}] that cannot be read; write it as [a-z0-9_-] or [!a-z]")
    safe = "".join(member if member == "-" else re.escape(member) for member in members)
    return f"[{'^' if negated else ''}{safe}]"
