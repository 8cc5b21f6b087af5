"""Anchors: where every chain ended at an instant, in one line that is kept elsewhere.

A chain whose end was cut off, or that was written anew from some entry on, verifies by itself. It does not
hold against an anchor from before that, if whoever did it could not also change where the anchor is kept.
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
"""The value of `anchor` in its line, so that a file says what it is."""


_NEXT = (
    select(journal.c.writer).where(journal.c.writer > bindparam("after")).order_by(journal.c.writer).limit(1)
)
ANCHORED = "journal.anchored"
"""The event with which a deciding chain says where the passing chains end, and so ties them to itself."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where chains ended. `at` is what the clock said, in seconds since the epoch."""

    at: float
    ends: dict[str, End]

    def to_line(self) -> str:
        """Return its JSON, one line without its end."""
        return orjson.dumps({"anchor": KIND, "at": self.at, "chains": plain(self.ends)}).decode()


def plain(ends: Mapping[str, End]) -> dict[str, Any]:
    """Return what `ends_of` reads."""
    return {writer: {"seq": end.seq, "hash": end.hash} for writer, end in sorted(ends.items())}


def ends(connection: Connection) -> dict[str, End]:
    """Return where every chain of the database ends."""
    return {writer: end_of(connection, writer) for writer in writers(connection)}


def writers(connection: Connection) -> list[str]:
    """Return the names of all chains. Asked one by one: `DISTINCT` would read the index from end to end."""
    found: list[str] = []
    while (name := connection.execute(_NEXT, {"after": found[-1] if found else ""}).scalar()) is not None:
        found.append(name)
    return found


def read_anchors(text: str, source: str) -> list[Anchor]:
    """Read a file of anchors, one a line. Raises StoreError with the line that is none."""
    anchors = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                anchors.append(_anchor_of(orjson.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise StoreError(
                    f"{source}:{number}: this is no anchor; give a file of lines that `membrane journal "
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
