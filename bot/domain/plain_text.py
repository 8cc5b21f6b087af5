"""Plain text: text in any alphabet that can be read in one way only."""

from __future__ import annotations

import json
import re
import unicodedata

from bot.domain.scripts import has_one_script, mixed, words

_WORDS = re.compile(r"[^\x00-@\[-`{-\x7f]+")
"""The runs of text between ASCII's signs and digits."""
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are drawn as nothing. (Format characters have a category of their own.)"""


def is_plain(text: str) -> bool:
    """Whether a text has one spelling: composed, without compatibility letters, one script in each word.

    A plain text has no white space, no control or format characters and nothing that is drawn as nothing.
    """
    if text.isascii():
        return text.isprintable() and " " not in text
    return (
        unicodedata.is_normalized("NFKC", text)
        and not _UNSEEN.search(text)
        and all(unicodedata.category(letter)[0] in "LMNPS" for letter in text)
        and all(map(has_one_script, _WORDS.findall(text)))
        and not any(mixed(word.scripts) for word in words(text))
    )


def fold(text: str) -> str:
    """Return the form that spellings of one name share if case is ignored."""
    return unicodedata.normalize("NFKC", text).casefold()


def printable_json(text: str) -> str:
    """Return JSON that means the same and steers no terminal: C1, bidi and U+2028 are escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
