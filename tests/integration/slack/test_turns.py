"""A queue of messages moves up at Slack's pace, also where the courier comes to look at odd times."""

from __future__ import annotations

from bot.slack.pace import Rates
from tests.integration.slack.conftest import Room

CARDS, STEP_S, LOOK_S = 12, 10.0, 7.0


async def test_a_card_that_was_overtaken_is_next_and_not_last_again(room: Room) -> None:
    courier = room.new_courier(rates=Rates(channel_s=STEP_S, workspace_s=0.0))
    for number in range(CARDS):
        await room.propose(args={"number": number})
    looks = 0
    while len(room.said("C0APPR")) < CARDS:
        await courier.sweep()
        room.clock.ahead += LOOK_S
        looks += 1
        assert looks < 100
    # Looked at every 7 s, a channel that takes a card every 10 s can be used every 14 s.
    assert looks * LOOK_S <= CARDS * 2 * LOOK_S + STEP_S
