"""Journals to tamper with: made once, then copied in memory for every try."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine

from bot.domain.risk import Tier
from bot.store.backend import OPTION
from bot.store.database import open_database
from bot.store.sqlite import SQLITE
from tests.integration.store.conftest import say

TIERS = (None, Tier.TRANSPARENT, Tier.TRANSPARENT, Tier.ASYNC_REVIEW)


class Image(bytes):
    """A database's bytes, with a short repr for test failures."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<a database of {len(self)} bytes>"


async def a_journal(path: Path, entries: int) -> Image:
    """Return a database with entries in three chains, as the bytes of its file."""
    db = open_database(path, exclusive=True)
    for number in range(entries):
        await db.write(say(number, TIERS[number % len(TIERS)]))
    await db.close()
    return image_of(path)


def image_of(path: Path) -> Image:
    """Return a closed database's bytes, in a form that opens in memory."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
        return Image(raw.serialize())


@contextmanager
def tampered(image: bytes, *changes: tuple[str, tuple[object, ...]]) -> Iterator[Connection]:
    """Yield a connection to a copy whose triggers are dropped and whose rows are changed."""
    with _engine().connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.deserialize(image)
        for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {trigger}")
        for statement, values in changes:
            raw.execute(statement, values)
        yield connection


@cache
def _engine() -> Engine:
    """Return one engine for all tries, as making one takes longer than a try. It pools no connections."""
    options = {OPTION: SQLITE}
    return create_engine(
        "sqlite://", poolclass=NullPool, isolation_level="AUTOCOMMIT", execution_options=options
    )
