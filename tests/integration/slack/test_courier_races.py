"""Races with the courier's sends and clean-up: an outcome, a clock leap, a kill, a late copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot.domain.message_record import Message
from bot.domain.message_steps import PostAgain
from bot.localslack import LocalSlack
from bot.localslack.faults import HELD
from bot.membrane import CardFacts, Outbox
from bot.slack.outbound.pace import Rates
from tests.fakes import ADA, CLEO, attempting
from tests.integration.slack.conftest import SEED, Room
from tests.integration.slack.test_courier_faults import (
    STEP_S,
    in_doubt,
    landed,
    paged,
    until_quiet,
    vote,
)
from tests.unit.slack.reading import read
from tests.waiting import patience, until


async def two_copies(room: Room, kind: str = "data.delete") -> tuple[Any, str]:
    """Post a card twice: the first post lands between the look-up and the second post."""
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD)
    room.slack.faults.arm(method="chat.postMessage", kind="delay", seconds=HELD)
    standing = await room.propose(kind)
    conversation = room.slack.state.conversations["C0APPR"]
    sweeping = asyncio.create_task(sweep_until(room, lambda: len(conversation.messages) == 2))
    await called(room, "chat.postMessage", 2)
    room.slack.faults.release()
    await sweeping
    return standing, min(conversation.messages, key=float)


async def called(room: Room, method: str, times: int = 1) -> None:
    """Wait until a method was called that many times."""
    await until(lambda: len(room.slack.calls.of(method)) >= times)


async def sweep_until(room: Room, condition: Callable[[], object]) -> None:
    """Sweep and advance the room's clock until a condition is true."""
    async with patience():
        while not condition():
            await room.courier.sweep()
            room.clock.ahead += STEP_S


def approved(room: Room) -> bool:
    """Whether the card shows that it was approved."""
    return "✅ Approved" in read(room.blocks("C0APPR"))


async def test_a_page_overtaken_by_its_outcome_leaves_no_message_due(room: Room) -> None:
    """The review is decided while the page to the second person waits for Slack's pace."""
    courier = room.new_courier(rates=Rates(channel_s=0.0, workspace_s=5.0, update_s=0.0))
    standing = await room.propose()
    await courier.sweep()
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    await courier.sweep()
    await vote(room, standing)
    for _ in range(10):
        room.clock.ahead += 6
        await courier.sweep()
    room.clock.ahead += 3600
    await courier.sweep()
    assert await courier.behind_s() < 60


async def test_a_late_copy_is_cleared_although_slack_was_busy_during_the_check(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD)
    await room.propose()
    await until_quiet(room)
    await landed(room)
    room.slack.faults.arm(method="conversations.history", kind="rate_limit", retry_after=1, times=1)
    room.clock.ahead += 1
    await until_quiet(room)
    room.slack.faults.clear()
    for _ in range(20):
        room.clock.ahead += 30
        await until_quiet(room)
    assert len(room.said("C0APPR")) == 1, await in_doubt(room)


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_kill_while_copies_are_cleared_leaves_one_live_copy(
    room: Room, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    standing, first = await two_copies(room)
    assert (await room.card(standing)).ts != first
    posted = Outbox._posted

    async def dying(*args: Any, **more: Any) -> None:
        if side == "after":
            await posted(*args, **more)
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "_posted", dying)
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


async def test_a_redraw_of_a_copy_being_deleted_posts_no_third_copy(room: Room) -> None:
    standing, first = await two_copies(room, "release.sign")
    assert (await room.card(standing)).ts != first
    room.slack.faults.arm(method="chat.update", kind="delay", seconds=HELD)
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    room.clock.run()
    running = asyncio.create_task(room.courier.run())
    await called(room, "chat.update")
    await called(room, "chat.delete")
    room.slack.faults.release()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    for _ in range(10):
        room.clock.ahead += 61
        await until_quiet(room)
    assert len(room.said("C0APPR")) == 1


