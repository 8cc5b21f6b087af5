"""When a review closes, its unsent card is dropped; a card that may have been posted shows the outcome."""

from __future__ import annotations

import pytest

from bot.domain.record import Standing
from bot.slack.outbound.pace import Rates
from tests.fakes import CLEO, GUS
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import until_quiet


async def close(room: Room, standing: Standing, how: str) -> None:
    assert standing.review is not None
    if how == "withdrawn":
        await room.membrane.proposals.withdraw(standing.action.id, why="no longer wanted")
    elif how == "rejected":
        digest = standing.review.args_digest
        await room.membrane.votes.cast(standing.review.id, CLEO, approve=False, args_digest=digest)
    else:
        room.clock.ahead += 2500  # also for one whose window starts when it is shown
        await room.membrane.deadlines.expire_due()


@pytest.mark.parametrize("how", ["withdrawn", "rejected", "expired"])
async def test_a_card_that_was_not_posted_when_its_review_closed_is_never_posted(
    room: Room, how: str
) -> None:
    standing = await room.propose()
    await close(room, standing, how)
    await until_quiet(room)
    assert room.said("C0APPR") == []
    card = await room.card(standing)
    assert (card.ts, card.due_at) == (None, None)
    assert await room.courier.behind_s() < 60
    closed = await room.membrane.proposals.standing(standing.action.id)
    assert closed.review is not None
    assert closed.review.state == how
    events = await room.db.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT CAST(body AS TEXT) FROM journal WHERE event = 'review.closed'"
        ).fetchall()
    )
    assert '"unsent":1' in events[0][0]


async def test_a_card_that_waits_for_slacks_pace_goes_when_its_review_closes(room: Room) -> None:
    courier = room.new_courier(rates=Rates(channel_s=60.0, workspace_s=0.0, update_s=0.0))
    first, second = await room.propose(), await room.propose(args={"id": 2})
    await courier.sweep()
    assert len(room.said("C0APPR")) == 1
    await close(room, second, "withdrawn")
    room.clock.ahead += 300
    await courier.sweep()
    assert len(room.said("C0APPR")) == 1
    assert (await room.card(first)).ts is not None
    assert (await room.card(second)).ts is None


async def test_a_halted_action_is_asked_on_its_new_card_alone(room: Room) -> None:
    standing = await room.propose("mail.send")
    await close(room, standing, "expired")
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 1
    halted = await room.membrane.proposals.standing(standing.action.id)
    assert (await room.card(halted)).ts is not None


async def test_a_card_that_may_have_been_posted_shows_how_its_review_ended(room: Room) -> None:
    """Slack takes the post and its answer is lost. The bot finds the copy, which then shows the outcome."""
    room.slack.faults.arm(method="chat.postMessage", kind="drop", after=True)
    standing = await room.propose()
    await room.courier.sweep()
    assert (await room.card(standing)).ts is None
    await close(room, standing, "withdrawn")
    await until_quiet(room)
    (said,) = room.said("C0APPR")
    assert "withdrawn" in said.lower() or "taken back" in said.lower()


async def test_a_post_that_slack_never_took_is_not_made_after_the_outcome(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="drop")
    standing = await room.propose()
    await room.courier.sweep()
    await close(room, standing, "withdrawn")
    await until_quiet(room)
    assert room.said("C0APPR") == []
    assert not await room.waits()


async def test_the_requester_is_told_of_a_withdrawal_only_if_the_card_was_posted(room: Room) -> None:
    unseen = await room.propose(on_behalf_of=GUS, owner=GUS)
    await close(room, unseen, "withdrawn")
    await until_quiet(room)
    assert not room.dm(GUS)
    seen = await room.propose(args={"id": 2}, on_behalf_of=GUS, owner=GUS)
    await until_quiet(room)
    await close(room, seen, "withdrawn")
    await until_quiet(room)
    assert len(room.said(room.dm(GUS))) == 1


async def test_the_requester_is_told_of_an_expiry_before_the_card_was_posted(room: Room) -> None:
    standing = await room.propose(on_behalf_of=GUS, owner=GUS)
    await close(room, standing, "expired")
    await until_quiet(room)
    assert len(room.said(room.dm(GUS))) == 1
