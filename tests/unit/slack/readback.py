"""Reads a drawing of arguments back: a second, independent statement of what the drawing means."""

from __future__ import annotations

import json
import re
from typing import Any

_SCRIPT = re.compile("⟨[A-Z][A-Za-z-]+⟩")
"""The script that is named after a word."""
_MARK = re.compile(r"⟨(?:U\+([0-9A-F]{4,6})|(\d+) spaces)⟩|([⏎⇥])")
_NAMED = re.compile(r'([A-Za-z_][A-Za-z0-9_.-]{0,63}|"(?:[^"\\]|\\.)*"):(?: (.*))?')
_ESCAPES = {"\\": "\\", '"': '"', "n": "\n", "t": "\t"}


def read_back(drawn: str) -> dict[str, Any]:
    """Return the arguments that a complete drawing was made of."""
    lines = [] if drawn == "(no arguments)" else drawn.split("\n")
    value, rest = _mapping(lines, "")
    assert not rest, rest
    return value


def _unmark(words: str) -> str:
    def plain(mark: re.Match[str]) -> str:
        if mark[1]:
            return chr(int(mark[1], 16))
        return " " * int(mark[2]) if mark[2] else {"⏎": "\n", "⇥": "\t"}[mark[3]]

    return _MARK.sub(plain, _SCRIPT.sub("", words))


def _unquote(words: str) -> str:
    return re.sub(r"\\(.)", lambda escape: _ESCAPES[escape[1]], _unmark(words[1:-1]), flags=re.DOTALL)


def _mapping(lines: list[str], indent: str) -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {}
    while lines and lines[0].startswith(indent) and (match := _NAMED.fullmatch(lines[0][len(indent) :])):
        name = _unquote(match[1]) if match[1].startswith('"') else match[1]
        found[name], lines = _value(match[2], lines[1:], indent + "  ")
    return found, lines


def _list(lines: list[str], indent: str) -> tuple[list[Any], list[str]]:
    found = []
    while lines and re.match(rf"{indent}-( |$)", lines[0]):
        item, lines = _value(lines[0][len(indent) + 2 :] or None, lines[1:], indent + "  ")
        found.append(item)
    return found, lines


def _value(words: str | None, lines: list[str], indent: str) -> tuple[Any, list[str]]:
    if words is None:
        return _list(lines, indent) if lines[0].startswith(f"{indent}-") else _mapping(lines, indent)
    if count := re.fullmatch(r"\((\d+) lines\)", words):
        taken = lines[: int(count[1])]
        assert all(line.startswith(f"{indent}│ ") for line in taken)
        return "\n".join(_unmark(line[len(indent) + 2 :]) for line in taken), lines[int(count[1]) :]
    return (_unquote(words) if words.startswith('"') else json.loads(words)), lines
