"""A database of its own for each test, and small units of work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.domain.risk import Tier
from bot.store.database import Database, Transaction, open_database

Say = Callable[[Transaction], int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "membrane.db"


@pytest.fixture
async def db(path: Path) -> AsyncIterator[Database]:
    opened = open_database(path, exclusive=True)
    yield opened
    await opened.close()


def say(number: int, tier: Tier | None = None, at: float | None = None) -> Say:
    """Return a unit that says a number in the journal, in the chain of a tier."""

    def work(tx: Transaction) -> int:
        tx.journal(float(number) if at is None else at, "said", {"number": number}, tier=tier)
        return number

    return work
