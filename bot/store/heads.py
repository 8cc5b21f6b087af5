"""A note outside the database of where the journal ends. A database that is behind its note was restored.

The note may lag behind the database. It is never ahead, because only committed entries are noted. `epoch`
counts the bot's starts on a database. `instance` names the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, select

from bot.errors import StoreError
from bot.store import files
from bot.store.journal import End, plain
from bot.store.journal.anchors import ends_of
from bot.store.journal.chain import end_of
from bot.store.tables import journal

KIND = "checkpoint-membrane head"
"""The value of `head` in a note. It tells the file's kind."""

_AT = select(journal.c.hash).where(
    and_(journal.c.writer == bindparam("of"), journal.c.seq == bindparam("place"))
)


@dataclass(frozen=True, slots=True)
class JournalHead:
    """One note. `at` is the clock's time, in seconds since the epoch. Epoch 0: no bot has started yet."""

    instance: str
    epoch: int
    at: float
    ends: dict[str, End]


def read(path: Path) -> JournalHead | None:
    """Return the note, or None. Raises StoreError if it cannot be read."""
    try:
        data = orjson.loads(path.read_bytes())
        return _head_of(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the journal's note {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is not a note of where the journal ends ({error}); move it away, and the database is "
            "taken for a restored one"
        ) from error


def _head_of(data: Any) -> JournalHead:
    if data["head"] != KIND:
        raise ValueError(data["head"])
    return JournalHead(str(data["instance"]), int(data["epoch"]), float(data["at"]), ends_of(data["chains"]))


def write(path: Path, head: JournalHead) -> None:
    """Write the note. It is complete and on disk when this returns. Raises StoreError."""
    data = {
        "head": KIND,
        "instance": head.instance,
        "epoch": head.epoch,
        "at": head.at,
        "chains": plain(head.ends),
    }
    with files.written(path, replace=True) as out:
        out.write(orjson.dumps(data, option=orjson.OPT_INDENT_2))


def behind(connection: Connection, head: JournalHead) -> str | None:
    """Return how a chain in the database differs from the note, as a sentence, or None."""
    for writer, noted in head.ends.items():
        end = end_of(connection, writer)
        if end.seq < noted.seq:
            return f"the chain {writer} of its journal ends at entry {end.seq}, and {noted.seq} was noted"
        there = connection.execute(_AT, {"of": writer, "place": noted.seq}).scalar()
        if there is not None and there != noted.hash:
            return f"entry {noted.seq} of the chain {writer} of its journal is not the one that was noted"
    return None
