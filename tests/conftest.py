"""What every test shares: the order in which they run, and a browser.

A missing Chromium skips the browser tests, except in CI, where it fails them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

LONGEST_FIRST = ("chaos", "attacks", "acceptance", "releases", "security", "integration", "unit")
"""The folders in the order in which they are handed out; what comes last is short, so no worker idles."""
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in the order of their folders, those of a new one first."""
    place = {folder: number for number, folder in enumerate(LONGEST_FIRST)}
    here = Path(__file__).parent
    items.sort(key=lambda item: place.get(item.path.relative_to(here).parts[0], -1))


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Return the path of a Chromium that Playwright can drive."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("no Chromium: browser tests may not be skipped in CI (apt-get install chromium)")
    pytest.skip("no Chromium on this machine (apt-get install chromium)")
