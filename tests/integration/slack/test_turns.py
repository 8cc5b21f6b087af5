"""A queue of messages moves at Slack's pace, even if the courier sweeps at odd times."""

from __future__ import annotations

import pytest

from bot.domain.notices import Notice, Subject
from bot.slack.outbound import courier as couriers
from bot.slack.outbound.courier import Courier
from bot.slack.outbound.pace import Rates
from tests.fakes import policy
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier import running
from tests.waiting import until

CARDS, STEP_S, LOOK_S = 12, 10.0, 7.0
LONG_S = 20.0
"""Seconds between two posts in a channel, by the test's own clock."""


async def until_said(room: Room, courier: Courier, channel: str, count: int) -> None:
    """Sweep at every turn until a channel has that many messages."""
    for _ in range(count * 5):
        await courier.sweep()
        if len(room.said(channel)) >= count:
            return
        room.clock.ahead += LONG_S + 0.1
    raise AssertionError(room.said(channel))


async def test_an_overtaken_card_is_next_and_not_last_again(room: Room) -> None:
    courier = room.new_courier(rates=Rates(channel_s=STEP_S, workspace_s=0.0))
    for number in range(CARDS):
        await room.propose(args={"number": number})
    looks = 0
    while len(room.said("C0APPR")) < CARDS:
        await courier.sweep()
        room.clock.ahead += LOOK_S
        looks += 1
        assert looks < 100
    # A sweep every 7 s finds a channel that takes a card every 10 s free every 14 s.
    assert looks * LOOK_S <= CARDS * 2 * LOOK_S + STEP_S


async def test_a_card_goes_at_its_turn_and_not_at_the_next_sweep(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second lost on each of two hundred cards would delay the last by minutes."""
    monkeypatch.setattr(couriers, "INTERVAL_S", 600.0)
    courier = room.new_courier(rates=Rates(channel_s=0.2, workspace_s=0.0))
    for number in range(6):
        await room.propose(args={"number": number})
    room.clock.run()
    async with running(courier):
        await until(lambda: len(room.said("C0APPR")) == 6)


async def test_a_tier_3_card_overtakes_tier_2_cards_that_wait_for_the_pace(room: Room) -> None:
    courier = room.new_courier(rates=Rates(channel_s=LONG_S, workspace_s=0.0))
    for number in range(12):
        await room.propose("mail.send", args={"id": number}, agent=f"a{number}")
    await until_said(room, courier, "C0APPR", 2)
    await room.propose("data.delete", args={"id": "three"})
    await until_said(room, courier, "C0APPR", 6)
    tiers = [words[:23] for words in room.said("C0APPR")]
    assert tiers.index("Approval wanted, Tier 3") <= 4


async def test_an_urgent_notice_overtakes_cards_that_go_to_the_same_channel(room: Room) -> None:
    room.slack.state.change_channel("C0APPR", is_archived=True)
    courier = room.new_courier(rates=Rates(channel_s=LONG_S, workspace_s=0.0))
    for number in range(12):
        await room.propose("mail.send", args={"id": number}, agent=f"a{number}")
    await until_said(room, courier, "C0ADMIN", 3)
    await room.membrane.admins.tell(Notice(Subject.CLOCK_PULLED_BACK, "URGENT", "here", "Nothing."))
    await until_said(room, courier, "C0ADMIN", 7)
    assert next(place for place, words in enumerate(room.said("C0ADMIN")) if "URGENT" in words) <= 6


async def test_invariant_18_nobodys_flood_delays_somebody_elses_tier_3(room: Room) -> None:
    """One agent wants 60 cards of each tier, and another asks once. Only the order in Slack counts."""
    room.in_force.append(policy(open_per_agent=500))
    courier = room.new_courier(rates=Rates(channel_s=STEP_S, workspace_s=0.0))
    for number in range(60):
        await room.propose("mail.send", args={"id": number}, agent="flood")
        await room.propose("data.delete", args={"id": number}, agent="flood")
    for _ in range(3):
        await courier.sweep()
        room.clock.ahead += STEP_S
    before = len(room.said("C0APPR"))
    quiet = await room.propose("data.delete", args={"id": "quiet"}, agent="quiet")
    mail = await room.propose("mail.send", args={"id": "quiet"}, agent="quiet")
    for _ in range(2):
        await courier.sweep()
        room.clock.ahead += STEP_S
    assert len(room.said("C0APPR")) == before + 2
    card = await room.card(quiet)
    assert card.ts is not None, "the Tier 3 card is among the next two"
    room.clock.ahead += 260
    await room.membrane.deadlines.page_due()
    for _ in range(2):
        await courier.sweep()
        room.clock.ahead += STEP_S
    assert [row for row in await room.rows(quiet) if row.kind == "page" and row.ts is not None]
    assert (await room.card(mail)).ts is None, "a card of a lower tier waits for the flood's Tier 3"


async def test_agents_take_turns_among_cards_that_can_wait(room: Room) -> None:
    room.in_force.append(policy(open_per_agent=500))
    courier = room.new_courier(rates=Rates(channel_s=STEP_S, workspace_s=0.0))
    for number in range(40):
        await room.propose("mail.send", args={"id": number}, agent="flood")
    quiet = [await room.propose("mail.send", args={"id": number}, agent="quiet") for number in range(2)]
    for _ in range(4):
        await courier.sweep()
        room.clock.ahead += STEP_S
    assert all([(await room.card(each)).ts is not None for each in quiet])
