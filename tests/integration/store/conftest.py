"""A database of its own for each test, on every backend, and small units of work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from bot.domain.risk import Tier
from bot.store.backend import Backend
from bot.store.database import Database, Transaction, open_database
from bot.store.sqlite import SQLITE

BACKENDS: dict[str, Backend] = {"sqlite": SQLITE}
"""The backends that pass the contract suite: every test here that takes `db`, `opened` or `backend`."""

Say = Callable[[Transaction], int]
Opened = Callable[..., Database]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "membrane.db"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]


@pytest.fixture
def opened(backend: Backend) -> Opened:
    """Opens a database on the backend."""
    return partial(open_database, backend=backend)


@pytest.fixture
async def db(path: Path, opened: Opened) -> AsyncIterator[Database]:
    made = opened(path, exclusive=True)
    yield made
    await made.close()


def say(number: int, tier: Tier | None = None, at: float | None = None) -> Say:
    """Return a unit that appends a number to the journal, in the chain of a tier."""

    def work(tx: Transaction) -> int:
        tx.journal(float(number) if at is None else at, "said", {"number": number}, tier=tier)
        return number

    return work
