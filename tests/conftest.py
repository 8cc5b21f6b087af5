"""What every test shares: a missing Chromium skips the browser tests, except in CI, where it fails them."""

from __future__ import annotations

import os
import shutil

import pytest

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Return the path of a Chromium that Playwright can drive."""
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("no Chromium: browser tests may not be skipped in CI (apt-get install chromium)")
    pytest.skip("no Chromium on this machine (apt-get install chromium)")
