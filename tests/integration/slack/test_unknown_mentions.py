"""An unknown user id hides no card: it is drawn as text, and known people are mentioned."""

from __future__ import annotations

from typing import Any

import pytest

from bot.localslack import Person
from bot.slack.outbound.unknown_mentions import REMEMBERED_S
from tests.fakes import ADA, CLEO, GUS
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import until_quiet, vote
from tests.integration.slack.test_listeners import CARD, shown
from tests.unit.slack.reading import read

NOBODY = "U0NOBODY"
APPROVALS = "C0APPR"


async def test_slack_refuses_a_mention_of_nobody(room: Room) -> None:
    """The tests below rest on this refusal."""
    leaf = {"type": "user", "user_id": NOBODY}
    section = {"type": "rich_text_section", "elements": [leaf]}
    blocks = [{"type": "rich_text", "elements": [section]}]
    answer: dict[str, Any] = {}
    try:
        await room.web.chat_postMessage(channel=APPROVALS, text="t", blocks=blocks)
    except Exception as error:  # noqa: BLE001 - the SDK's own
        answer = error.response.data  # type: ignore[attr-defined]
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == ["invalid user_id [json-pointer:/blocks/0/elements/0/elements/0/user_id]"]


@pytest.mark.parametrize(
    "named", [{"on_behalf_of": NOBODY, "owner": GUS}, {"on_behalf_of": GUS, "owner": NOBODY}]
)
async def test_a_card_in_the_name_of_nobody_is_shown_whole(room: Room, named: dict[str, str]) -> None:
    standing = await room.propose(**named)
    await until_quiet(room)
    text = read(room.blocks(APPROVALS))
    assert f"`{NOBODY}`" in text
    assert f"@{GUS}" in text
    assert f"@{NOBODY}" not in text
    assert "Arguments" in text, "the card has its full form"
    posts = len(room.slack.calls.of("chat.postMessage"))
    await vote(room, standing)
    await until_quiet(room)
    assert "Approved" in read(room.blocks(APPROVALS)), "redraws work too"
    assert room.slack.calls.of("chat.update")[-1].error == "", "Slack accepts the last redraw"
    assert len(room.slack.calls.of("chat.postMessage")) == posts


async def test_pages_and_notes_to_people_who_are_there_go_out(room: Room) -> None:
    await room.propose(on_behalf_of=NOBODY, owner=NOBODY)
    await until_quiet(room)
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    await until_quiet(room)
    assert f"`{NOBODY}`" in read(room.blocks(room.dm(ADA)))


async def test_where_slack_does_not_say_who_somebody_is_the_card_is_shown(room: Room) -> None:
    room.slack.faults.arm(method="users.info", kind="http", status=503, times=99)
    await room.propose(on_behalf_of=NOBODY)
    await until_quiet(room)
    assert f"`{NOBODY}`" in read(room.blocks(APPROVALS))


async def test_somebody_who_comes_later_is_mentioned_in_time(room: Room) -> None:
    await room.propose(on_behalf_of="U0STR2", args={"id": 1})
    await until_quiet(room)
    room.slack.state.users["U0STR2"] = room.slack.state.users[CLEO]
    room.clock.ahead += REMEMBERED_S
    await room.propose(on_behalf_of="U0STR2", args={"id": 2})
    await until_quiet(room)
    assert "@U0STR2" in read(room.blocks(APPROVALS))


async def test_every_view_of_a_card_in_the_name_of_nobody_opens(live: Room, cleo: Person) -> None:
    await live.propose(on_behalf_of=NOBODY, args={"text": "x" * 60_000})
    card = await shown(cleo)
    assert (await cleo.click(CARD, card, "view_all")).acked
    view = await cleo.wait_for_view("Everything about it")
    assert f"`{NOBODY}`" in read(view["blocks"])


async def test_a_mention_of_nobody_in_an_agents_text_stays_as_written(room: Room) -> None:
    words = f"pay <@{NOBODY}> at once"
    await room.propose(on_behalf_of=NOBODY, args={"memo": words}, description=words)
    await until_quiet(room)
    assert read(room.blocks(APPROVALS)).count(words) >= 2
