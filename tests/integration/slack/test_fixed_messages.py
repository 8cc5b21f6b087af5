"""Messages that cannot be edited any more keep no outdated button."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from bot.slack.outbound.sender import Sender
from tests.fakes import ADA, CLEO
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import paged, until_quiet, vote
from tests.unit.slack.reading import read


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "rate_limit", "retry_after": 1},
        {"kind": "http", "status": 503},
        {"kind": "drop"},
        {"kind": "drop", "after": True},
        {"kind": "error", "error": "internal_error", "after": True},
    ],
)
@pytest.mark.parametrize("error", ["edit_window_closed", "cant_update_message"])
async def test_the_old_card_goes_although_its_deletion_fails_at_first(
    room: Room, error: str, trouble: Any
) -> None:
    standing = await room.propose()
    await until_quiet(room)
    room.slack.faults.arm(method="chat.update", kind="error", error=error)
    room.slack.faults.arm(method="chat.delete", **trouble)
    await vote(room, standing)
    for _ in range(5):
        await until_quiet(room)
        room.clock.ahead += 10
    assert len(room.said("C0APPR")) == 1
    assert "✅ Approved" in read(room.blocks("C0APPR"))


async def test_a_card_that_may_not_even_be_deleted_is_posted_again(room: Room) -> None:
    standing = await room.propose()
    await until_quiet(room)
    room.slack.faults.arm(method="chat.update", kind="error", error="edit_window_closed")
    room.slack.faults.arm(method="chat.delete", kind="error", error="cant_delete_message")
    await vote(room, standing)
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 2
    assert "✅ Approved" in read(room.blocks("C0APPR"))


def not_editable(room: Room) -> None:
    """Make messages in DMs uneditable."""
    room.slack.faults.arm(
        method="chat.update",
        kind="error",
        error="edit_window_closed",
        times=1000,
        when=lambda args: args["channel"] != "C0APPR",
    )


async def test_an_uneditable_page_is_deleted_with_the_outcome(room: Room) -> None:
    standing = await paged(room)
    await until_quiet(room)
    not_editable(room)
    await vote(room, standing)
    await until_quiet(room)
    assert room.said(room.dm(ADA)) == []
    assert "✅ Approved" in read(room.blocks("C0APPR"))


async def test_an_uneditable_page_stays_while_its_review_is_open(room: Room) -> None:
    standing = await paged(room)
    await until_quiet(room)
    not_editable(room)
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    await until_quiet(room)
    assert len(room.said(room.dm(ADA))) == 1
    assert "[Approve]" in read(room.blocks(room.dm(ADA)))
    assert not await room.waits(3600)
    await vote(room, standing)
    await until_quiet(room)
    assert room.said(room.dm(ADA)) == []


async def test_a_requesters_message_that_cannot_be_edited_is_replaced(room: Room) -> None:
    standing = await room.propose(on_behalf_of=ADA)
    await vote(room, standing)
    await until_quiet(room)
    assert "approved" in read(room.blocks(room.dm(ADA))).lower()
    not_editable(room)
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    await room.membrane.reports.record(standing.action.id, executed=True)
    await until_quiet(room)
    assert len(room.said(room.dm(ADA))) == 1
    assert "Executed" in read(room.blocks(room.dm(ADA)))


async def test_a_notice_whose_post_was_in_doubt_stays(room: Room) -> None:
    """The bot finds the notice in the channel with the right text, so it does not give up."""
    room.slack.faults.arm(method="chat.postMessage", kind="drop", after=True)
    not_editable(room)
    await room.notice("#membrane-admin", "hello", key="k")
    for _ in range(5):
        await until_quiet(room)
        room.clock.ahead += 10
    entries = await room.db.read(journal_events)
    assert "message.posted" in entries
    assert "message.given_up" not in entries


def journal_events(connection: Connection) -> list[str]:
    return [row[0] for row in connection.exec_driver_sql("SELECT event FROM journal ORDER BY id")]


async def test_a_deletion_that_takes_too_long_keeps_why_the_card_is_replaced(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        raise TimeoutError

    standing = await room.propose()
    await until_quiet(room)
    room.slack.faults.arm(method="chat.update", kind="error", error="edit_window_closed")
    with monkeypatch.context() as patch:
        patch.setattr(Sender, "_delete", hang)
        await vote(room, standing)
        await until_quiet(room)
    card = await room.card(standing)
    assert (card.error, card.unsure_since) == ("edit_window_closed", None)
    room.clock.ahead += 61
    await until_quiet(room)
    assert "✅ Approved" in read(room.blocks("C0APPR"))
