"""After Slack's 429 nobody calls the method until Retry-After has passed."""

from __future__ import annotations

from tests.fakes import ADA, BEN, CLEO, DIA, GUS
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import paged, until_quiet, vote


async def test_a_429_stops_the_listing_of_channels_for_the_next_message(room: Room) -> None:
    room.slack.faults.arm(method="users.conversations", kind="rate_limit", retry_after=30, times=1000)
    for number in range(10):
        await room.propose(args={"n": number})
    for _ in range(5):
        await room.courier.sweep()
        room.clock.ahead += 1
    assert len(room.slack.calls.of("users.conversations")) == 1
    room.slack.faults.clear()
    room.clock.ahead += 30
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 10


async def test_a_429_stops_the_opening_of_other_conversations(room: Room) -> None:
    room.slack.faults.arm(method="conversations.open", kind="rate_limit", retry_after=30, times=1000)
    for number, user in enumerate((ADA, BEN, CLEO, DIA, GUS)):
        await room.notice(user, "x", key=str(number))
        await room.courier.sweep()
    assert len(room.slack.calls.of("conversations.open")) == 1


async def test_the_pace_of_updates_counts_the_whole_workspace(room: Room) -> None:
    standing = await paged(room)
    await until_quiet(room)
    room.slack.faults.arm(method="chat.update", kind="rate_limit", retry_after=30, times=1000)
    before = len(room.slack.calls.of("chat.update"))
    await vote(room, standing)
    await room.courier.sweep()
    under_way = len(room.slack.calls.of("chat.update")) - before
    for _ in range(5):
        room.clock.ahead += 1
        await room.courier.sweep()
    assert len(room.slack.calls.of("chat.update")) - before == under_way <= 3
    room.slack.faults.clear()
    room.clock.ahead += 30
    await until_quiet(room)
    assert not await room.waits(3600)
