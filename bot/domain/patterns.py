"""Patterns for `matches`: `*`, `?`, `[a-z]` and `[!a-z]` against the whole text, upper and lower case alike.

These are the shell's patterns, not regular expressions, because the time they take can be bounded. (The
regular expression of `fnmatch.translate` has no such bound: `*??…?b` tries each place of the text.) A
pattern is cut at its stars into pieces of fixed length. The first piece must stand at the start, the last at
the end, and each one between is searched for once, from where the one before it ended: finding the leftmost
place and never going back is right, because a piece that fits further left leaves more text to those after.

A piece without `?` and sets is found in one pass over the text, whatever its length, as `re` searches for
literal text without going back. A loose piece, with `?` or a set, can cost its own length at each place. So
the **effort** of a pattern is one pass, and the length of each loose piece between two stars in passes more.
A policy file may not ask for more than MAX_EFFORT passes for one action kind, and a text has at most MAX_TEXT
characters: judging takes some milliseconds at the very worst.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_PATTERN = 128
"""Characters of a pattern."""
MAX_TEXT = 8192
"""Characters of a text that a pattern is tried on. A longer one is doubt."""
MAX_EFFORT = 128
"""Passes over a text that all patterns of one action kind may take together."""

_SPECIAL = re.compile(
    r"(?P<star>\*+)|(?P<one>\?)|(?P<set>\[!?[^\]\[]+\])|\\(?P<escaped>[^A-Za-z0-9])|(?P<bad>[\\\[\]^$(){}|+])",
    re.DOTALL,
)
_ONE_CASE = str.maketrans({"\u0131": "i", "\u017f": "s", "\u03c2": "\u03c3", "\u00b5": "\u03bc"})
"""Letters that have no case of their own and stand for another letter in some case."""


class BadPattern(ValueError):
    """A pattern that cannot be used; the text says why and what to write."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What stands between two stars: a `re` pattern that matches texts of one length."""

    compiled: re.Pattern[str]
    length: int
    loose: bool


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern, cut at its stars. `last` is None if it has no star."""

    first: _Piece
    between: tuple[_Piece, ...]
    last: _Piece | None

    @property
    def effort(self) -> int:
        return 1 + sum(piece.length for piece in self.between if piece.loose)

    def matches(self, text: str) -> bool:
        if self.last is None:
            return self.first.compiled.fullmatch(text) is not None
        start = self.first.compiled.match(text)
        if start is None:
            return False
        end = start.end()
        for piece in self.between:
            found = piece.compiled.search(text, end)
            if found is None:
                return False
            end = found.end()
        rest = len(text) - self.last.length
        return rest >= end and self.last.compiled.fullmatch(text, rest) is not None


class Patterns:
    """Several patterns. A text matches if it matches one of them."""

    __slots__ = ("_patterns",)

    def __init__(self, patterns: Iterable[str]) -> None:
        """Read the patterns. Raises BadPattern."""
        self._patterns = tuple(map(_read, patterns))

    @property
    def effort(self) -> int:
        """How many passes over a text these take at worst."""
        return sum(pattern.effort for pattern in self._patterns)

    def match(self, text: str) -> bool:
        """Return whether one of these matches the whole text, which has at most MAX_TEXT characters."""
        plain = _in_one_case(text)
        return any(pattern.matches(plain) for pattern in self._patterns)


def _in_one_case(text: str) -> str:
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "i").lower().translate(_ONE_CASE)


def _read(pattern: str) -> _Pattern:
    if not pattern:
        raise BadPattern("an empty pattern matches the empty text alone")
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"a pattern of {len(pattern)} characters; at most {MAX_PATTERN} are tried")
    first, *others = _pieces(_in_one_case(pattern))
    if not others:
        return _Pattern(first, (), None)
    *between, last = others
    return _Pattern(first, tuple(piece for piece in between if piece.length), last)


def _pieces(pattern: str) -> list[_Piece]:
    """Return what stands between the stars."""
    pieces: list[list[str]] = [[]]
    loose: list[bool] = [False]
    end = 0
    for found in _SPECIAL.finditer(pattern):
        pieces[-1] += map(re.escape, pattern[end : found.start()])
        end = found.end()
        if found["star"]:
            pieces.append([])
            loose.append(False)
        else:
            pieces[-1].append(_one_character(found))
            loose[-1] = loose[-1] or not found["escaped"]
    pieces[-1] += map(re.escape, pattern[end:])
    return [_piece(*each) for each in zip(pieces, loose, strict=True)]


def _piece(characters: list[str], loose: bool) -> _Piece:  # noqa: FBT001  # one private caller
    try:
        return _Piece(re.compile("".join(characters), re.DOTALL), len(characters), loose)
    except re.error as error:
        raise BadPattern(f"a pattern that cannot be read: {error}") from error


def _one_character(found: re.Match[str]) -> str:
    if bad := found["bad"]:
        raise BadPattern(
            f"a pattern with a bare {bad}; patterns know *, ? and [a-z], they are not regular expressions "
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
