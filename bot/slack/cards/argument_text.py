"""Arguments as a reviewer reads them: one line per value, and nothing in a value can look like another.

Strings stand in quotes, or, if they have several lines, each line behind a bar. Names that are not plain
words stand in quotes. So the drawing can be read back into the same arguments, and two different arguments
never look the same (invariant 9), but for what the policy redacts, which is said in no quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.redaction import Redacted
from bot.slack.cards.visible import Shown, cut, right_to_left, visible

CARD_CHARACTERS = 2400
"""What a card shows of the arguments; all of them are behind "View all"."""
CARD_LINES = 30
VALUE_CHARACTERS = 400
VALUE_LINES = 8
"""Most characters on a card of a string of several lines."""
HEADLINE_VALUES = 4
HEADLINE_CHARACTERS = 48
BAR = "│ "

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Drawing:
    """Arguments as text. `complete` is False where something was cut."""

    text: Shown
    complete: bool


def draw(args: Mapping[str, Any]) -> Shown:
    """Return all of the arguments."""
    return Shown("\n".join(_mapping(args, "")) or "(no arguments)")


def draw_short(args: Mapping[str, Any]) -> Drawing:
    """Return the arguments cut to fit on a card; it counts the omitted parts."""
    lines: list[str] = []
    left = CARD_CHARACTERS
    everything = _shortened(args)
    complete = everything.complete
    drawn = everything.text.split("\n")
    for place, line in enumerate(drawn):
        if place == CARD_LINES or len(line) > left:
            lines.append(f"… {len(drawn) - place} more lines")
            complete = False
            break
        lines.append(line)
        left -= len(line) + 1
    return Drawing(Shown("\n".join(lines)), complete)


def headline(args: Mapping[str, Any], most: int = HEADLINE_VALUES) -> tuple[list[tuple[Shown, Shown]], int]:
    """Return the most telling names and values for one line, and how many arguments are left out.

    It takes single values and short lists, whole ones before cut ones. It takes nothing redacted, and nothing
    written from right to left, which would reorder its neighbours.
    """
    fit: list[tuple[str, str]] = []
    for name, value in sorted(args.items()):
        words = _in_a_line(value)
        if words is not None and not right_to_left(f"{name}{words}"):
            fit.append((name, words))
    whole_first = sorted(fit, key=lambda each: len(each[1]) > HEADLINE_CHARACTERS)
    told = [
        (_cut_name(name), cut(visible(words) or Shown('""'), HEADLINE_CHARACTERS))
        for name, words in sorted(whole_first[:most])
    ]
    return told, len(args) - len(told)


def _in_a_line(value: Any) -> str | None:
    """Return a single value or a short list as a line shows it; None for anything else."""
    if not isinstance(value, list):
        return _single(value)
    each = [_single(item) for item in value]
    told = [words for words in each if words is not None and ", " not in words]
    words = ", ".join(told)
    whole = bool(value) and len(told) == len(value) and len(words) <= HEADLINE_CHARACTERS
    return words if whole else None


def _single(value: Any) -> str | None:
    if isinstance(value, dict | list | Redacted):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _cut_name(name: str) -> Shown:
    return cut(_name(name), HEADLINE_CHARACTERS)


def _name(name: str) -> Shown:
    return Shown(name) if _NAME.fullmatch(name) else _quoted(name)


def _quoted(words: str) -> Shown:
    """Return the words in quotes, with backslashes before quotes and backslashes."""
    escaped = visible(words).replace("\\", "\\\\").replace('"', '\\"').replace("⏎", "\\n").replace("⇥", "\\t")
    return Shown(f'"{escaped}"')


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, item in sorted(value.items()):
        yield from _item(f"{indent}{_name(name)}:", item, f"{indent}  ")


def _item(lead: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Redacted):
        yield f"{lead} (redacted by the policy)"
    elif isinstance(value, str) and "\n" in value:
        lines = value.split("\n")
        yield f"{lead} ({len(lines)} lines)"
        for line in lines:
            yield f"{indent}{BAR}{visible(line)}"
    elif isinstance(value, str):
        yield f"{lead} {_quoted(value)}"
    elif isinstance(value, dict) and value:
        yield lead
        yield from _mapping(value, indent)
    elif isinstance(value, list) and value:
        yield lead
        for item in value:
            yield from _item(f"{indent}-", item, f"{indent}  ")
    else:
        yield f"{lead} {json.dumps(value)}"


def _shortened(args: Mapping[str, Any]) -> Drawing:
    """Draw everything, with long strings cut."""
    lines: list[str] = []
    complete = True
    bars = 0
    hidden = 0
    for line in (*_mapping(args, ""), ""):
        barred = line.lstrip(" ").startswith(BAR)
        bars = bars + 1 if barred else 0
        if bars > VALUE_LINES:
            hidden += 1
            complete = False
            continue
        if hidden:
            lines.append(f"  … {hidden} more lines of it")
            hidden = 0
        complete = complete and len(line) <= VALUE_CHARACTERS
        lines.append(cut(Shown(line), VALUE_CHARACTERS))
    return Drawing(Shown("\n".join(lines[:-1]) or "(no arguments)"), complete)


def pages(drawn: Shown, size: int) -> list[Shown]:
    """Split a drawing into parts of at most `size` characters, at line ends if possible.

    A line that goes on in the next part ends in ↩.
    """
    parts: list[Shown] = []
    rest = str(drawn)
    while len(rest) > size:
        end = rest.rfind("\n", 0, size)
        if end > 0:
            parts.append(Shown(rest[:end]))
            rest = rest[end + 1 :]
        else:
            parts.append(Shown(rest[: size - 1] + "↩"))
            rest = rest[size - 1 :]
    return [*parts, Shown(rest)]
