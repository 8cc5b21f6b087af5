"""A worker leases its work for a while; the next start takes over the leases of a dead bot."""

from __future__ import annotations

import pytest

from bot.membrane import Membrane
from tests.fakes import SECRET, put_off
from tests.integration.membrane.conftest import Room


@pytest.fixture
def another(room: Room) -> Membrane:
    """Return the bot after a kill and a new start."""
    return Membrane(room.db, lambda: room.in_force[-1], room.people, secret=SECRET, clock=room.clock)


async def test_leased_work_is_not_given_out_again_until_the_lease_ends(room: Room, another: Membrane) -> None:
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


async def test_a_new_start_sends_postponed_messages_even_after_the_clock_was_set_back(
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
