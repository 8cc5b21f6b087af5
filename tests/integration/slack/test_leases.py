"""A worker that freezes for longer than its lease changes nothing when it comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.domain.message_steps import GiveUp, Outcome, Place, PostAgain, Readdress, Release, Show, Wait
from bot.localslack.faults import HELD
from bot.membrane import Membrane
from tests.fakes import CLEO, SECRET
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import landed, until_quiet, vote
from tests.integration.slack.test_courier_races import called
from tests.unit.slack.reading import read


def another(room: Room) -> Room:
    """The same room with a worker of its own, as a second bot on the database has."""
    membrane = Membrane(room.db, lambda: room.in_force[-1], room.people, secret=SECRET, clock=room.clock)
    return replace(room, membrane=membrane)


@pytest.mark.parametrize("looks_before", [0, 3])
async def test_a_card_that_a_frozen_worker_posts_late_is_there_once_and_shows_the_outcome(
    room: Room, looks_before: int
) -> None:
    """It froze before its post, for more than a minute, and another worker posted the card meanwhile.

    That worker looks for late copies for a while. Afterwards only the frozen one can know of its own.
    """
    room.slack.faults.arm(method="chat.postMessage", kind="delay", seconds=HELD)
    frozen = room.new_courier()
    standing = await room.propose()
    sweeping = asyncio.create_task(frozen.sweep())
    await called(room, "chat.postMessage")
    room.clock.ahead += 61
    second = another(room)
    thawed = second.new_courier()
    await until_quiet(room, thawed)
    assert len(room.said("C0APPR")) == 1
    for _ in range(looks_before):
        room.clock.ahead += 61
        await until_quiet(room, thawed)
    posted = await room.card(standing)
    await landed(room)
    await sweeping
    assert await room.card(standing) == posted, "the frozen worker changes nothing"
    for _ in range(3):
        room.clock.ahead += 61
        await until_quiet(room, thawed)
        await until_quiet(room, frozen)
    await vote(room, standing)
    await until_quiet(room, thawed)
    assert len(room.said("C0APPR")) == 1
    assert "✅ Approved" in read(room.blocks("C0APPR"))


OUTCOMES = [
    Release(),
    Place(channel_id="C0INC", ts="9.9", version=1),
    Show(ts="1.1", version=1, again_at=0.0),
    Wait(at=0.0, error="late"),
    PostAgain(seen="1.1", error="late"),
    Readdress(recipient="#incidents", at=0.0, error="late"),
    GiveUp(error="late", closed=True),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
@pytest.mark.parametrize("taken", [True, False])
async def test_no_outcome_is_kept_once_the_lease_has_ended(room: Room, outcome: Outcome, taken: bool) -> None:
    standing = await room.propose()
    (card,) = await room.membrane.outbox.lease(10)
    room.clock.ahead += 61
    if taken:
        await another(room).membrane.outbox.lease(10)
    before, events = await room.card(standing), await journal(room)
    assert await room.membrane.outbox.apply(card.id, outcome) is None
    assert await room.membrane.outbox.attempting(card.id) is None
    assert await room.card(standing) == before
    assert await journal(room) == events


async def test_no_outcome_is_kept_after_a_new_start_took_over(room: Room) -> None:
    standing = await room.propose()
    (card,) = await room.membrane.outbox.lease(10)
    await another(room).membrane.take_over()
    assert await room.membrane.outbox.apply(card.id, GiveUp(error="late")) is None
    assert (await room.card(standing)).given_up_at is None


async def test_a_redraw_of_a_frozen_worker_does_not_stay_over_a_newer_one(room: Room) -> None:
    """The next worker cannot know whether the frozen one still redraws the card, so it redraws twice."""
    standing = await room.propose()
    await until_quiet(room)
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    assert len(await room.membrane.outbox.lease(10)) == 1
    old = room.blocks("C0APPR")
    room.clock.ahead += 61
    await vote(room, standing)
    second = another(room).new_courier()
    await second.sweep()
    card = await room.card(standing)
    await room.web.chat_update(channel="C0APPR", ts=str(card.ts), text="an old state", blocks=old)
    await until_quiet(room, second)
    assert "✅ Approved" in read(room.blocks("C0APPR"))


async def journal(room: Room) -> int:
    return await room.db.read(
        lambda connection: int(connection.exec_driver_sql("SELECT count(*) FROM journal").scalar_one())
    )
