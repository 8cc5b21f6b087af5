"""The courier when Slack or a person in it interferes. Every fault is real, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.message import Timing
from bot.domain.record import Standing
from bot.localslack.faults import HELD
from bot.slack.identity import web_client
from bot.slack.outbound.courier import Courier
from bot.store import doubts
from tests.fakes import ADA, CLEO, DIA, attempting, policy
from tests.integration.slack.conftest import Room
from tests.unit.slack.reading import read
from tests.waiting import patience, until

STEP_S = 0.05
"""How far a room's clock moves between two sweeps."""
SLOW = Timing(settle_s=0.3, recheck_s=(30.0, 60.0))
"""A timing that looks for late copies long after a restart."""


async def until_quiet(room: Room, courier: Courier | None = None) -> None:
    """Sweep and advance the room's clock until nothing is due."""
    courier = courier or room.courier
    async with patience():
        while await courier.sweep() or await room.waits():
            room.clock.ahead += STEP_S


async def landed(room: Room, count: int = 2, channel: str = "C0APPR") -> None:
    """Let the held posts land, and wait until the channel has that many messages."""
    room.slack.faults.release()
    await until(lambda: len(room.said(channel)) >= count)


async def vote(room: Room, standing: Standing) -> None:
    assert standing.review
    digest = standing.action.args_digest
    await room.membrane.votes.cast(standing.review.id, CLEO, approve=True, args_digest=digest)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop"},
        {"kind": "http", "status": 502},
        {"kind": "error", "error": "internal_error"},
        {"kind": "error", "error": "fatal_error"},
    ],
)
async def test_an_ambiguous_post_makes_exactly_one_message(room: Room, fault: Any, after: bool) -> None:
    room.slack.faults.arm(method="chat.postMessage", after=after, **fault)
    standing = await room.propose()
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 1
    assert len(room.slack.calls.of("chat.postMessage")) == (1 if after else 2)
    assert (await room.card(standing)).shown == 1


async def test_a_timeout_is_ambiguous_too(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="delay", seconds=HELD, after=True)
    await room.propose()
    hasty = replace(room, web=web_client(room.slack.bot_token, room.slack.api_url, timeout_s=1))
    await hasty.new_courier().sweep()
    await until_quiet(room, room.new_courier())
    room.slack.faults.release()
    assert len(room.said("C0APPR")) == 1
    assert len(room.slack.calls.of("chat.postMessage")) == 1


async def test_a_bot_that_died_while_posting_finds_its_message_again(room: Room) -> None:
    standing = await room.propose()
    card = await room.card(standing)
    assert await attempting(room.membrane, card.id)
    room.slack.faults.arm(method="chat.postMessage", kind="drop", after=True)
    await room.courier.sweep()
    courier = room.new_courier()
    room.clock.ahead += 61
    await until_quiet(room, courier)
    assert len(room.said("C0APPR")) == 1


async def test_the_first_copy_stays_when_a_post_lands_late(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD)
    standing = await room.propose()
    await until_quiet(room)
    await landed(room)
    room.clock.ahead += 1
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 1
    card = await room.card(standing)
    assert next(iter(room.slack.state.conversations["C0APPR"].messages)) == card.ts
    await vote(room, standing)
    await until_quiet(room)
    assert "✅ Approved" in read(room.blocks("C0APPR"))


async def paged(room: Room) -> Standing:
    """Propose, post the card, and let its first page be wanted."""
    standing = await room.propose()
    await until_quiet(room)
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    return standing


async def test_a_page_that_was_found_again_loses_its_buttons_with_the_outcome(room: Room) -> None:
    standing = await paged(room)
    room.slack.faults.arm(method="chat.postMessage", kind="drop", after=True, times=3)
    await room.courier.sweep()
    room.slack.faults.arm(method="chat.update", kind="rate_limit", retry_after=1, times=9)
    room.clock.ahead += 1
    await room.courier.sweep()
    await vote(room, standing)
    room.slack.faults.clear()
    room.clock.ahead += 2
    await until_quiet(room)
    text = read(room.blocks(room.dm(ADA)))
    assert "it needs nobody any more" in text
    assert "[Approve]" not in text


