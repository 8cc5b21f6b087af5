"""Text that is no YAML: where the slip most likely is, and how to correct it.

libyaml names the place where it gave up. After a quotation mark that was never closed that is many lines on.
"""

from __future__ import annotations

import re

import yaml

_COMMENT_INSTEAD = re.compile(r"[:,\[{]\s+#([\w-]+)")
_QUOTED_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![^\s\[{,:])\'(?:[^\']|\'\')*\'(?!\')|(?<!\S)#.*')
_OPEN_QUOTE = re.compile(r"""(?<![^\s\[{,:])["']""")
_HINTS = (
    ("mapping values are not allowed", "quote a text that holds ': ', and check the indentation"),
    ("cannot start any token", "quote a text that begins with @, ` or %, and indent with spaces, not tabs"),
    ("did not find expected ',' or ']'", "close the list with ]"),
    ("did not find expected ',' or '}'", "close the mapping with }"),
    ("did not find expected key", "check the indentation of this line and of the one above"),
    ("could not find expected ':'", "write key: value, with a space after the colon"),
    ("unexpected end of stream", "close the quotation mark"),
)


def syntax_problem(error: yaml.MarkedYAMLError, lines: list[str]) -> tuple[int, int, str, str]:
    """Return line and column, both from 0, what is wrong there, and how to correct it."""
    place = error.problem_mark or error.context_mark
    line, column = (place.line, place.column) if place else (0, 0)
    problem = error.problem or "it cannot be read"
    hint = next((hint for part, hint in _HINTS if part in problem), "")
    where = f" {error.context}" if error.context else ""
    began = error.context_mark.line if error.context and error.context_mark else line
    if began != line:
        where += f" that began in line {began + 1}"
    for number in range(began, min(line + 1, len(lines))):
        if (open_at := _open_quote(lines[number])) is not None:
            return number, open_at, "not YAML: this quotation mark is not closed in its line", "close it"
        if found := _COMMENT_INSTEAD.search(lines[number]):
            hint = f'quote what begins with #, as "#{found[1]}"; as it is, the rest of the line is a comment'
            return number, found.start(1) - 1, f"not YAML: {problem}{where}", hint
    if line < len(lines) and lines[line][column : column + 1] == ":" and ":" in lines[line][:column]:
        what = "not YAML: a second colon, in a text without quotation marks"
        return line, column, what, "put the whole text in quotation marks"
    return line, column, f"not YAML: {problem}{where}", hint


def _open_quote(line: str) -> int | None:
    """Return where a quotation mark stands that is not closed in its line, or None."""
    rest = _QUOTED_OR_COMMENT.sub(lambda found: " " * len(found[0]), line)
    found = _OPEN_QUOTE.search(rest)
    return found.start() if found else None
