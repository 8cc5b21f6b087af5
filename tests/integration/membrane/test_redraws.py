"""A message is redrawn by urgency: a click shows at once, whatever else changes the card."""

from __future__ import annotations

from bot.domain.message_order import Priority
from bot.domain.message_record import Message
from bot.domain.record import Standing
from tests.fakes import CLEO, placed, put_off, redrawn
from tests.integration.membrane.conftest import Room


async def posted(room: Room, kind: str = "data.delete") -> Standing:
    """Return a review whose card is shown."""
    standing = await room.membrane.proposals.propose(room.action(kind))
    (card,) = await room.membrane.outbox.lease(10)
    await placed(room.membrane, card.id, version=card.wanted)
    return standing


async def card_of(room: Room, standing: Standing) -> Message:
    assert standing.review
    (card,) = [each for each in await room.messages(standing.review.id) if each.kind == "card"]
    return card


async def approve(room: Room, standing: Standing) -> None:
    review = standing.review
    assert review
    await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)


async def test_consequences_of_a_click_do_not_postpone_its_redraw(room: Room) -> None:
    standing = await posted(room)
    await approve(room, standing)
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    await room.membrane.reports.record(standing.action.id, executed=True)
    card = await card_of(room, standing)
    assert (card.priority, card.wanted, card.shown) == (Priority.CLICKED, 4, 1)


async def test_a_click_overtakes_a_postponed_redraw(room: Room) -> None:
    standing = await posted(room, "release.sign")
    room.clock.forward(1001)
    await room.membrane.deadlines.expire_due()
    card = await card_of(room, standing)
    assert card.priority == Priority.REDRAW
    await room.membrane.outbox.lease(10)
    await put_off(room.membrane, card.id, room.clock() + 30)
    await approve(room, standing)
    card = await card_of(room, standing)
    assert (card.priority, card.due_at) == (Priority.CLICKED, room.clock())


async def test_another_change_does_not_hurry_a_postponed_redraw(room: Room) -> None:
    standing = await posted(room)
    await approve(room, standing)
    card = await card_of(room, standing)
    turn = room.clock() + 5
    await room.membrane.outbox.lease(10)
    await put_off(room.membrane, card.id, turn)
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    card = await card_of(room, standing)
    assert (card.priority, card.due_at) == (Priority.CLICKED, turn)


async def test_a_new_redraw_does_not_inherit_the_urgency_of_the_last(room: Room) -> None:
    standing = await posted(room)
    await approve(room, standing)
    card = await card_of(room, standing)
    await room.membrane.outbox.lease(10)
    await redrawn(room.membrane, card)
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    assert (await card_of(room, standing)).priority == Priority.REDRAW


async def test_a_card_that_is_not_posted_yet_keeps_its_place_in_the_queue(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("money.wire"))
    await approve(room, standing)  # one of two
    card = await card_of(room, standing)
    assert (card.priority, card.due_at, card.shown) == (Priority.CARD_3, room.clock(), 0)
