"""A scene that does not happen is a miss, and says what was not seen."""

from __future__ import annotations

import time

from bot.demo import autopilot
from bot.localslack import LocalSlack, northwind


async def test_without_a_bot_every_scene_is_a_miss() -> None:
    async with LocalSlack(northwind()) as slack:
        missed = await autopilot.play(slack.base_url, time.monotonic() + 0.3)
    assert len(missed) == len(autopilot.SCENES)
    assert (
        "noisy machine: Cleo did not see a message with payment.refund, O-1043 in #agent-approvals" in missed
    )
