"""Whether a text can be read in one way only, whatever alphabet it is written in."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache

from bot.domain.scripts import mixed, words

_WORDS = re.compile(r"[^\x00-@\[-`{-\x7f]+")
"""What stands between ASCII's signs and digits."""
_EAST_ASIAN = frozenset(
    {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"}
)
_ALSO_CALLED = {"ARABIC-INDIC": "ARABIC", "EXTENDED": "ARABIC", "COMBINING": ""}
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
        and not any(mixed(word.scripts) for word in words(text))
    )


def has_one_script(text: str) -> bool:
    """Whether letters, marks and digits of a text are of one script; those of East Asia are used together.

    ASCII's digits go with every script. A mark that stays on a Latin letter has no composed form: it is odd.
    """
    if text.isascii():
        return True
    scripts = {_script(letter) for letter in text if unicodedata.category(letter)[0] in "LMN"}
    scripts.discard("DIGIT")
    if "LATIN" not in scripts:
        scripts.discard("")
    return len(scripts) <= 1 or scripts <= _EAST_ASIAN


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "?").split(" ")[0]
    return _ALSO_CALLED.get(name, name)


def fold(text: str) -> str:
    """Return the form in which two spellings of one name are the same for a reader who ignores case."""
    return unicodedata.normalize("NFKC", text).casefold()


def printable_json(text: str) -> str:
    """Return JSON that means the same and steers no terminal: C1, bidi and U+2028 are escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