async def test_a_page_that_lands_after_the_outcome_says_so(room: Room) -> None:
    standing = await paged(room)
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD, times=9)
    await room.courier.sweep()
    await vote(room, standing)
    await until_quiet(room)
    assert room.said(room.dm(ADA)) == []
    await landed(room, 1, room.dm(ADA))
    room.clock.ahead += 1
    await until_quiet(room)
    text = read(room.blocks(room.dm(ADA)))
    assert "it needs nobody any more" in text
    assert "[Approve]" not in text


async def test_the_first_copy_stays_when_a_post_lands_after_a_restart(room: Room) -> None:
    """The bot posts again and stops before the first post lands."""
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD)
    standing = await room.propose()
    courier = room.new_courier(timing=SLOW)
    await until_quiet(room, courier)
    assert len(room.said("C0APPR")) == 1
    courier = room.new_courier(timing=SLOW)
    await until_quiet(room, courier)
    await landed(room)
    for _ in SLOW.recheck_s:
        room.clock.ahead += 31
        await until_quiet(room, courier)
    assert len(room.said("C0APPR")) == 1
    assert next(iter(room.slack.state.conversations["C0APPR"].messages)) == (await room.card(standing)).ts
    await vote(room, standing)
    await until_quiet(room, courier)
    assert "✅ Approved" in read(room.blocks("C0APPR"))
    assert await in_doubt(room) == []


async def test_a_page_that_lands_after_the_outcome_and_a_restart_says_so(room: Room) -> None:
    standing = await paged(room)
    room.slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD, times=9)
    await room.courier.sweep()
    await vote(room, standing)
    room.slack.faults.clear()
    room.clock.ahead += 1
    await until_quiet(room)
    assert room.said(room.dm(ADA)) == []
    assert len(await in_doubt(room)) == 2, "the pages to Ada and Ben"
    courier = room.new_courier(timing=SLOW)
    await until_quiet(room, courier)
    await landed(room, 1, room.dm(ADA))
    for _ in SLOW.recheck_s:
        room.clock.ahead += 31
        await until_quiet(room, courier)
    text = read(room.blocks(room.dm(ADA)))
    assert "it needs nobody any more" in text
    assert "[Approve]" not in text
    assert await in_doubt(room) == []


async def in_doubt(room: Room) -> list[str]:
    """The stored messages that may still have a late copy."""
    found = await room.db.read(lambda connection: doubts.in_doubt(connection, 50))
    return [message.id for message in found]


async def test_another_apps_message_with_our_metadata_is_not_ours(room: Room) -> None:
    standing = await room.propose()
    card = await room.card(standing)
    forged = await room.web.chat_postMessage(
        channel="C0APPR",
        text="forged",
        metadata={"event_type": "membrane_message", "event_payload": {"message_id": card.id}},
    )
    room.slack.state.conversations["C0APPR"].messages[forged["ts"]].bot_id = "B0OTHER"
    room.slack.faults.arm(method="chat.postMessage", kind="drop")
    await until_quiet(room)
    assert (await room.card(standing)).ts != forged["ts"]


async def test_a_429_is_waited_for_and_posted_once(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="rate_limit", retry_after=3)
    standing = await room.propose()
    await room.courier.sweep()
    card = await room.card(standing)
    assert card.due_at is not None
    assert 2 < card.due_at - room.clock() <= 3
    await room.courier.sweep()
    assert len(room.slack.calls.of("chat.postMessage")) == 1, "no post before Retry-After"
    room.clock.ahead += 3
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 1
    assert room.slack.calls.of("conversations.history") == [], "a 429 leaves nothing in doubt"


async def test_a_429_in_one_channel_holds_no_other_up(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="rate_limit", retry_after=30)
    await room.propose()
    await room.courier.sweep()
    await room.notice("#membrane-admin", "hello", key="k")
    await room.courier.sweep()
    assert room.said("C0ADMIN") == ["hello"]


