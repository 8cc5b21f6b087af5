"""Opening the database beside a running bot: to read, or for one short transaction."""

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
"""Whose chain of the journal the commands write."""


def read(query: Callable[[Connection], T]) -> T:
    """Run a query on the database that the settings name. Raises SettingsError or StoreError."""
    return _run(lambda db: db.read(query), readonly=True)


def change(work: Callable[[Database], Awaitable[T]]) -> T:
    """Do something to the database that the settings name, making it if it is new."""
    return _run(work, readonly=False)


def _run(work: Callable[[Database], Awaitable[T]], *, readonly: bool) -> T:
    settings = load(slack=False)
    logs.configure("warning")  # to stderr: stdout is the command's answer

    async def run() -> T:
        db = open_database(settings.database, writer=WRITER, readonly=readonly)
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(run())
