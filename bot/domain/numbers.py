"""One reading of each number: what a double cannot hold is not a number here, and spellings are one value.

A float means its shortest decimal, the one that is shown everywhere. So what was sent, what is shown and what
is compared are one value, and `900`, `900.0` and `9e2` are one too.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

EXACT = 2**53
"""Below this, each whole double is exactly the integer that it is written as."""
PATH_KEY = 64
"""Characters of a key in the path that an error names: each value below a key repeats it."""
LONGEST = 400
"""Characters of the longest number that is looked at; the smallest double, written out plainly, has 326."""
LEAST, MOST = -(2**63), 2**64 - 1
"""The integers that the store keeps exactly."""


class Inexact:
    """A number that a double would round, or that is out of its range, as it was written.

    A reader puts it where the number stood, and the check of the arguments refuses it with its path.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __str__(self) -> str:
        """Return what is wrong with it and what to send instead."""
        shown = self.text if len(self.text) <= 60 else f"{self.text[:60]}…"
        return (
            f"{shown}, which a 64-bit number cannot hold exactly; send it as text, or with at most 15 "
            "significant digits"
        )


def read_float(text: str) -> float | Inexact:
    """Return the float of a JSON or YAML number with a fraction or an exponent, if it holds it exactly.

    Exactly: the shortest decimal of the double is the number that was written.
    """
    if len(text) > LONGEST:
        return Inexact(text)
    try:
        value = float(text)
        if repr(value) == text or Decimal(repr(value)) == Decimal(text):
            return value
    except (ValueError, InvalidOperation):
        pass
    return Inexact(text)


def read_int(text: str) -> int | Inexact:
    """Return the integer of a JSON or YAML number, if the store can keep it."""
    if len(text) > len(str(LEAST)):
        return Inexact(text)
    value = int(text)
    return value if LEAST <= value <= MOST else Inexact(text)


def exact(value: float) -> int | float:
    """Return a number as what it means, so that Python compares it exactly with others.

    Whole numbers of 64 bits come back as integers, and no zero is negative.
    """
    if type(value) is not float or not value.is_integer():
        return value
    whole = int(value) if -EXACT <= value <= EXACT else int(Decimal(repr(value)))
    return whole if LEAST <= whole <= MOST else value


def first_inexact(value: Any, path: str) -> tuple[str, Inexact] | None:
    """Return the path of the first number in plain JSON that is not kept exactly, and the number."""
    if isinstance(value, Inexact):
        return path, value
    if isinstance(value, Mapping):
        found = (first_inexact(item, f"{path}.{key[:PATH_KEY]}") for key, item in value.items())
    elif isinstance(value, list):
        found = (first_inexact(item, f"{path}[{place}]") for place, item in enumerate(value))
    else:
        return None
    return next((each for each in found if each is not None), None)


def in_words(value: float) -> str:
    """Return a number as it is written plainly: all of its digits, and no empty fraction."""
    return str(exact(value))


def normal(value: Any) -> Any:
    """Return plain JSON with each number in its one form."""
    kind = type(value)
    if kind is float:
        return exact(value)
    if kind is list or kind is tuple:
        return [normal(item) for item in value]
    if isinstance(value, Mapping):
        return {key: item if type(item) is str else normal(item) for key, item in value.items()}
    return value