async def test_a_failed_update_is_retried(room: Room) -> None:
    standing = await room.propose()
    await room.courier.sweep()
    room.slack.faults.arm(method="chat.update", kind="drop", after=True, times=2)
    await vote(room, standing)
    await until_quiet(room)
    assert "✅ Approved" in read(room.blocks("C0APPR"))
    assert len(room.slack.calls.of("chat.update")) == 4, (
        "two failures, one success, and one repetition to be sure"
    )


async def test_invariant_11_slack_is_a_view_and_its_absence_delays_and_loses_nothing(room: Room) -> None:
    standing = await room.propose()
    room.slack.faults.arm(method="*", kind="http", status=503, times=2)
    await until_quiet(room)
    await room.slack.stop()
    await vote(room, standing)
    await room.courier.sweep()
    await room.slack.start()
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 1
    assert "✅ Approved" in read(room.blocks("C0APPR"))


async def test_a_pending_card_that_somebody_deleted_comes_back(room: Room) -> None:
    standing = await room.propose("release.sign")
    await room.courier.sweep()
    card = await room.card(standing)
    room.slack.state.remove_message(room.slack.state.conversations["C0APPR"], str(card.ts))
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    await until_quiet(room)
    assert f"@{CLEO} is on it" in read(room.blocks("C0APPR"))
    assert "[Approve]" in read(room.blocks("C0APPR"))


async def test_a_decided_card_that_somebody_deleted_stays_away(room: Room) -> None:
    standing = await room.propose()
    await room.courier.sweep()
    card = await room.card(standing)
    room.slack.state.remove_message(room.slack.state.conversations["C0APPR"], str(card.ts))
    await vote(room, standing)
    await until_quiet(room)
    assert room.said("C0APPR") == []
    assert (await room.card(standing)).error == "message_not_found"


async def test_a_card_that_may_not_be_edited_is_replaced(room: Room) -> None:
    standing = await room.propose()
    await room.courier.sweep()
    room.slack.faults.arm(method="chat.update", kind="error", error="edit_window_closed")
    await vote(room, standing)
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 1
    assert "✅ Approved" in read(room.blocks("C0APPR"))


async def test_a_card_that_slack_finds_too_long_is_drawn_short(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="error", error="msg_blocks_too_long")
    await room.propose()
    await until_quiet(room)
    text = read(room.blocks("C0APPR"))
    assert "Arguments" not in text
    assert "[Approve]" in text


async def test_a_card_too_long_even_when_short_is_told_to_the_admins(room: Room) -> None:
    long: Any = {
        "kind": "error",
        "error": "msg_blocks_too_long",
        "when": lambda args: args["channel"] == "C0APPR",
    }
    room.slack.faults.arm(method="chat.postMessage", times=9, **long)
    standing = await room.propose()
    await until_quiet(room)
    assert (await room.card(standing)).error == "msg_blocks_too_long"
    (told,) = room.said("C0ADMIN")
    assert standing.review
    lead = "🟠 Warning: A card could not be drawn for #agent-approvals: Slack says msg_blocks_too_long."
    assert told.startswith(lead)
    assert f"What to do: See what it is about: membrane reviews show {standing.review.id}" in told


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ({"is_archived": True}, "is_archived"),
        ({"members": [CLEO]}, "not_in_channel"),
        ({"name": "renamed"}, "channel_not_found"),
    ],
)
async def test_a_channel_that_cannot_be_posted_to_gives_way_to_the_admins(
    room: Room, trouble: dict[str, Any], error: str
) -> None:
    if error != "channel_not_found":
        await room.propose(args={"id": "an earlier one, so that the channel's id is known"})
        await until_quiet(room)
    room.slack.state.change_channel("C0APPR", **trouble)
    standing = await room.propose()
    await until_quiet(room)
    assert (await room.card(standing)).channel_id == "C0ADMIN"
    card, told = sorted(room.said("C0ADMIN"))
    lead = "🔴 Action needed: A card could not be sent to #agent-approvals: Slack says "
    assert told.startswith(f"{lead}{error}.")
    assert card.startswith("Approval wanted")


