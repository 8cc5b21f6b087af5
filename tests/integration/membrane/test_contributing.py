"""The test of a use case that CONTRIBUTING.md shows."""

from __future__ import annotations

from tests.examples import shown
from tests.integration.membrane.conftest import Room


async def test_the_test_of_a_use_case_passes(room: Room) -> None:
    await shown("test_one_rejection_ends_a_review")(room)
