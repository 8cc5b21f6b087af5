"""The text of a policy file as data, with the position of every value.

YAML is read in a strict form. Events are read one by one, with limits on depth, size and count, before data
is built. Plain words follow YAML 1.2 (`NO` is a text). Everything that a reviewer could misread is refused:
aliases, tags, a second document, a repeated key, an empty value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from bot.domain.numbers import Inexact, read_float
from bot.errors import Problem
from bot.policyfile.yaml_syntax import syntax_problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16
MAX_NODES = 50_000
MAX_PROBLEMS = 200
"""Nobody corrects more at once, and a hostile file with many problems must stay cheap."""
MAX_NUMBER = 40
"""Characters of a number."""
MAX_SOURCE = 160
"""Characters of a source line in an error."""

Path = tuple[str | int, ...]
"""The path to a value: keys and indexes from the top."""

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {text: text[0] in "tT" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mark(NamedTuple):
    """A position in the text; line and column count from 0."""

    line: int
    column: int


class Broken:
    """Placeholder of a value that could not be read. No model accepts it."""


BROKEN = Broken()


class _Unreadable(Exception):  # never leaves this module
    """The rest of the text cannot be read; the problem is recorded."""


@dataclass(slots=True)
class Document:
    """The data of a file, the position of each value, and the problems of its YAML.

    `broken` holds the paths of values with a problem, so that each is reported only once.
    """

    file: str
    lines: list[str]
    data: Any = None
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    broken: set[Path] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, what: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """Return a problem at the value or the key of a path, or at the nearest known parent."""
        marks = self.keys if at_key else self.values
        mark = marks.get(path) or self.values.get(path)
        while mark is None and path:
            path = path[:-1]
            mark = self.keys.get(path) or self.values.get(path)
        return self.problem_at(mark or Mark(0, 0), what, hint)

    def problem_at(self, mark: Mark, what: str, hint: str = "") -> Problem:
        """Return a problem at a position."""
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        what, hint = _harmless(what), _harmless(hint)
        return Problem(self.file, mark.line + 1, mark.column + 1, what, hint, _shown(line, mark.column))


def read_document(text: bytes, file: str) -> Document:
    """Read the bytes of a file. Problems of the YAML are in the document's `problems`."""
    if len(text) > MAX_BYTES:
        document = Document(file, [])
        what = f"the file is larger than {MAX_BYTES} bytes"
        document.problems.append(document.problem_at(Mark(0, 0), what))
        return document
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _not_utf8(text, error, file)
    document = Document(file, _LINE_BREAK.split(decoded))
    try:
        _Reader(document, decoded).read()
    except _Unreadable:
        document.data = None
        document.broken.add(())
    return document


def _not_utf8(text: bytes, error: UnicodeDecodeError, file: str) -> Document:
    before = text[: error.start].decode("utf-8", "replace")
    lines = _LINE_BREAK.split(before)
    document = Document(file, lines)
    mark = Mark(len(lines) - 1, len(lines[-1]))
    document.problems.append(document.problem_at(mark, "the file is not UTF-8", "save it as UTF-8"))
    return document


def _harmless(text: str) -> str:
    return _UNSHOWABLE.sub(lambda found: " " if found[0] == "\t" else "\ufffd", text)


def _shown(line: str, column: int) -> str:
    """Return a line that is safe to print: without control characters, and cut."""
    line = _harmless(line)
    if len(line) <= MAX_SOURCE:
        return line
    return f"{line[: MAX_SOURCE - 1]}…" if column < MAX_SOURCE else ""


