"""How commands print: tables for people, JSON for machines, and no control characters for the terminal."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

import click

from bot.domain.durations import in_table
from bot.domain.plain_text import printable_json
from bot.domain.scripts import oddities, unseen_belongs

_ESCAPES = re.compile(r"\\[nrtbf]")
"""JSON escapes. Their letter does not belong to the word that follows."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def say(words: str = "", *, err: bool = False) -> None:
    """Print a text of the bot's own, with control characters, as in a repeated name, spelled out."""
    click.echo(plain(words), err=err)


def plain(words: str) -> str:
    """Return the text with every invisible character spelled out, except the line feed."""
    if words.isprintable():
        return words
    return "".join(char if char == "\n" or char.isprintable() else f"⟨U+{ord(char):04X}⟩" for char in words)


def print_json(value: Any, *, line: bool = False) -> None:
    """Print JSON, indented or on one `line`."""
    text = json.dumps(value, indent=None if line else 2, ensure_ascii=False, default=_plain)
    click.echo("\n".join(printable_json(part) for part in text.split("\n")))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, bytes):
        return json.loads(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def safe(value: Any) -> str:
    """Return one line in which every odd character is visible: an agent may have written the value."""
    text = "-" if value is None or value == "" else str(value)
    odd = oddities(_ESCAPES.sub("  ", text))
    drawn = []
    for at, char in enumerate(text):
        plain = char.isprintable() or (not char.isascii() and unseen_belongs(text, at))
        named = f"⟨{odd.scripts[at]}⟩" if at in odd.scripts else ""
        marked = not plain or at in odd.places or char == "⟨"
        drawn.append(f"{named}⟨U+{ord(char):04X}⟩" if marked else f"{named}{char}")
    return "".join(drawn) + (f"⟨{odd.scripts[len(text)]}⟩" if len(text) in odd.scripts else "")


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print aligned columns."""
    lines = [list(head), *([safe(value) for value in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_facts(facts: Sequence[tuple[str, Any]]) -> None:
    """Print names and values, one pair per line."""
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        click.echo(f"{name.ljust(width)}  {safe(value)}")


def when(at: float | None) -> str | None:
    """Return an instant in UTC, readable: "2026-06-01 09:00:00Z"."""
    return None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}Z"


def left(until: float | None, now: float | None = None) -> str | None:
    """Return the time until an instant: "in 12m", or "3s ago"."""
    if until is None:
        return None
    ahead = until - (time.time() if now is None else now)
    return f"in {in_table(abs(ahead))}" if ahead >= 0 else f"{in_table(abs(ahead))} ago"
