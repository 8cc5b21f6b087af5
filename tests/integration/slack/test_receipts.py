"""The card of an unknown receipt, from the silence of an agent to a person's answer."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.message_record import Message
from bot.domain.record import Standing
from bot.domain.states import ActionState
from bot.localslack import Person
from bot.store import messages, redraws
from tests.fakes import CLEO, DIA
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import until_quiet
from tests.unit.slack.reading import read

CARD = "agent-approvals"
ADMIN = "membrane-admin"


async def silent(room: Room, kind: str = "data.delete", **more: Any) -> Standing:
    """An action that was claimed and never reported."""
    standing = await room.propose(kind, **more)
    action = standing.action
    for voter in (CLEO, DIA):
        review = (await room.membrane.proposals.standing(action.id)).review
        if review is not None and review.pending:
            await room.membrane.votes.cast(review.id, voter, approve=True, args_digest=action.args_digest)
    await room.membrane.claims.start(action.id, action.args_digest)
    room.clock.ahead += 601
    assert await room.membrane.deadlines.unknown_due() == 1
    room.membrane.wakeups.wake()
    return standing


async def state(room: Room, standing: Standing) -> ActionState:
    return (await room.membrane.proposals.standing(standing.action.id)).action.state


async def row(room: Room, standing: Standing) -> Message:
    (found,) = await room.db.read(lambda connection: messages.receipts_of(connection, standing.action.id))
    return found


async def shown(person: Person, words: str = "[It happened]", channel: str = CARD) -> dict[str, Any]:
    return await person.wait_for_message(
        channel, lambda message: not message["ephemeral"] and words in read(message["blocks"] or [])
    )


async def whisper(person: Person, channel: str = CARD) -> str:
    message = await person.wait_for_message(channel, lambda message: message["ephemeral"])
    return str(message["text"])


async def test_the_answer_it_happened_is_one_click(live: Room, cleo: Person) -> None:
    standing = await silent(live)
    card = await shown(cleo)
    assert f"approved by @{CLEO}, and nothing was reported back in time" in read(card["blocks"])
    assert (await cleo.click(CARD, card, "it_happened")).acked
    after = await shown(cleo, f"🏁 @{CLEO} says that it happened")
    assert after["ts"] == card["ts"]
    assert "[It happened]" not in read(after["blocks"])
    assert await state(live, standing) is ActionState.EXECUTED
    assert (await whisper(cleo)).endswith(
        ": You said that it happened. It is recorded as executed, with your name."
    )


async def test_the_answer_it_did_not_asks_again_and_points_to_the_new_card(
    live: Room, cleo: Person, dia: Person
) -> None:
    standing = await silent(live, "money.wire")
    assert (await cleo.click(CARD, await shown(cleo), "it_did_not")).acked
    words = "You said that it did not happen. It is asked again, and you approved it: 1 more to go."
    assert (await whisper(cleo)).endswith(words)
    asked = await shown(dia, "[Approve]")
    assert f"1 of 2 approvals: @{CLEO}" in read(asked["blocks"])
    receipt = await shown(dia, f"[The card of its review]({asked_at(live, asked)})")
    assert "It was put up for approval again." in read(receipt["blocks"])
    assert (await dia.click(CARD, asked, "approve")).acked
    await shown(dia, "It may start now")
    claim = await live.membrane.claims.start(standing.action.id, standing.action.args_digest)
    assert claim.attempt == 1


def asked_at(room: Room, message: dict[str, Any]) -> str:
    url = room.identity.workspace_url.rstrip("/")
    return f"{url}/archives/C0APPR/p{message['ts'].replace('.', '')}"


async def test_the_admin_channel_is_asked_about_an_unreported_passed_action(live: Room, cleo: Person) -> None:
    standing = await silent(live, "db.read")
    card = await shown(cleo, channel=ADMIN)
    assert (await cleo.click(ADMIN, card, "leave_it")).acked
    await shown(cleo, f"@{CLEO} left it as it is", ADMIN)
    assert "it stays unknown" in await whisper(cleo, ADMIN)
    assert await state(live, standing) is ActionState.UNKNOWN


async def test_a_person_who_may_not_answer_is_told_why(live: Room, ada: Person) -> None:
    standing = await silent(live)
    assert (await ada.click(CARD, await shown(ada), "it_happened")).acked
    assert "You are not one of the approvers of this action" in await whisper(ada)
    assert await state(live, standing) is ActionState.UNKNOWN


async def test_the_second_person_to_answer_is_told_who_was_first(
    live: Room, cleo: Person, dia: Person
) -> None:
    standing = await silent(live)
    card = await shown(cleo)
    live.slack.faults.arm(method="chat.update", kind="error", error="internal_error", times=50)
    await dia.click(CARD, card, "it_happened")
    assert (await cleo.click(CARD, card, "it_did_not")).acked
    words = await whisper(cleo)
    assert f"`: <@{DIA}> has said that it happened already, <!date^" in words
    assert words.endswith("Your click changed nothing.")
    assert await state(live, standing) is ActionState.EXECUTED


async def test_a_late_report_takes_the_buttons_away(live: Room, cleo: Person) -> None:
    standing = await silent(live)
    card = await shown(cleo)
    live.slack.faults.arm(method="chat.update", kind="error", error="internal_error", times=2)
    await live.membrane.reports.record(standing.action.id, executed=True)
    assert (await cleo.click(CARD, card["ts"], "it_did_not")).acked
    assert "`: It went on by itself, <!date^" in await whisper(cleo)
    after = await shown(cleo, "🏁 It was reported late")
    assert "[It happened]" not in read(after["blocks"])


@pytest.mark.parametrize("value", ["{}", "not json", '{"a":"act_1","n":1,"d":"' + "0" * 64 + '"}'])
async def test_a_forged_button_changes_nothing(live: Room, cleo: Person, value: str) -> None:
    standing = await silent(live)
    card = await shown(cleo)
    message = live.slack.state.conversations["C0APPR"].messages[card["ts"]]
    (message.blocks or [])[-1]["elements"][0]["value"] = value
    assert (await cleo.click(CARD, card["ts"], "it_happened")).acked
    assert "nothing was changed" in await whisper(cleo)
    assert await state(live, standing) is ActionState.UNKNOWN


async def test_a_deleted_receipt_card_comes_back_while_it_asks(room: Room) -> None:
    standing = await silent(room)
    await until_quiet(room)
    card = await row(room, standing)
    room.slack.state.remove_message(room.slack.state.conversations["C0APPR"], str(card.ts))
    await room.db.write(
        lambda tx: redraws.touch_receipts(tx.connection, standing.action.id, now=room.clock())
    )
    await until_quiet(room)
    assert "[It happened]" in read(room.blocks("C0APPR"))


async def test_a_receipt_card_without_channels_reaches_the_people_who_may_answer(room: Room) -> None:
    for channel in ("C0APPR", "C0ADMIN"):
        room.slack.state.change_channel(channel, is_archived=True)
    standing = await silent(room, "data.delete", owner=DIA)
    await until_quiet(room)
    assert (await row(room, standing)).channel_id == room.dm(CLEO), "Dia's own agent is silent"
    assert "[It happened]" in read(room.blocks(room.dm(CLEO)))
    assert any("A receipt could not be sent to #agent-approvals" in w for w in room.said(room.dm(CLEO, DIA)))


async def test_a_receipt_card_for_nobody_is_retried_later_and_never_dropped(room: Room) -> None:
    for channel in ("C0APPR", "C0ADMIN"):
        room.slack.state.change_channel(channel, is_archived=True)
    standing = await silent(room)
    room.people.away.add("leads")
    await until_quiet(room)
    later = (await row(room, standing)).due_at
    assert later is not None
    assert 200 < later - room.clock() <= 300
    room.slack.state.change_channel("C0ADMIN", is_archived=False)
    room.clock.ahead += 301
    await until_quiet(room)
    assert (await row(room, standing)).channel_id == "C0ADMIN"


async def test_an_ambiguous_post_of_a_receipt_card_makes_exactly_one_message(room: Room) -> None:
    room.slack.faults.arm(method="chat.postMessage", kind="drop", after=True, times=2)
    await silent(room, "db.read")
    await until_quiet(room)
    assert len([words for words in room.said("C0ADMIN") if words.startswith("Started, never")]) == 1