async def test_a_leap_of_the_clock_sends_nothing_twice(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock ends the lease while the post is still under way."""
    room.slack.faults.arm(method="chat.postMessage", kind="delay", seconds=HELD)
    courier = room.new_courier()
    room.clock.run()
    running = asyncio.create_task(courier.run())
    await room.propose()
    await called(room, "chat.postMessage")
    lease, looked = Outbox.lease, asyncio.Semaphore(0)

    async def looking(*args: Any, **more: Any) -> Any:
        found = await lease(*args, **more)
        looked.release()
        return found

    monkeypatch.setattr(Outbox, "lease", looking)
    room.clock.ahead += 3600
    for _ in range(3):
        await looked.acquire()
    room.slack.faults.release()
    await until_quiet(room, courier)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(room.slack.calls.of("chat.postMessage")) == 1


async def test_a_new_channel_with_the_same_name_is_found(room: Room) -> None:
    await room.propose()
    await until_quiet(room)
    room.slack.state.change_channel("C0APPR", is_archived=True, name="agent-approvals-old")
    room.slack.state.change_channel("C0INC", name="agent-approvals")
    for n in range(3):
        room.clock.ahead += 400
        await room.propose(args={"n": n})
        await until_quiet(room)
    assert any(text.startswith("Approval wanted") for text in room.said("C0INC"))


async def test_a_message_posted_elsewhere_meanwhile_is_not_lost(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    card: Message = await room.card(standing)
    assert await room.membrane.outbox.apply(card.id, PostAgain(seen="1.0", error="gone"), leased=False)
    assert (await room.card(standing)).ts == card.ts


async def test_the_courier_stops_looking_for_a_copy_that_cannot_be_deleted(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD)
    await room.propose()
    await until_quiet(room)
    await landed(room)
    room.slack.faults.arm(method="chat.delete", kind="error", error="cant_delete_message", times=1000)
    for _ in range(20):
        room.clock.ahead += 30
        await until_quiet(room)
    assert await in_doubt(room) == []


async def test_a_page_is_not_sent_when_the_outcome_comes_just_before(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = await paged(room)
    attempting = room.membrane.outbox.attempting

    async def overtaken(message_id: str, **more: Any) -> Any:
        if (await room.membrane.proposals.standing(standing.action.id)).review.pending:  # type: ignore[union-attr]
            await vote(room, standing)
        return await attempting(message_id, **more)

    monkeypatch.setattr(room.membrane.outbox, "attempting", overtaken)
    await until_quiet(room)
    assert not room.dm(ADA) or room.said(room.dm(ADA)) == []
    assert all(row.due_at is None for row in await room.rows(standing))


async def test_an_attempt_draws_the_state_that_it_recorded(room: Room) -> None:
    """One read serves the record and the drawing, so a page never shows a later outcome."""
    page = next(row for row in await room.rows(await paged(room)) if row.kind == "page")
    facts = await attempting(room.membrane, page.id)
    assert isinstance(facts, CardFacts)
    assert facts.review.pending
    assert facts.message.attempt_at is not None


async def test_a_post_in_doubt_is_searched_for_although_the_last_post_was_refused(room: Room) -> None:
    """The first post is in doubt, the second gets a 429, and meanwhile the first one lands."""
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD)
    room.slack.faults.arm(method="chat.postMessage", kind="rate_limit", retry_after=2)
    await room.propose()
    await sweep_until(room, lambda: len(room.slack.calls.of("chat.postMessage")) == 2)
    await landed(room, 1)
    room.clock.ahead += 2
    await until_quiet(room)
    assert len(room.slack.calls.of("chat.postMessage")) == 2
    assert len(room.said("C0APPR")) == 1


async def test_a_clicked_card_is_redrawn_while_posts_are_slow(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    room.slack.faults.arm(method="chat.postMessage", kind="delay", seconds=HELD, times=1000)
    for number in range(14):
        await room.propose(agent=f"agent-{number}")
    room.clock.run()
    running = asyncio.create_task(room.new_courier().run())
    await called(room, "chat.postMessage", 13)
    await vote(room, standing)
    await until(lambda: approved(room))
    assert len(room.said("C0APPR")) == 1, "the other posts are still under way"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_late_redraw_does_not_stay_over_the_outcome(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    room.slack.faults.arm(method="chat.update", kind="lands_late", seconds=HELD)
    await room.courier.sweep()
    await vote(room, standing)
    await sweep_until(room, lambda: approved(room))
    room.slack.faults.release()
    await until_quiet(room)
    assert "✅ Approved" in read(room.blocks("C0APPR"))


async def test_a_redraw_under_way_at_a_kill_does_not_stay_over_the_outcome(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    assert len(await room.membrane.outbox.lease(10)) == 1
    old = room.blocks("C0APPR")
    await room.membrane.take_over()
    await vote(room, standing)
    courier = room.new_courier()
    await courier.sweep()
    card = await room.card(standing)
    await room.web.chat_update(channel="C0APPR", ts=str(card.ts), text="an old state", blocks=old)
    await until_quiet(room, courier)
    assert "✅ Approved" in read(room.blocks("C0APPR"))
    assert not await room.waits(3600), "no further redraw is due"


class TestAnotherClock:
    """The bot's clock is ahead of Slack's, as after the machine's clock was set back."""

    @pytest.fixture
    async def slack(self) -> AsyncIterator[LocalSlack]:
        async with LocalSlack(SEED, rate_scale=None, retry_scale=0) as server:
            yield server

    async def test_a_post_in_doubt_is_found(self, room: Room) -> None:
        room.clock.ahead = 3600
        room.slack.faults.arm(method="chat.postMessage", kind="drop", after=True)
        await room.propose()
        for _ in range(10):
            await room.courier.sweep()
            room.clock.ahead += 60
        assert len(room.said("C0APPR")) == 1
        assert len(room.slack.calls.of("chat.postMessage")) == 1
