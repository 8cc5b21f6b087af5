"""Whether a text can be read in one way only, whatever alphabet it is written in."""

from __future__ import annotations

import re
import unicodedata

_WORDS = re.compile(r"[^\x00-@\[-`{-\x7f]+")
"""What stands between ASCII's signs and digits."""
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"})
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are drawn as nothing. (Format characters have a category of their own.)"""


def is_plain(text: str) -> bool:
    """Whether a text has one spelling: composed, without compatibility letters, one script in each word.

    White space, control and format characters and what is drawn as nothing are in no plain text.
    """
    if text.isascii():
        return text.isprintable() and " " not in text
    return (
        unicodedata.is_normalized("NFKC", text)
        and not _UNSEEN.search(text)
        and all(unicodedata.category(letter)[0] in "LMNPS" for letter in text)
        and all(map(has_one_script, _WORDS.findall(text)))
    )


def has_one_script(text: str) -> bool:
    """Whether the letters of a text are of one script; those that are used together in East Asia are one."""
    if text.isascii():
        return True
    scripts = {unicodedata.name(letter, "?").split(" ")[0] for letter in text if letter.isalpha()}
    return len(scripts) <= 1 or scripts <= _EAST_ASIAN


def fold(text: str) -> str:
    """Return the form in which two spellings of one name are the same for a reader who ignores case."""
    return unicodedata.normalize("NFKC", text).casefold()
