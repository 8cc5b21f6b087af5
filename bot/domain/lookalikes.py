"""Names that a person takes for other names: one form for all that look alike.

The table holds the letters that common fonts draw like a letter of ASCII, as Unicode lists them (UTS 39), in
lower case: names are compared folded.
"""

from __future__ import annotations

import unicodedata

import idna

_LIKE = {
    "a": "\u0430\u03b1\u0251",
    "b": "\u0432\u03b2\u044c\u0184\u13cf",
    "c": "\u0441\u03f2\u1d04",
    "d": "\u0501\u217e",
    "e": "\u0435\u0454\u04bd\u212e",
    "g": "\u0261\u0581",
    "h": "\u043d\u04bb\u0570",
    "j": "\u0458\u03f3",
    "k": "\u043a\u03ba",
    "l": "1i|\u0456\u0457\u03b9\u0131\u04cf\u01c0\u0582",
    "m": "\u043c",
    "n": "\u03b7\u0578\u057c\u043f",
    "o": "0\u043e\u03bf\u0585\u03c3\u0ed0\u0c66\u101d\u0d20",
    "p": "\u0440\u03c1",
    "q": "\u051b\u0563\u0566",
    "r": "\u0433\u1d26",
    "s": "\u0455\ua731",
    "t": "\u0442\u03c4",
    "u": "\u057d\u03c5\u1d1c",
    "v": "\u0475\u03bd\u1d20",
    "w": "\u051d\u0461\u03c9\u0561",
    "x": "\u0445\u03c7\u04b3",
    "y": "\u0443\u04af\u03b3\u10e7\u04f3",
    "z": "\u1d22",
}
_LETTERS = str.maketrans({other: letter for letter, others in _LIKE.items() for other in others})
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def look(text: str) -> str:
    """Return the form that all names which look like this one have. It is no name itself."""
    if not text.isascii():
        text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
        text = "".join(letter for letter in text if not unicodedata.combining(letter))
    text = text.casefold()
    for pair, letter in _PAIRS:
        text = text.replace(pair, letter)
    return text.translate(_LETTERS)


def look_of_domain(domain: str) -> str:
    """Return what a domain in ASCII looks like where its international letters are shown."""
    if "xn--" in domain:
        try:
            domain = idna.decode(domain)
        except UnicodeError:
            return domain
    return look(domain)
