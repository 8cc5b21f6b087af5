"""Whether a text can be read in one way only, whatever alphabet it is written in."""

from __future__ import annotations

import re
import unicodedata

_WORDS = re.compile(r"[^\x00-@\[-`{-\x7f]+")
"""What stands between ASCII's signs and digits."""
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"})


def is_plain(text: str) -> bool:
    """Whether a text has one spelling: composed, without compatibility letters, one script in each word.

    White space, control and format characters are in no plain text.
    """
    if text.isascii():
        return text.isprintable() and " " not in text
    return (
        unicodedata.is_normalized("NFKC", text)
        and all(unicodedata.category(letter)[0] in "LMNPS" for letter in text)
        and all(map(_one_script, _WORDS.findall(text)))
    )


def fold(text: str) -> str:
    """Return the form in which two spellings of one name are the same for a reader who ignores case."""
    return unicodedata.normalize("NFKC", text).casefold()


def _one_script(word: str) -> bool:
    scripts = {unicodedata.name(letter, "?").split(" ")[0] for letter in word if letter.isalpha()}
    return len(scripts) <= 1 or scripts <= _EAST_ASIAN
