"""What comes in between while the courier sends and clears up: an outcome, a leap, a kill, a copy."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.domain.record import Message
from bot.membrane import Outbox
from bot.slack.pace import Rates
from tests.fakes import CLEO
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import in_doubt, until_quiet, vote
from tests.unit.slack.reading import read


async def two_copies(room: Room, kind: str = "data.delete") -> tuple[Any, str]:
    """Post a card twice: the first post lands between the look-up and the second one."""
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=0.75)
    room.slack.faults.arm(method="chat.postMessage", kind="delay", seconds=0.6)
    standing = await room.propose(kind)
    conversation = room.slack.state.conversations["C0APPR"]
    async with asyncio.timeout(5):
        while len(conversation.messages) < 2:
            await room.courier.sweep()
            await asyncio.sleep(0.01)
    return standing, min(conversation.messages, key=float)


async def test_a_page_that_its_outcome_overtook_leaves_nobody_behind(room: Room) -> None:
    """The second of two people waits for Slack's pace when the review is decided: nothing is owed."""
    courier = room.new_courier(rates=Rates(channel_s=0.0, workspace_s=5.0, update_s=0.0))
    standing = await room.propose()
    await courier.sweep()
    room.clock.ahead += 300
    await room.membrane.page_due()
    await courier.sweep()
    await vote(room, standing)
    for _ in range(10):
        room.clock.ahead += 6
        await courier.sweep()
    room.clock.ahead += 3600
    await courier.sweep()
    assert await courier.behind_s() < 60


async def test_a_late_copy_is_cleared_although_slack_was_busy_at_the_look(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=0.7)
    await room.propose()
    await until_quiet(room)
    await asyncio.sleep(0.5)
    assert len(room.said("C0APPR")) == 2
    room.slack.faults.arm(method="conversations.history", kind="rate_limit", retry_after=1, times=1)
    room.clock.ahead += 1
    await until_quiet(room)
    room.slack.faults.clear()
    for _ in range(20):
        room.clock.ahead += 30
        await until_quiet(room)
    assert len(room.said("C0APPR")) == 1, await in_doubt(room)


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_kill_while_copies_are_cleared_leaves_one_that_is_kept_up(
    room: Room, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    standing, first = await two_copies(room)
    assert (await room.card(standing)).ts != first
    posted = Outbox.posted

    async def dying(*args: Any, **more: Any) -> None:
        if side == "after":
            await posted(*args, **more)
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "posted", dying)
        room.clock.ahead += 1
        with pytest.raises(asyncio.CancelledError):
            await room.courier.sweep()
    courier = room.new_courier()
    for _ in range(5):
        room.clock.ahead += 61
        await until_quiet(room, courier)
    await vote(room, standing)
    await until_quiet(room, courier)
    assert len(room.said("C0APPR")) == 1
    assert "✅ Approved" in read(room.blocks("C0APPR"))


async def test_a_redraw_on_its_way_to_a_copy_that_is_deleted_posts_no_third(room: Room) -> None:
    standing, first = await two_copies(room, "release.sign")
    assert (await room.card(standing)).ts != first
    room.slack.faults.arm(method="chat.update", kind="delay", seconds=0.8)
    await room.membrane.acknowledge(standing.review.id, CLEO)
    running = asyncio.create_task(room.courier.run())
    await asyncio.sleep(2.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for _ in range(10):
        room.clock.ahead += 61
        await until_quiet(room)
    assert len(room.said("C0APPR")) == 1


async def test_a_leap_of_the_clock_sends_nothing_twice(room: Room) -> None:
    """Its lease is over by the clock, and the post is still under way."""
    room.slack.faults.arm(method="chat.postMessage", kind="delay", seconds=1.0)
    running = asyncio.create_task(room.courier.run())
    await room.propose()
    while not room.slack.calls.of("chat.postMessage"):
        await asyncio.sleep(0.01)
    room.clock.ahead += 3600
    await asyncio.sleep(2.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(room.slack.calls.of("chat.postMessage")) == 1


async def test_a_channel_made_anew_under_its_name_is_found(room: Room) -> None:
    await room.propose()
    await until_quiet(room)
    room.slack.state.change_channel("C0APPR", is_archived=True, name="agent-approvals-old")
    room.slack.state.change_channel("C0INC", name="agent-approvals")
    for n in range(3):
        room.clock.ahead += 400
        await room.propose(args={"n": n})
        await until_quiet(room)
    assert any(text.startswith("Approval wanted") for text in room.said("C0INC"))


async def test_what_is_elsewhere_by_now_is_not_lost(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    card: Message = await room.card(standing)
    await room.membrane.outbox.lost(card.id, "1.000000")
    assert (await room.card(standing)).ts == card.ts


async def test_a_copy_that_slack_lets_nobody_delete_is_not_looked_for_for_ever(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=0.7)
    await room.propose()
    await until_quiet(room)
    await asyncio.sleep(0.5)
    assert len(room.said("C0APPR")) == 2
    room.slack.faults.arm(method="chat.delete", kind="error", error="cant_delete_message", times=1000)
    for _ in range(20):
        room.clock.ahead += 30
        await until_quiet(room)
    assert await in_doubt(room) == []


async def test_what_is_taken_up_while_it_is_asked_how_far_behind_it_is_counts(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.slack.faults.arm(method="*", kind="error", error="token_revoked", times=100)
    owed = room.membrane.outbox.owed

    async def slow(ids: Any) -> set[str]:
        found = await owed(ids)
        await room.propose()
        await room.courier.sweep()
        return found

    monkeypatch.setattr(room.membrane.outbox, "owed", slow)
    await room.courier.behind_s()
    monkeypatch.undo()
    room.clock.ahead += 200
    await room.courier.sweep()
    assert await room.courier.behind_s() >= 199
