"""Look-alike names: one form for all names that a person cannot tell apart.

Look-alikes of ASCII are from UTS 39 (see confusables.py). Names are compared without case, so letters that
look alike in either case count.
"""

from __future__ import annotations

import unicodedata

import idna

from bot.domain.scripts import LOOKS_LIKE

_FOLDED = str.maketrans({"0": "o", "1": "l", "|": "l", "i": "l", "5": "s"})
_CAPITALS = str.maketrans("\u0432\u043d\u0442\u043c\u043a\u03b2\u03b7\u03ba\u03c4", "bhtmkbnkt")
"""Lower-case letters that look like ASCII letters, or whose capitals do."""
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def look(text: str) -> str:
    """Return a form shared by all names that look alike. It is for comparison and is not a name."""
    if not text.isascii():
        text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
        text = "".join(letter for letter in text if not unicodedata.combining(letter))
        text = "".join(LOOKS_LIKE.get(letter, letter) for letter in text)
    text = text.casefold().translate(_CAPITALS)
    for pair, letter in _PAIRS:
        text = text.replace(pair, letter)
    return text.translate(_FOLDED)


def look_of_domain(domain: str) -> str:
    """Return the look of a domain as displayed, with `xn--` decoded."""
    if "xn--" in domain:
        try:
            domain = idna.decode(domain)
        except UnicodeError:
            return domain
    return look(domain)
