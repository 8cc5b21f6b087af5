"""Labels: short texts that agents choose, such as idempotency keys. They are stored unchanged."""

from __future__ import annotations

import re

MOST_LABEL = 200
"""Characters of a label."""
_UNPRINTED = (
    (0x0000, 0x001F),
    (0x007F, 0x009F),
    (0x00AD, 0x00AD),
    (0x061C, 0x061C),
    (0x180E, 0x180E),
    (0x200B, 0x200B),
    (0x200E, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0xE000, 0xF8FF),
    (0xFDD0, 0xFDEF),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    *((plane | 0xFFFE, plane | 0xFFFF) for plane in range(0, 0xF0000, 0x10000)),
    (0xE0001, 0xE0001),
    (0xF0000, 0x10FFFF),
)
"""Controls, line ends, private use, and code points that reorder text, are invisible or are not characters.

Joiners are not among them: scripts and emoji need them. Nor are unassigned characters: Unicode grows.
"""
_CLASS = "".join(f"\\u{low:04x}-\\u{high:04x}" for low, high in _UNPRINTED if high <= 0xFFFF)
_BEYOND = "".join(f"{chr(low)}-{chr(high)}" for low, high in _UNPRINTED if low > 0xFFFF)
PATTERN = rf"^(?!\s)[^{_CLASS}{_BEYOND}]+(?<!\s)$(?!\n)"
"""The same rule as a regular expression of ECMA-262 and of Python, for a JSON schema. JSON holds no lone
surrogates, so it does not name them."""
_UNPRINTED_CHAR = re.compile(rf"[{_CLASS}{_BEYOND}\ud800-\udfff]")


def what_is_wrong(label: str) -> str | None:
    """Return why a text is not a label; None if it is one.

    A label is 1 to 200 characters of any script that can be printed on one line, without blanks at its ends.
    Controls, line ends, what reorders text and what no character is are in none.
    """
    if not 1 <= len(label) <= MOST_LABEL:
        return f"it has {len(label)} characters; 1 to {MOST_LABEL} are allowed"
    if label.isascii() and label.isprintable():
        return _ends(label)
    if found := _UNPRINTED_CHAR.search(label):
        return f"U+{ord(found[0]):04X} at place {found.start() + 1} cannot be printed on one line"
    return _ends(label)


def _ends(label: str) -> str | None:
    return "it begins or ends with a blank" if label != label.strip() else None