async def test_without_an_admin_channel_a_card_reaches_its_approvers_together(room: Room) -> None:
    room.slack.state.change_channel("C0APPR", is_archived=True)
    room.slack.state.change_channel("C0ADMIN", is_archived=True)
    standing = await room.propose("data.delete", owner=DIA)
    await until_quiet(room)
    card = await room.card(standing)
    assert card.channel_id == room.dm(CLEO), "Dia's own agent asks, so only Cleo can answer"
    assert "[Approve]" in read(room.blocks(room.dm(CLEO)))
    told = room.said(room.dm(CLEO, DIA))
    assert any("A card could not be sent to #agent-approvals" in words for words in told)


async def test_a_card_for_nobody_is_retried_later_and_never_dropped(room: Room) -> None:
    room.slack.state.change_channel("C0APPR", is_archived=True)
    room.slack.state.change_channel("C0ADMIN", is_archived=True)
    room.people.away.add("leads")
    standing = await room.propose()
    await until_quiet(room)
    card = await room.card(standing)
    assert card.due_at is not None
    assert 200 < card.due_at - room.clock() <= 300
    room.slack.state.change_channel("C0ADMIN", is_archived=False)
    room.clock.ahead += 301
    await until_quiet(room)
    assert (await room.card(standing)).channel_id == "C0ADMIN"


async def test_a_page_to_a_deactivated_account_is_told_to_the_admins(room: Room) -> None:
    room.slack.state.change_user(ADA, deleted=True)
    await room.propose()
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    await until_quiet(room)
    assert any("A page could not be sent to &lt;U0ADA&gt;" in words for words in room.said("C0ADMIN"))


async def test_a_refused_token_stops_everything_for_a_while(room: Room) -> None:
    room.slack.faults.arm(method="*", kind="error", error="token_revoked", times=100)
    for number in range(5):
        await room.propose(args={"number": number})
    await room.courier.sweep()
    calls = len(room.slack.calls)
    await room.courier.sweep()
    assert len(room.slack.calls) == calls, "no call while the token is bad"
    room.slack.faults.clear()
    room.clock.ahead += 31
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 5


async def test_a_missing_scope_is_told_to_the_admins_and_retried_ever_more_slowly(room: Room) -> None:
    refused: Any = {
        "kind": "error",
        "error": "missing_scope",
        "when": lambda args: args["channel"] == "C0APPR",
    }
    room.slack.faults.arm(method="chat.postMessage", times=4, **refused)
    await room.propose()
    for _ in range(8):
        await room.courier.sweep()
        room.clock.ahead += 2
    await until_quiet(room)
    assert len(room.slack.calls.of("chat.postMessage")) < 8
    assert len(room.said("C0APPR")) == 1
    assert len([words for words in room.said("C0ADMIN") if "missing_scope" in words]) == 1


async def test_the_admins_are_told_once_a_day(room: Room) -> None:
    room.slack.state.change_channel("C0APPR", is_archived=True)
    for number in range(3):
        await room.propose(args={"number": number})
    await until_quiet(room)
    assert len([words for words in room.said("C0ADMIN") if "could not be sent" in words]) == 1


async def test_without_any_admins_nothing_loops(room: Room) -> None:
    room.in_force.append(policy())
    room.slack.state.change_channel("C0ADMIN", is_archived=True)
    room.people.away.add("leads")
    assert await room.notice("#membrane-admin", "hello", key="k")
    await until_quiet(room)
    assert len(room.slack.calls) < 5


async def test_many_cards_for_a_channel_that_is_not_there_ask_for_the_channels_once(room: Room) -> None:
    room.slack.state.change_channel("C0APPR", name="renamed")
    for number in range(10):
        await room.propose(args={"number": number})
    await until_quiet(room)
    assert len(room.slack.calls.of("users.conversations")) == 1
    assert len([words for words in room.said("C0ADMIN") if words.startswith("Approval wanted")]) == 10


async def test_a_channel_that_the_bot_is_invited_to_later_is_found(room: Room) -> None:
    room.slack.state.change_channel("C0APPR", name="renamed")
    await room.propose()
    await until_quiet(room)
    room.slack.state.change_channel("C0APPR", name="agent-approvals")
    room.clock.ahead += 61
    await room.propose(args={"id": 2})
    await until_quiet(room)
    assert len(room.said("C0APPR")) == 1
