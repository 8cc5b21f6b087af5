"""The test of an HTTP call that CONTRIBUTING.md shows."""

from __future__ import annotations

import httpx2

from tests.examples import shown


async def test_the_test_of_a_call_passes(agent: httpx2.AsyncClient) -> None:
    await shown("test_a_small_action_passes")(agent)
