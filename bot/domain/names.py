"""Paths, identifiers and instants, in the forms that every reader understands alike."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from bot.domain.plain_text import is_plain
from bot.domain.scripts import has_one_script

MAX_PATH = 4096
MAX_IDENTIFIER = 256

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._@+=-]|[^\x00-\x7f])+)*/?")
_ENDS_WITH_DOT = re.compile(r"\.(?:/|$)")
_SIGNS = re.compile(r"[/.@+=-]")
_ALIAS = re.compile(r"/(?:proc/.+|dev/fd|dev/std.*)(?:/|$)", re.IGNORECASE)
"""Linux keeps other names of files here, as /proc/self/root."""
_WORD = r"(?:[A-Za-z0-9_]|[^\x00-\x7f])+(?:-(?:[A-Za-z0-9_]|[^\x00-\x7f])+)*"
_IDENTIFIER = re.compile(rf"{_WORD}(?:\.{_WORD}){{0,4}}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
    r"(?:Z|\+(?:[01][0-9]|2[0-3]):[0-5][0-9]|-(?!00:00)(?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def read_path(text: str) -> str | None:
    """Return an absolute POSIX path in plain form, without a slash at its end; None if it is in doubt.

    In plain form no shell, no URL reader and no file system finds anything to resolve, expand or split: no
    `//`, `.` or `..`, only letters, digits and `. _ @ + = -` in a segment, no segment that ends with a dot.
    """
    if len(text) > MAX_PATH or not text.startswith("/") or not _PATH.fullmatch(text):
        return None
    if _ENDS_WITH_DOT.search(text) or _ALIAS.match(text) or not _has_plain_letters(text):
        return None
    return text.rstrip("/") or "/"


def read_identifier(text: str) -> str | None:
    """Return a name of a table, a column or a flag, folded, with its dots; None if it is in doubt.

    Between the dots are letters, digits, `_`, and single dashes; no quotes, brackets or blanks. All letters
    are of one script.
    """
    if len(text) > MAX_IDENTIFIER or not _IDENTIFIER.fullmatch(text) or not _has_plain_letters(text):
        return None
    folded = text.casefold()
    return folded if folded == text.lower() and is_plain(folded) and has_one_script(folded) else None


def _has_plain_letters(text: str) -> bool:
    return text.isascii() or (is_plain(text) and f"_{_SIGNS.sub('', text)}".isidentifier())


def read_instant(text: str) -> int | None:
    """Return an instant of RFC 3339 in microseconds since 1970; None if it is in doubt."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
