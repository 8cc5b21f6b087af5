"""Slack refuses some messages even in their short form. The bot still forgets no open question."""

from __future__ import annotations

from tests.fakes import ADA, CLEO
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import until_quiet, vote
from tests.unit.slack.reading import read


async def test_a_card_whose_redraw_is_too_long_once_still_shows_the_outcome(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    room.slack.faults.arm(method="chat.update", kind="error", error="msg_blocks_too_long", times=2)
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    await until_quiet(room)
    await vote(room, standing)
    await until_quiet(room)
    text = read(room.blocks("C0APPR"))
    assert "[Approve]" not in text


async def test_a_page_whose_redraw_is_too_long_loses_its_buttons(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    await until_quiet(room)
    room.slack.faults.arm(
        method="chat.update",
        kind="error",
        error="msg_blocks_too_long",
        times=2,
        when=lambda args: args["channel"] == room.dm(ADA),
    )
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    await until_quiet(room)
    await vote(room, standing)
    await until_quiet(room)
    assert "[Approve]" not in read(room.blocks(room.dm(ADA)))


async def test_two_refused_posts_hide_no_card_for_ever(room: Room) -> None:
    room.slack.faults.arm(
        method="chat.postMessage",
        kind="error",
        error="invalid_blocks",
        times=2,
        when=lambda args: args["channel"] == "C0APPR",
    )
    standing = await room.propose()
    await until_quiet(room)
    assert standing.review
    for _ in range(5):
        room.clock.ahead += 60
        await room.membrane.auditor.audit()
        await room.courier.sweep()
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    courier = room.new_courier()
    await room.membrane.take_over()
    await until_quiet(room, courier)
    assert len(room.said("C0APPR")) == 1


async def test_the_admins_are_told_of_each_card_that_is_too_long(room: Room) -> None:
    room.slack.faults.arm(
        method="chat.postMessage",
        kind="error",
        error="msg_blocks_too_long",
        times=1000,
        when=lambda args: args["channel"] == "C0APPR",
    )
    for number in range(2):
        standing = await room.propose(args={"id": number}, agent=f"agent-{number}")
        await until_quiet(room)
        assert standing.review
        assert standing.review.id in room.said("C0ADMIN")[-1]
    room.clock.ahead += 301
    found = [finding.text for finding in await room.membrane.auditor.audit()]
    assert any(text.startswith("2 cards and pages have not reached Slack") for text in found)
    assert await room.courier.behind_s() > 300
    room.slack.faults.clear()
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 2