class _Reader:
    """Builds a document's data from the events of its text."""

    def __init__(self, document: Document, text: str) -> None:
        self._document = document
        self._text = text
        self._nodes = 0
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))

    def read(self) -> None:
        event = self._next()
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            self._fatal(Mark(0, 0), "the file is empty", "policies/default.yaml is a good start")
        self._document.data = self._node(event, ())
        self._next()
        following = self._next()
        if isinstance(following, yaml.DocumentStartEvent):
            self._fatal(_mark(following), "a second document begins here", "a policy file is one document")

    def _next(self) -> Any:
        try:
            return next(self._events)
        except yaml.MarkedYAMLError as error:
            line, column, what, hint = syntax_problem(error, self._document.lines)
            self._fatal(Mark(line, column), what, hint)
        except yaml.reader.ReaderError as error:
            lines = _LINE_BREAK.split(self._text[: error.position])
            mark = Mark(len(lines) - 1, len(lines[-1]))
            self._fatal(mark, "a character that a text file cannot hold", "delete it")

    def _fatal(self, mark: Mark, what: str, hint: str = "") -> Any:
        self._document.problems.append(self._document.problem_at(mark, what, hint))
        raise _Unreadable

    def _complain(self, path: Path, mark: Mark, what: str, hint: str = "") -> None:
        if len(self._document.problems) >= MAX_PROBLEMS:
            self._fatal(mark, f"more than {MAX_PROBLEMS} problems", "correct the first ones")
        self._document.problems.append(self._document.problem_at(mark, what, hint))
        self._document.broken.add(path)

    def _node(self, event: Any, path: Path) -> Any:
        self._nodes += 1
        mark = _mark(event)
        if self._nodes > MAX_NODES:
            self._fatal(mark, f"more than {MAX_NODES} values", "split the file, or shorten the lists")
        if len(path) > MAX_DEPTH:
            self._fatal(mark, f"nested deeper than {MAX_DEPTH} levels", "no policy needs that")
        self._document.values[path] = mark
        if isinstance(event, yaml.AliasEvent):
            self._complain(path, mark, f"an alias, *{event.anchor}", "write out its value")
            return BROKEN
        if event.tag is not None:
            self._complain(path, mark, f"a tag, {event.tag}", "delete it; types follow from the format")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, path, mark)

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            mark = _mark(event)
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if not key:
                hint = "keys are words, such as risk"
                if self._document.lines[mark.line][: mark.column + 1].endswith("{{"):
                    hint = "{{ }} belongs to a template: fill it in, or quote it if you mean the text"
                self._complain(path, mark, "a key that is not a word", hint)
                self._skip(event)
                self._skip(self._next())
            elif (place := (*path, key)) in self._document.keys:
                first = self._document.keys[place].line + 1
                what = f"`{_cut(key)}` occurs twice; the first is in line {first}"
                self._complain(place, mark, what, "keep one of the two")
                self._skip(self._next())
            else:
                self._document.keys[place] = mark
                items[key] = self._node(self._next(), place)
        return items

    def _skip(self, event: Any) -> None:
        """Skip one node with everything in it."""
        depth = 0
        while True:
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                depth += 1
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                depth -= 1
            if depth == 0:
                return
            event = self._next()

    def _scalar(self, event: Any, path: Path, mark: Mark) -> Any:
        text = event.value
        if not event.implicit[0]:
            return text
        if text in _NULLS:
            name = f"`{_cut(str(path[-1]))}`" if path and isinstance(path[-1], str) else "this"
            place = self._document.keys.get(path, mark)
            self._complain(path, place, f"{name} is empty", self._why_empty(path, mark))
            return BROKEN
        if text in _BOOLS:
            return _BOOLS[text]
        return self._number(text, path, mark)

    def _why_empty(self, path: Path, mark: Mark) -> str:
        key = self._document.keys.get(path)
        if key is not None:
            after = self._document.lines[key.line][key.column :].removeprefix(str(path[-1])).lstrip()
            word = str(path[-1])
            if after.startswith((",", "}")) and ":" in word:
                return f"write a space after the colon: {_cut(word.replace(':', ': ', 1))}"
            if after.startswith((",", "}")):
                return "inside { } a comma ends a value: quote a text that holds one"
        if mark.line < len(self._document.lines) and "#" in self._document.lines[mark.line][mark.column :]:
            return 'quote what begins with #, as "#agent-approvals"'
        return "give it a value, or delete it"

    def _number(self, text: str, path: Path, mark: Mark) -> Any:
        is_int, is_other_int = _INT.fullmatch(text), _OCTAL_OR_HEX.fullmatch(text)
        if not (is_int or is_other_int or _FLOAT.fullmatch(text)):
            return text
        if len(text) > MAX_NUMBER:
            self._complain(path, mark, f"a number of {len(text)} digits", "quote it if it is an id")
            return BROKEN
        if is_int:
            return int(text)
        if is_other_int:
            return int(text, 0)
        value = read_float(text)
        if isinstance(value, Inexact):
            what = f"{_cut(text)} cannot be compared exactly"
            self._complain(path, mark, what, "write it with at most 15 significant digits")
            return BROKEN
        return value


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line, event.start_mark.column)


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
