"""Short texts that an agent names things by: idempotency keys, references. Kept and compared as they are."""

from __future__ import annotations

import unicodedata

MOST_LABEL = 200
"""Characters of a label."""
_CONTROLS = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
"""Categories of what is not printed. (Unassigned characters are not among them: Unicode grows.)"""
_UNSEEN = frozenset({0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0xFEFF, 0xE0001}).union(
    range(0x202A, 0x202F),
    range(0x2060, 0x2070),
    range(0xFFF9, 0xFFFC),
    range(0xFDD0, 0xFDF0),
    (plane | last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)),
)
"""What reorders text, is drawn as nothing, or is no character. Joiners stay: scripts and emoji need them."""


def what_is_wrong(label: str) -> str | None:
    """Return why a text is no label; None where it is one.

    A label is 1 to 200 characters of any script that can be printed on one line, without blanks at its ends.
    Controls, line ends, what reorders text and what no character is are in none.
    """
    if not 1 <= len(label) <= MOST_LABEL:
        return f"it has {len(label)} characters; 1 to {MOST_LABEL} are allowed"
    if label.isascii() and label.isprintable():
        return _ends(label)
    for at, char in enumerate(label):
        if unicodedata.category(char) in _CONTROLS or ord(char) in _UNSEEN:
            return f"U+{ord(char):04X} at place {at + 1} cannot be printed on one line"
    return _ends(label)


def _ends(label: str) -> str | None:
    return "it begins or ends with a blank" if label != label.strip() else None
