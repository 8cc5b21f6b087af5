"""A channel that was closed to the bot and is open again keeps no old message and lacks no new one."""

from __future__ import annotations

import pytest

from tests.fakes import ADA, CLEO
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import paged, until_quiet, vote
from tests.unit.slack.reading import read


async def later(room: Room, seconds: float = 301.0) -> None:
    room.clock.ahead += seconds
    await until_quiet(room)
    await until_quiet(room)


@pytest.mark.parametrize("error", ["is_archived", "not_in_channel", "channel_not_found", "no_permission"])
async def test_an_outcome_during_a_closed_channel_is_shown_afterwards(room: Room, error: str) -> None:
    standing = await room.propose()
    await until_quiet(room)
    room.slack.faults.arm(method="chat.update", kind="error", error=error, times=2)
    await vote(room, standing)
    await until_quiet(room)
    assert "[Approve]" in read(room.blocks("C0APPR"))
    assert await room.courier.behind_s() < 1, "a decided card does not count as late"
    for _ in range(4):
        await later(room, 1200.0)
    assert "✅ Approved" in read(room.blocks("C0APPR"))
    assert len(room.said("C0APPR")) == 1
    assert room.said("C0ADMIN") == []
    assert await room.membrane.outbox.leftovers() == []


async def test_the_copy_of_a_card_that_went_elsewhere_is_deleted(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    room.slack.state.change_channel("C0APPR", is_archived=True)
    room.slack.faults.arm(method="chat.delete", kind="error", error="channel_not_found")
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    await until_quiet(room)
    assert (await room.card(standing)).channel_id == "C0ADMIN"
    await later(room)
    assert len(room.said("C0APPR")) == 1, "the channel is still closed"
    room.slack.state.change_channel("C0APPR", is_archived=False)
    await vote(room, standing)
    await later(room, 700.0)
    assert room.said("C0APPR") == []
    shown = [read(each.blocks or []) for each in room.slack.state.conversations["C0ADMIN"].messages.values()]
    assert any("✅ Approved" in words for words in shown)
    await later(room, 90 * 60.0)
    calls = len(room.slack.calls.of("chat.delete"))
    await later(room, 90 * 60.0)
    assert len(room.slack.calls.of("chat.delete")) == calls, "the copy needs no further call"


async def test_a_page_to_somebody_who_was_away_loses_its_buttons(room: Room) -> None:
    standing = await paged(room)
    await until_quiet(room)
    room.slack.faults.arm(
        method="chat.update",
        kind="error",
        error="user_disabled",
        times=1,
        when=lambda args: args["channel"] == room.dm(ADA),
    )
    await vote(room, standing)
    await until_quiet(room)
    assert "[Approve]" in read(room.blocks(room.dm(ADA)))
    await later(room)
    assert "[Approve]" not in read(room.blocks(room.dm(ADA)))


async def test_a_place_that_stays_closed_is_tried_ever_more_rarely_and_at_last_left(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    room.slack.state.change_channel("C0APPR", is_archived=True)
    await vote(room, standing)
    await until_quiet(room)
    for _ in range(60):
        await later(room, 0.5 * 86_400)
    tried = len(room.slack.calls.of("chat.update"))
    assert tried < 20
    for _ in range(10):
        await later(room, 3 * 86_400)
    assert len(room.slack.calls.of("chat.update")) <= tried + 1


@pytest.mark.parametrize("kind", ["data.delete", "mail.send"])
async def test_a_card_that_somebody_deleted_comes_back_with_the_next_page(room: Room, kind: str) -> None:
    standing = await room.propose(kind)
    await until_quiet(room)
    card = await room.card(standing)
    await room.web.chat_delete(channel="C0APPR", ts=str(card.ts))
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 1
    assert "[Approve]" in read(room.blocks("C0APPR"))


async def test_the_card_of_a_halted_action_comes_back_with_the_next_digest(room: Room) -> None:
    standing = await room.propose("mail.send")
    await until_quiet(room)
    room.clock.ahead += 1001
    await room.membrane.deadlines.expire_due()
    await until_quiet(room)
    halted = await room.membrane.proposals.standing(standing.action.id)
    card = await room.card(halted)
    await room.web.chat_delete(channel="C0APPR", ts=str(card.ts))
    room.clock.ahead += 61
    assert await room.membrane.digests.make_due() == 1
    await until_quiet(room)
    assert "[Approve]" in read(room.blocks("C0APPR"))
    assert (await room.card(halted)).ts != card.ts
