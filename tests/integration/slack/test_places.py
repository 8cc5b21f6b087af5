"""Where messages go: the bot looks names up again, and remembers refusals for a moment."""

from __future__ import annotations

import pytest

from bot.slack.failures import CallFailed
from bot.slack.outbound.places import BELIEVED_S, FAILED_S, LISTED_FOR_S, NoSuchChannel, Places
from bot.slack.web_api import Calls
from tests.fakes import ADA
from tests.integration.slack.conftest import Room

LISTING = "users.conversations"


def places_of(room: Room) -> Places:
    return Places(Calls(room.web, room.clock), room.clock)


async def test_a_channel_name_leads_to_its_new_channel_in_time(room: Room) -> None:
    """The old channel was renamed. The channel that took its name is asked only until the next look-up."""
    places = places_of(room)
    assert await places.find("#agent-approvals") == "C0APPR"
    room.slack.state.conversations["C0APPR"].name = "approvals-old"
    assert await places.find("#agent-approvals") == "C0APPR", "the cached id is used for a while"
    room.clock.ahead += BELIEVED_S
    with pytest.raises(NoSuchChannel):
        await places.find("#agent-approvals")
    assert await places.find("approvals-old") == "C0APPR"


async def test_a_cached_channel_name_stays_in_use_while_slack_does_not_answer(room: Room) -> None:
    places = places_of(room)
    await places.find("#agent-approvals")
    room.clock.ahead += BELIEVED_S
    room.slack.faults.arm(method=LISTING, kind="http", status=503, times=1)
    assert await places.find("#agent-approvals") == "C0APPR"


async def test_a_refusal_is_not_asked_for_again_at_once(room: Room) -> None:
    places = places_of(room)
    room.slack.faults.arm(method="conversations.open", kind="error", error="user_disabled", times=1)
    for _ in range(20):
        with pytest.raises(CallFailed, match="user_disabled"):
            await places.find(ADA)
    assert len(room.slack.calls.of("conversations.open")) == 1
    room.clock.ahead += FAILED_S
    assert (await places.find(ADA)).startswith("D")


async def test_many_messages_for_one_closed_channel_list_the_channels_once(room: Room) -> None:
    places = places_of(room)
    for _ in range(20):
        with pytest.raises(NoSuchChannel):
            await places.find("#nowhere")
        places.forget("#nowhere")
    assert len(room.slack.calls.of(LISTING)) == 1
    room.clock.ahead += LISTED_FOR_S
    with pytest.raises(NoSuchChannel):
        await places.find("#nowhere")
    assert len(room.slack.calls.of(LISTING)) == 2
