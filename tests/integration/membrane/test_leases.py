"""What a worker took belongs to it for a while; what a dead one held is taken over at the next start."""

from __future__ import annotations

import pytest

from bot.membrane import Membrane
from tests.fakes import SECRET, put_off
from tests.integration.membrane.conftest import Room


@pytest.fixture
def another(room: Room) -> Membrane:
    """The bot after it was killed and started again."""
    return Membrane(room.db, lambda: room.in_force[-1], room.people, secret=SECRET, clock=room.clock)


async def test_what_is_leased_is_not_given_out_again_until_the_lease_ends(
    room: Room, another: Membrane
) -> None:
    await room.membrane.proposals.propose(room.action("mail.send"))
    (card,) = await room.membrane.outbox.lease(10)
    assert await another.outbox.lease(10) == []
    room.clock.forward(61)
    assert [message.id for message in await another.outbox.lease(10)] == [card.id]


async def test_a_new_start_takes_over_the_messages_that_a_dead_bot_was_sending(
    room: Room, another: Membrane
) -> None:
    await room.membrane.proposals.propose(room.action("mail.send"))
    (card,) = await room.membrane.outbox.lease(10)
    await another.take_over()
    assert [message.id for message in await another.outbox.lease(10)] == [card.id]


async def test_a_new_start_sends_what_was_put_off_also_after_the_clock_was_set_back(
    room: Room, another: Membrane
) -> None:
    await room.membrane.proposals.propose(room.action("mail.send"))
    (card,) = await room.membrane.outbox.lease(10)
    await put_off(room.membrane, card.id, room.clock() + 30)
    room.clock.forward(-3600)
    await another.take_over()
    assert [message.id for message in await another.outbox.lease(10)] == [card.id]


async def test_a_new_start_takes_over_the_threads_that_a_dead_bot_was_starting(
    room: Room, another: Membrane
) -> None:
    await room.membrane.threads.start("refunds", {}, graph_version="1", agent="ops-agent")
    _, (thread,) = await room.membrane.threads.due(10)
    assert await another.threads.due(10) == ([], [])
    await another.take_over()
    assert [each.id for each in (await another.threads.due(10))[1]] == [thread.id]
