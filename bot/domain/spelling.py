"""The known word that a misspelt one most likely means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache

MAX_WORDS = 300
"""How many known words are compared with a misspelt one."""
MAX_LENGTH = 80
"""Characters of a misspelt word; a longer one is not a typing error."""
_MOST_COMPARED = 6
"""How many words are compared letter by letter: those that share the most pairs of letters."""
_SEPARATORS = re.compile(r"[-_.\s/]+")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word nearest to another; None if none is near.

    One that differs in case, dots, dashes and underscores alone comes before one with other letters.
    """
    if len(word) > MAX_LENGTH:
        return None
    return _nearest(word, tuple(sorted(known)[:MAX_WORDS]))


@lru_cache(maxsize=1024)
def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    bare = _bare(word)
    if same := [each for each in known if _bare(each) == bare]:
        return same[0]
    pairs = _pairs(word)
    likely = sorted(known, key=lambda each: -len(pairs & _pairs(each)) / (len(each) + 1))[:_MOST_COMPARED]
    near = difflib.get_close_matches(word, likely, n=_MOST_COMPARED)
    return next((each for each in near if _differing_part_is_near(word, each)), None)


def _differing_part_is_near(word: str, other: str) -> bool:
    """Whether two dotted words are near also without the first parts that they share."""
    parts, others = word.split("."), other.split(".")
    while len(parts) > 1 and len(others) > 1 and parts[0] == others[0]:
        del parts[0], others[0]
    return bool(difflib.get_close_matches(".".join(parts), [".".join(others)]))


@lru_cache(maxsize=4096)
def _pairs(word: str) -> frozenset[str]:
    """Return the pairs of letters in a word. Its ends count as blanks."""
    framed = f" {word} "
    return frozenset(framed[at : at + 2] for at in range(len(framed) - 1))


@lru_cache(maxsize=4096)
def _bare(word: str) -> str:
    return _SEPARATORS.sub("", word).casefold()
