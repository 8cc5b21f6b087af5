"""Anchors: the end of every chain at an instant, in one line that is kept elsewhere.

A chain that was cut off, or rewritten from some entry on, still verifies by itself. It fails against an older
anchor, if the attacker could not change the anchor, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select

from bot.errors import StoreError
from bot.store.journal.chain import End, end_of
from bot.store.tables import journal

KIND = "checkpoint-membrane journal"
"""The value of `anchor` in its line. It tells the file's kind."""


_NEXT = (
    select(journal.c.writer).where(journal.c.writer > bindparam("after")).order_by(journal.c.writer).limit(1)
)
ANCHORED = "journal.anchored"
"""The event in a deciding chain that records the ends of the passing chains, and so ties them to it."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The ends of chains. `at` is the clock's time, in seconds since the epoch."""

    at: float
    ends: dict[str, End]

    def to_line(self) -> str:
        """Return the anchor as one line of JSON, without the newline."""
        return orjson.dumps({"anchor": KIND, "at": self.at, "chains": plain(self.ends)}).decode()


def plain(ends: Mapping[str, End]) -> dict[str, Any]:
    """Return ends in the form that `ends_of` reads."""
    return {writer: {"seq": end.seq, "hash": end.hash} for writer, end in sorted(ends.items())}


def ends(connection: Connection) -> dict[str, End]:
    """Return the end of every chain in the database."""
    return {writer: end_of(connection, writer) for writer in writers(connection)}


def writers(connection: Connection) -> list[str]:
    """Return the names of all chains, by one query each: `DISTINCT` would read the whole index."""
    found: list[str] = []
    while (name := connection.execute(_NEXT, {"after": found[-1] if found else ""}).scalar()) is not None:
        found.append(name)
    return found


def read_anchors(text: str, source: str) -> list[Anchor]:
    """Read a file of anchors, one a line. Raises StoreError that names a line that is not an anchor."""
    anchors = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                anchors.append(_anchor_of(orjson.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StoreError(
                    f"{source}:{number}: this is not an anchor; give a file of lines that `membrane journal "
                    "anchor` printed"
                ) from error
    if not anchors:
        raise StoreError(f"{source}: there is no anchor in it; `membrane journal anchor` prints one")
    return anchors


def _anchor_of(data: Any) -> Anchor:
    if data["anchor"] != KIND:
        raise ValueError(data["anchor"])
    return Anchor(float(data["at"]), ends_of(data["chains"]))


def ends_of(data: Any) -> dict[str, End]:
    """Read `{writer: {"seq": …, "hash": …}}`. Raises ValueError, KeyError, TypeError or AttributeError."""
    return {str(writer): End(int(end["seq"]), str(end["hash"])) for writer, end in data.items()}
