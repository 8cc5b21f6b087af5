"""One backend: these tests look into SQLite itself."""

from __future__ import annotations

import pytest

from bot.store.backend import Backend
from bot.store.sqlite import SQLITE


@pytest.fixture
def backend() -> Backend:
    return SQLITE
