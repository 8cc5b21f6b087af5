"""Makes every character of foreign text visible.

Bidirectional controls reorder what stands beside them, zero-width characters split words unseen, and long
runs of blanks push the rest out of view. A reviewer who cannot see a character cannot judge it, so each such
character is written out as ⟨U+202E⟩. So is one that looks like another: a letter of another script within a
word, full-width and mathematical letters, what another spelling of the same text has not. The mark itself is
written out too if it occurs in the text, so two different texts never look the same. What is ordinary in a
language stays: the joiners of Persian and Hindi, the spaces of French, the parts of an emoji.
"""

from __future__ import annotations

import re
import unicodedata

from bot.domain.scripts import oddities, unseen_belongs

BLANKS = 16
"""A run of this many spaces is counted instead of drawn."""
COMBINING = 4
"""More marks than this on one letter (some scripts need three) cover the lines around it."""
DRAWN = 4
"""A cut looks at this many times the shown length, because a run of blanks is drawn short."""
CUT_NOTE = 30
"""Room for saying how much was cut."""

_PLAIN = re.compile(r"[ -~]*")
_BLANK_RUN = re.compile(rf" {{{BLANKS},}}")
_LINE_ENDS = {"\n": "⏎", "\t": "⇥"}
_OURS = frozenset("⟨⏎⇥")
_UNSEEN = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0xFFFC}).union(
    range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0)
)
"""Letters, marks and symbols that draw nothing: fillers, joiners, variation selectors."""


class Shown(str):
    """Text that is safe to look at; only `visible` makes it from foreign text."""

    __slots__ = ()


def visible(text: str, *, lines: bool = False) -> Shown:
    """Return the text with invisible characters written out. Text that is `Shown` stays as it is.

    With `lines`, line feeds stay; without, one line remains one line.
    """
    if isinstance(text, Shown):
        return text
    text = text.replace("\r\n", "\n") if lines else text
    if not _PLAIN.fullmatch(text):
        text = _written_out(text, keep="\n" if lines else "")
    return Shown(_BLANK_RUN.sub(lambda run: f"⟨{len(run[0])} spaces⟩", text))


def _written_out(text: str, *, keep: str) -> str:
    drawn: list[str] = []
    odd = oddities(text)
    combining = 0
    for at, char in enumerate(text):
        if at in odd.scripts:
            drawn.append(f"⟨{odd.scripts[at]}⟩")
        category = unicodedata.category(char)
        combining = combining + 1 if category in ("Mn", "Me") else 0
        if char in keep or (" " <= char <= "~"):
            drawn.append(char)
        elif char in _LINE_ENDS:
            drawn.append(_LINE_ENDS[char])
        elif (
            char in _OURS
            or at in odd.places
            or combining > COMBINING
            or (_unseen(char, category) and not unseen_belongs(text, at))
        ):
            drawn.append(f"⟨U+{ord(char):04X}⟩")
        else:
            drawn.append(char)
    if len(text) in odd.scripts:
        drawn.append(f"⟨{odd.scripts[len(text)]}⟩")
    return "".join(drawn)


def _unseen(char: str, category: str) -> bool:
    """Whether it draws nothing: controls, formats, separators, unassigned and private characters."""
    return category[0] in "CZ" or ord(char) in _UNSEEN


def cut(text: str, most: int) -> Shown:
    """Return the text, or its beginning and how many characters were left out: about `most` in all."""
    drawn = text if isinstance(text, Shown) else text[: most * DRAWN]
    shown, rest = visible(drawn), len(text) - len(drawn)
    if rest == 0 and len(shown) <= most:
        return shown
    kept = max(0, most - CUT_NOTE)
    return Shown(f"{shown[:kept]}… ({len(shown[kept:]) + rest:,} more characters)")


def excerpt(text: str, most: int, lines: int = 12) -> Shown:
    """Return somebody's own words with their line feeds, cut to about `most` characters and `lines` lines."""
    shown = visible(text, lines=True).split("\n")
    head = cut(Shown("\n".join(shown[:lines])), most)
    return head if len(shown) <= lines else Shown(f"{head}\n… ({len(shown) - lines:,} more lines)")


def right_to_left(text: str) -> bool:
    """Whether it has right-to-left letters, which may reorder the text after them."""
    return any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in text)
