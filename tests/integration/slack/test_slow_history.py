"""A vendor's app reads one page of 15 messages a minute, and pages of a list have any length."""

from __future__ import annotations

from typing import Any

import pytest

from bot.localslack.conversation import Message as Said
from bot.slack.outbound.places import NoSuchChannel
from bot.store import doubts
from tests.fakes import ADA
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_places import places_of

APPROVALS = "C0APPR"
HISTORY = "conversations.history"


def chatter(room: Room, count: int) -> None:
    """Let Ada post that many messages in the channel, after the bot's."""
    state = room.slack.state
    for number in range(count):
        said = Said(ts=state.next_ts(), user=ADA, text=f"number {number}")
        state.add_message(state.conversations[APPROVALS], said)


async def minutes(room: Room, count: int) -> None:
    """Sweep once a minute by the room's clock."""
    for _ in range(count):
        await room.courier.sweep()
        room.clock.ahead += 61


def cards(room: Room) -> list[str]:
    return [words for words in room.said(APPROVALS) if not words.startswith("number")]


@pytest.fixture
def slow(room: Room) -> Room:
    room.slack.state.slow_history = True
    return room


@pytest.mark.parametrize("landed", [True, False])
async def test_a_post_in_doubt_far_up_in_a_busy_channel_is_one_message(slow: Room, landed: bool) -> None:
    slow.slack.faults.arm(method="chat.postMessage", kind="drop", after=landed)
    standing = await slow.propose()
    await slow.courier.sweep()
    chatter(slow, 70)
    await minutes(slow, 12)
    assert len(cards(slow)) == 1
    assert (await slow.card(standing)).shown == 1
    assert len(slow.slack.calls.of("chat.postMessage")) == (1 if landed else 2)
    assert await slow.db.read(lambda connection: doubts.in_doubt(connection, 10)) == []


async def test_many_posts_in_doubt_are_looked_for_in_one_reading(slow: Room) -> None:
    """Ten messages at one request a minute each would take hours."""
    slow.slack.faults.arm(method="chat.postMessage", kind="drop", after=True, times=5)
    slow.slack.faults.arm(method="chat.postMessage", kind="drop", times=5)
    for number in range(10):
        await slow.propose(args={"id": number})
    await slow.courier.sweep()
    chatter(slow, 40)
    await minutes(slow, 12)
    assert len(cards(slow)) == 10
    assert sorted(cards(slow)) == sorted(set(cards(slow)))


@pytest.mark.parametrize("landed", [True, False])
async def test_empty_pages_with_a_cursor_end_no_search(room: Room, landed: bool) -> None:
    room.slack.state.sparse_pages = True
    room.slack.faults.arm(method="chat.postMessage", kind="drop", after=landed)
    await room.propose()
    await room.courier.sweep()
    chatter(room, 30)
    await minutes(room, 3)
    assert len(cards(room)) == 1


async def test_a_busy_channel_with_empty_pages_is_only_slower(slow: Room) -> None:
    slow.slack.state.sparse_pages = True
    slow.slack.faults.arm(method="chat.postMessage", kind="drop", after=True)
    await slow.propose()
    await slow.courier.sweep()
    chatter(slow, 20)
    await minutes(slow, 8)
    assert len(cards(slow)) == 1


async def test_channels_are_found_on_pages_that_are_empty_or_short(room: Room) -> None:
    room.slack.state.sparse_pages = True
    assert await places_of(room).find("#agent-digest") == "C0DIG"
    assert len(room.slack.calls.of("users.conversations")) > 2


async def test_a_list_that_slack_cuts_short_resumes_where_it_stopped(room: Room) -> None:
    """The workspace has more pages than Slack lets an app read in a minute."""
    room.slack.state.sparse_pages = True
    calls = {"n": 0}

    def every_third(_: dict[str, Any]) -> bool:
        calls["n"] += 1
        return calls["n"] % 3 == 0

    room.slack.faults.arm(
        method="users.conversations", kind="rate_limit", retry_after=2, times=99, when=every_third
    )
    places = places_of(room)
    for _ in range(10):
        try:
            assert await places.find("#agent-digest") == "C0DIG"
            break
        except NoSuchChannel:
            raise
        except Exception:  # noqa: BLE001 - Slack says how long to wait
            room.clock.ahead += 31
    else:
        pytest.fail("never found")
