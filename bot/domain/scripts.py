"""Finds characters that look like others: letters of another script, other forms of a letter, joiners.

The rules follow UTS 39 (Unicode security mechanisms): a word is of one script, or of those that are written
together, such as Latin and Japanese. What is ordinary in a language stays: the joiners of Persian and Hindi,
the narrow spaces of French, the parts of an emoji.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import idna

from bot.domain.confusables import LOOK_LIKE
from bot.domain.emoji import belongs
from bot.domain.script_ranges import SCRIPTS, SHARED

LATIN, NONE = "Latn", "-"
_ANY = "any"
EAST_ASIAN = frozenset({"Hani", "Hira", "Kana", "Hang", "Bopo"})
_TOGETHER = (
    frozenset({LATIN, "Hani", "Hira", "Kana"}),
    frozenset({LATIN, "Hani", "Hang"}),
    frozenset({LATIN, "Hani", "Bopo"}),
)
"""Scripts that one word may mix: the levels that UTS 39 calls highly restrictive."""
_STARTS, _NAMES = zip(*(run.split(":") for run in SCRIPTS.split()), strict=True)
_BEGINS = [int(start, 16) for start in _STARTS]
LOOKS_LIKE = {chr(int(each, 16)): like for like, chars in LOOK_LIKE.items() for each in chars.split()}
"""Letters and signs beyond ASCII by what of ASCII they look like; NFKC folds the others."""
_ORDINARY = frozenset("ı‘’‚“”„–—…·•«»‹›×÷°")
"""Characters that look a little like ASCII, and are ordinary in text."""
_FORMS = frozenset(
    {"<font>", "<wide>", "<narrow>", "<compat>", "<initial>", "<medial>", "<final>", "<isolated>"}
)
_COMPOSED = frozenset("\u0e33\u0eb3")
"""Vowels of Thai and Lao that are written by one key, and have a compatibility form of two."""
_JOINERS = "\u200c\u200d"
_RUNS = re.compile("w+")
_BEFORE_SIGNS = re.compile(
    r"(?<=[\w.)\]»”\"’])[\u00a0\u202f](?=[;:!?»%€$£])|(?<=«)[\u00a0\u202f]|(?<=\d)[\u00a0\u202f](?=\d{3})"
)
"""Spaces that French and others set before signs and inside numbers."""


class Word(NamedTuple):
    """A run of letters, marks and digits, its place in the text, and its scripts."""

    start: int
    text: str
    letters: str
    scripts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Oddities:
    """Places in a text whose character looks like another one, and scripts to name after a word's end."""

    places: frozenset[int]
    scripts: dict[int, str]

    def __bool__(self) -> bool:
        return bool(self.places or self.scripts)


_NOTHING_ODD = Oddities(frozenset(), {})


@lru_cache(4096)
def script_of(char: str) -> str:
    """Return the script of a character by its ISO 15924 code; `-` if it belongs to none or to any."""
    return str(_NAMES[bisect(_BEGINS, ord(char)) - 1])


@lru_cache(4096)
def _in_a_word(char: str) -> str:
    return "w" if char in _JOINERS or unicodedata.category(char)[0] in "LMN" else " "


@lru_cache(4096)
def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] == "L"


def _all_in(ranges: str) -> Iterator[str]:
    for each in ranges.split():
        first, _, last = each.partition("-")
        yield from map(chr, range(int(first, 16), int(last or first, 16) + 1))


_WRITTEN_WITH = {char: script for script, ranges in SHARED.items() for char in _all_in(ranges)}


def has_one_script(text: str) -> bool:
    """Whether letters, marks and digits of a text are of one script; those of East Asia are used together.

    ASCII's digits go with every script, and combining marks with every one but Latin: a mark that stays on a
    Latin letter has no composed form, so it is odd. Other characters without a script are one of their own.
    """
    if text.isascii():
        return True
    scripts = set(map(_own_script, text)) - {""}
    if LATIN not in scripts:
        scripts.discard(_ANY)
    return len(scripts) <= 1 or scripts <= EAST_ASIAN


@lru_cache(4096)
def _own_script(char: str) -> str:
    """Return the script that one-script texts count a character as; "" for what they do not count."""
    if unicodedata.category(char)[0] not in "LMN" or char in "0123456789":
        return ""
    if script_of(char) != NONE:
        return script_of(char)
    name = unicodedata.name(char, "?").split(" ")[0]
    return _WRITTEN_WITH.get(char) or (_ANY if name == "COMBINING" else name)


def script_name(code: str, letter: str) -> str:
    """Return the name of a script, from the name of one of its letters."""
    return "Latin" if code == LATIN else unicodedata.name(letter, code).split(" ")[0].capitalize()


def words(text: str) -> Iterator[Word]:
    """Return the words of a text. Joiners do not end one."""
    for run in _RUNS.finditer("".join(map(_in_a_word, text))):
        yield _word(run.start(), text[run.start() : run.end()])


def _word(start: int, text: str) -> Word:
    letters = "".join(filter(_is_letter, text))
    return Word(start, text, letters, frozenset(map(script_of, text)) - {NONE})


def mixed(scripts: Collection[str]) -> bool:
    """Whether scripts are not written together in one word."""
    return len(scripts) > 1 and not any(allowed >= set(scripts) for allowed in _TOGETHER)


