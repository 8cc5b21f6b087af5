"""Access to the database while the bot runs: reads, or one short transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import Connection

from bot import logs
from bot.settings import load
from bot.store.database import Database, open_database

T = TypeVar("T")
WRITER = "cli"
"""The chain of the journal that the commands write to."""


def read(query: Callable[[Connection], T]) -> T:
    """Run a query on the database of the settings. Raises SettingsError or StoreError."""
    return _run(lambda db: db.read(query), readonly=True)


def change(work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` on the database of the settings; create the database if it does not exist."""
    return _run(work, readonly=False)


def _run(work: Callable[[Database], Awaitable[T]], *, readonly: bool) -> T:
    settings = load(slack=False)
    logs.configure("warning")  # to stderr: stdout holds the command's output

    async def run() -> T:
        db = open_database(settings.database, writer=WRITER, readonly=readonly)
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(run())
