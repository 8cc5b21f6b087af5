"""Syntax errors in YAML: the likely place of the mistake, and how to correct it.

libyaml reports where it gave up. After an unclosed quotation mark or bracket, or a line that is not
`key: value`, the mistake is some lines above.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import yaml

MAX_LINE = 400
"""Characters of a line that are checked. Nobody writes longer lines by hand."""

_CONFLICT = re.compile(r"(?:<{7}|\|{7}|={7}|>{7})(?: |$)")
_ODD_SPACE = re.compile("^[ -]*([\u00a0\u1680\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff])")
_COMMENT_INSTEAD = re.compile(r"[:,\[{]\s+#([\w-]+)")
_QUOTED_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![^\s\[{,:])\'(?:[^\']|\'\')*\'(?!\')|(?<!\S)#.*')
_OPEN_QUOTE = re.compile(r"""(?<![^\s\[{,:])["']""")
_NO_SPACE_AFTER_COLON = re.compile(r"""\s*(?:- )?[\w.-]+:(?=[\[{"'\w])""")
_NO_SPACE_AFTER_DASH = re.compile(r"\s*-(?=[\w{\[\"'])")
_KEY = re.compile(r"""\s*(?:- )?(?:[^\s"'#\[{][^#\[{"']*?|"[^"]*"|'[^']*')\s*:(?:\s|$)""")
_ITEM = re.compile(r"\s*-(?:\s|$)")
_WORDS = re.compile(r"[,{:]\s*[^,{}\[\]:]*[^\s,{}\[\]:]\s+([\w.-]+)$")

_LIST_ITEM = "begin each item of a list with `- `"
_KEY_VALUE = "write key: value, with a space after the colon; a comment begins with #"
_HINTS = (
    ("mapping values are not allowed", "quote a text that holds ': ', and check the indentation"),
    ("did not find expected ',' or ']'", "put a comma between two items, and close the list with ]"),
    ("did not find expected ',' or '}'", "put a comma between two keys, and close the mapping with }"),
    ("did not find expected key", "check the indentation of this line and of the one above"),
    ("did not find expected '-' indicator", f"{_LIST_ITEM}, and check the indentation of this line"),
    ("unexpected end of stream", "close the quotation mark"),
    ("unknown escape character", 'in "…" a backslash begins an escape: write \\\\ for one, or quote with \''),
    ("expected comment or line break", "after | or > a text begins in the next line; or quote all of it"),
    ("<document start>", "`...` ends a document, and a policy file is one: delete the line"),
)


class _Slip(NamedTuple):
    """The error of libyaml and its position; `began` is the start of the part that it was reading."""

    lines: list[str]
    line: int
    column: int
    problem: str
    context: str
    began: tuple[int, int]

    @property
    def text(self) -> str:
        return self.lines[self.line] if self.line < len(self.lines) else ""

    @property
    def sign(self) -> str:
        """The character at which libyaml gave up; empty at the end of a line."""
        return self.text[self.column : self.column + 1]

    def above(self) -> int | None:
        """Return the last line before this one that is neither empty nor a comment."""
        before = range(min(self.line, len(self.lines)) - 1, -1, -1)
        return next((n for n in before if self.lines[n].strip() and self.lines[n].strip()[0] != "#"), None)


_Found = tuple[int, int, str, str]
"""Line and column, both from 0, the problem there, and how to correct it."""


def syntax_problem(error: yaml.MarkedYAMLError, lines: list[str]) -> _Found:
    """Return line and column, both from 0, the problem there, and how to correct it."""
    place = error.problem_mark or error.context_mark
    line, column = (place.line, place.column) if place else (0, 0)
    began = (line, column)
    if error.context and error.context_mark:
        began = (error.context_mark.line, error.context_mark.column)
    lines = [each[:MAX_LINE] for each in lines]
    slip = _Slip(lines, line, column, error.problem or "it cannot be read", error.context or "", began)
    for find in _FINDERS if column < MAX_LINE else ():
        if (found := find(slip)) is not None:
            at_line, at_column, what, hint = found
            return at_line, at_column, f"not YAML: {what}", hint
    hint = next((hint for part, hint in _HINTS if part in slip.problem), "")
    return line, column, f"not YAML: {_said(slip)}", hint


def _said(slip: _Slip) -> str:
    where = f" {slip.context}" if slip.context else ""
    began = f" that began in line {slip.began[0] + 1}" if slip.began[0] != slip.line else ""
    return f"{slip.problem}{where}{began}"


def _conflict(slip: _Slip) -> _Found | None:
    for number, line in enumerate(slip.lines):
        if _CONFLICT.match(line):
            return number, 0, "a merge conflict that is not resolved", "keep one side, and delete the markers"
    return None


def _odd_space(slip: _Slip) -> _Found | None:
    for number in range(slip.began[0], min(slip.line + 1, len(slip.lines))):
        if found := _ODD_SPACE.match(slip.lines[number]):
            what = f"an invisible character, U+{ord(found[1]):04X}, before the first word"
            return number, found.start(1), what, "delete it, and indent with plain spaces"
    return None


def _quote_or_comment(slip: _Slip) -> _Found | None:
    for number in range(slip.began[0], min(slip.line + 1, len(slip.lines))):
        if (open_at := _open_quote(slip.lines[number])) is not None:
            return number, open_at, "this quotation mark is not closed in its line", "close it"
        if found := _COMMENT_INSTEAD.search(slip.lines[number]):
            hint = f'quote what begins with #, as "#{found[1]}"; as it is, the rest of the line is a comment'
            return number, found.start(1) - 1, _said(slip), hint
    return None


def _open_quote(line: str) -> int | None:
    """Return the column of a quotation mark that is not closed in its line, or None."""
    rest = _QUOTED_OR_COMMENT.sub(lambda found: " " * len(found[0]), line)
    found = _OPEN_QUOTE.search(rest)
    return found.start() if found else None


def _first_sign(slip: _Slip) -> _Found | None:
    """Find a character with a special meaning at the start of a value."""
    scanned = slip.context.endswith(("an alias", "an anchor", "a tag", "a directive"))
    if not scanned and not any(part in slip.problem for part in ("start any token", "node content")):
        return None
    line, column = slip.began if scanned else (slip.line, slip.column)
    sign = slip.lines[line][column : column + 1] if line < len(slip.lines) else ""
    if sign == "\t":
        return line, column, "a tab, where a value or a key begins", "indent with spaces, not with tabs"
    if "".join(slip.lines[line : line + 1]).startswith("```"):
        return line, 0, "a line of Markdown, ```", "delete it"
    if sign == ",":
        return line, column, "a comma with nothing before it", "delete it"
    if not sign or sign in "]}":
        return None
    return line, column, f"a text cannot begin with {sign}", f'quote all of it, as "{sign}…"'


def _second_colon(slip: _Slip) -> _Found | None:
    before = slip.text[: slip.column]
    if slip.sign != ":" or ":" not in before:
        return None
    if _NO_SPACE_AFTER_DASH.match(slip.text):
        return None
    missing = _WORDS.search(before)
    comma = f", or a comma before `{missing[1]}`" if missing and re.search(r"[{\[]", before) else ""
    what = "a second colon, in a text without quotation marks"
    return slip.line, slip.column, what, f"put the whole text in quotation marks{comma}"


def _missing_space(slip: _Slip) -> _Found | None:
    above = slip.above()
    for number in (*(() if above is None else (above,)), *((slip.line,) if slip.text else ())):
        line = slip.lines[number]
        if found := _NO_SPACE_AFTER_DASH.match(line):
            return number, found.end() - 1, "a dash without a space after it", "write `- ` before each item"
        if (found := _NO_SPACE_AFTER_COLON.match(line)) and not _KEY.match(line):
            return number, found.end() - 1, "a colon without a space after it", "write key: value"
    return None


def _missing_dash(slip: _Slip) -> _Found | None:
    """Find a line among the items of a list, or of two mappings in braces, that has no dash."""
    for number in dict.fromkeys((slip.began[0], slip.line)):
        line = slip.lines[number] if number < len(slip.lines) else ""
        above = slip._replace(line=number).above()
        if above is None or not line.strip() or _ITEM.match(line):
            continue
        indent, other = _indent(line), slip.lines[above]
        item_above = _ITEM.match(other) is not None and not _KEY.match(line)
        both_braces = line.lstrip().startswith("{") and other.lstrip().startswith("{")
        if indent == _indent(other) and (item_above or both_braces):
            return number, indent, "an item of a list without its dash", _LIST_ITEM
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _no_key(slip: _Slip) -> _Found | None:
    """Find the line, here or above, that is not `key: value`."""
    if "could not find expected ':'" in slip.problem:
        number = slip.began[0]
    elif "mapping values are not allowed" in slip.problem and (above := slip.above()) is not None:
        number = above
    else:
        return None
    line = slip.lines[number] if number < len(slip.lines) else ""
    if _KEY.match(line) or _ITEM.match(line):
        return None
    return number, _indent(line), "a line that is not `key: value`", _KEY_VALUE


def _stray_bracket(slip: _Slip) -> _Found | None:
    if "expected key" in slip.problem and slip.sign and slip.sign in "]}":
        return slip.line, slip.column, f"this {slip.sign} closes nothing", "delete it"
    return None


def _open_bracket(slip: _Slip) -> _Found | None:
    """Find an unclosed bracket, or a missing comma inside one."""
    line, column = slip.began
    opening = slip.lines[line][column : column + 1] if line < len(slip.lines) else ""
    closing = {"[": "]", "{": "}"}.get(opening)
    if closing is None or "did not find expected ','" not in slip.problem:
        return None
    deeper = bool(slip.text.strip()) and _indent(slip.text) > _indent(slip.lines[line])
    if not slip.sign or slip.sign in "]}" or (line != slip.line and not deeper):
        return line, column, f"this {opening} is not closed", f"close it with {closing}"
    if slip.text[: slip.column].rstrip().endswith(('"', "'")):
        what = "a text goes on after its closing quotation mark"
        return slip.line, slip.column, what, "put the whole text in quotation marks, or a comma here"
    return slip.line, slip.column, f"no comma before this, and no {closing}", f"write a comma, or {closing}"


_FINDERS: tuple[Callable[[_Slip], _Found | None], ...] = (
    _conflict,
    _odd_space,
    _quote_or_comment,
    _first_sign,
    _second_colon,
    _missing_dash,
    _missing_space,
    _no_key,
    _stray_bracket,
    _open_bracket,
)
"""In order: the first that finds something is right most often."""