def oddities(text: str) -> Oddities:
    """Return the characters of a text that can be taken for others, and the words that can."""
    if text.isascii():
        return _NOTHING_ODD
    found = list(words(text))
    scripts = frozenset(script_of(char) for word in found for char in word.letters)
    places, named = set(_not_composed(text)), {}
    places.update(at for word in found for at in _foreign_digits(word, scripts))
    odd = {char for char in set(text) if char > "\x7f" and _other_form(char, scripts)}
    places.update(at for at, char in enumerate(text) if char in odd)
    home = _home(found)
    for word in found:
        if mixed(word.scripts):
            base = _base(word)
            places.update(word.start + at for at, char in enumerate(word.text) if _foreign(char, base))
            if base != LATIN:
                named[word.start + len(word.text)] = _name_of(word, base)
        elif word.scripts and _ambiguous(word, home):
            (script,) = word.scripts
            named[word.start + len(word.text)] = _name_of(word, script)
    return Oddities(frozenset(places), named)


def unseen_belongs(text: str, at: int) -> bool:
    """Whether an invisible character is ordinary at its place: a joiner, a space, part of an emoji."""
    char = text[at]
    if char in "\u00a0\u202f":
        return _BEFORE_SIGNS.match(text, at) is not None
    if char in _JOINERS and _shapes(text, at):
        return True
    if char == "\u3000":
        return 0 < at < len(text) - 1 and {script_of(text[at - 1]), script_of(text[at + 1])} <= EAST_ASIAN
    return belongs(text, at)


def _shapes(text: str, at: int) -> bool:
    """Whether a joiner changes how its neighbours are drawn (RFC 5892, appendix A)."""
    start = max(0, at - 8)
    try:
        return bool(idna.core.valid_contextj(text[start : at + 9], at - start))
    except (ValueError, idna.IDNAError):
        return False


def _not_composed(text: str) -> Iterator[int]:
    """Return the places of characters that the composed spelling of the text does not have."""
    if unicodedata.is_normalized("NFC", text):
        return
    start = 0
    for at in range(1, len(text) + 1):
        if at < len(text) and (unicodedata.category(text[at])[0] == "M" or 0x1160 <= ord(text[at]) <= 0x11FF):
            continue
        if not unicodedata.is_normalized("NFC", text[start:at]):
            yield from (place for place in range(start, at) if text[place] > "\x7f")
        start = at


def _other_form(char: str, scripts: frozenset[str]) -> bool:
    """Whether a character is another form of a plain one: full width, mathematical, a look-alike of ASCII."""
    if char in _ORDINARY or char in _COMPOSED:
        return False
    category, form = unicodedata.category(char), unicodedata.decomposition(char).partition(" ")[0]
    if category == "Nd":
        return form in _FORMS
    if category[0] == "L":
        alike = script_of(char) in (LATIN, NONE) and len(LOOKS_LIKE.get(char, "")) == 1
        return form in _FORMS or char == "\u00b5" or alike
    if category[0] not in "PS":
        return False
    if form == "<wide>":
        return not scripts & EAST_ASIAN
    plain = LOOKS_LIKE.get(char) or (unicodedata.normalize("NFKC", char) if form in _FORMS else "")
    return len(plain) == 1 and plain.isascii() and script_of(char) == NONE


def _foreign_digits(word: Word, scripts: frozenset[str]) -> Iterator[int]:
    """Return the places of digits that are not of the text's script, or stand among ASCII's."""
    at_home = scripts - {LATIN, NONE} and not any(char in "0123456789" for char in word.text)
    for at, char in enumerate(word.text):
        if char > "\x7f" and not at_home and unicodedata.category(char) == "Nd":
            yield word.start + at


def _base(word: Word) -> str:
    """Return the script that a mixed word's other letters are foreign to."""
    if LATIN in word.scripts:
        return LATIN
    counted = Counter(script_of(char) for char in word.letters)
    return min(word.scripts, key=lambda script: (-counted[script], script))


def _foreign(char: str, base: str) -> bool:
    script = script_of(char)
    return script not in (NONE, base) and mixed({script, base})


@cache
def _looked_like(script: str) -> frozenset[str]:
    """Return the ASCII letters that some letter of a script looks like."""
    return frozenset(
        like for char, like in LOOKS_LIKE.items() if script_of(char) == script and len(like) == 1
    )


def _home(found: Iterable[Word]) -> str:
    """Return the script that a text is in, by the words that can be of one script only."""
    latin = [word for word in found if word.scripts == {LATIN}]
    others = {
        script
        for word in found
        if len(word.scripts) == 1 and LATIN not in word.scripts and not _drawn_as_latin(word)
        for script in word.scripts
    }
    if len(others) != 1:
        return LATIN
    (script,) = others
    return script if all(set(word.letters) <= _looked_like(script) for word in latin) else LATIN


def _drawn_as_latin(word: Word) -> bool:
    return all(LOOKS_LIKE.get(char, "").isalpha() for char in word.letters)


def _ambiguous(word: Word, home: str) -> bool:
    """Whether a word of one script looks like a word of the text's own."""
    if home in word.scripts or not word.letters or len(word.scripts) > 1:
        return False
    if word.scripts == {LATIN}:
        return set(word.letters) <= _looked_like(home)
    return _drawn_as_latin(word)


def _name_of(word: Word, script: str) -> str:
    letter = next((char for char in word.letters if script_of(char) == script), "")
    return script_name(script, letter)
