"""People click, by Socket Mode and by signed HTTP requests, on a real membrane."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from bot.domain.message_order import Priority
from bot.domain.record import Standing
from bot.domain.states import ActionState
from bot.localslack import Person
from bot.slack.inbound.listeners import LIMIT_S
from bot.store.tables import sightings
from tests.fakes import ADA, CLEO, DIA, GUS
from tests.integration.slack.conftest import Room
from tests.unit.slack.reading import read
from tests.waiting import PATIENCE_S, eventually, until

CARD = "agent-approvals"
ODD = {
    "type": "actions",
    "elements": [{"type": "button", "action_id": "odd", "text": {"type": "plain_text", "text": "x"}}],
}
NO_USE = "nothing was changed"
SLACK_WAITS_S = 3.0


async def shown(person: Person, words: str = "[Approve]") -> dict[str, Any]:
    return await person.wait_for_message(
        CARD, lambda message: not message["ephemeral"] and words in read(message["blocks"] or [])
    )


async def whisper(person: Person) -> str:
    """Return the text that only this person sees."""
    message = await person.wait_for_message(CARD, lambda message: message["ephemeral"])
    return str(message["text"])


def differs(words: str, view: dict[str, Any]) -> bool:
    return read(view["blocks"]) != words


async def now(room: Room, standing: Standing) -> Standing:
    return await room.membrane.proposals.standing(standing.action.id)


async def test_two_approvals_make_the_outcome_and_the_card_says_so(
    live: Room, cleo: Person, dia: Person
) -> None:
    standing = await live.propose("money.wire", args={"amount": 5})
    card = await shown(cleo)
    assert (await cleo.click(CARD, card, "approve")).acked
    assert await whisper(cleo) == "`money.wire · amount 5`: Your approval counts: 1 of 2, 1 more to go."
    await shown(dia, f"1 of 2 approvals: @{CLEO}")
    assert (await dia.click(CARD, card, "approve")).acked
    await shown(dia, f"✅ Approved by @{CLEO} and @{DIA}")
    assert (await now(live, standing)).action.state is ActionState.APPROVED
    assert (await whisper(dia)).startswith("`money.wire · amount 5`: You approved it.")


async def test_a_rejection_is_one_click(live: Room, cleo: Person) -> None:
    standing = await live.propose()
    assert (await cleo.click(CARD, await shown(cleo), "reject")).acked
    await shown(cleo, f"⛔ Rejected by @{CLEO}")
    assert (await now(live, standing)).action.state is ActionState.REJECTED
    assert await whisper(cleo) == "`data.delete · id 1`: You rejected it. The agent is told, with your name."


async def test_a_rejection_with_a_note_goes_through_a_modal(live: Room, cleo: Person) -> None:
    standing = await live.propose()
    assert (await cleo.click(CARD, await shown(cleo), "reject_with_note")).acked
    modal = await cleo.wait_for_view("Why not?")
    assert read(modal["blocks"]).startswith("data.delete · id `1`")
    assert (await cleo.submit(modal, {"note": "Ask <@U0ADA> *first*"})).acked
    card = await shown(cleo, "wrote:")
    assert f"@{CLEO} wrote:\n> Ask <@U0ADA> *first*" in read(card["blocks"])
    assert (await now(live, standing)).action.detail == "Ask <@U0ADA> *first*"
    assert (await cleo.state())["views"] == []


async def test_a_note_that_comes_too_late_is_answered_in_the_modal(
    live: Room, cleo: Person, dia: Person
) -> None:
    await live.propose()
    card = await shown(cleo)
    await cleo.click(CARD, card, "reject_with_note")
    modal = await cleo.wait_for_view("Why not?")
    await dia.click(CARD, card, "approve")
    assert (await cleo.submit(modal, {"note": "no!"})).acked
    view = await cleo.wait_for_view("decided already")
    assert f"approved by @{DIA}" in read(view["blocks"])


async def test_a_late_click_is_told_who_decided(live: Room, cleo: Person, dia: Person) -> None:
    await live.propose()
    card = await shown(cleo)
    live.slack.faults.arm(method="chat.update", kind="error", error="internal_error", times=50)
    await dia.click(CARD, card, "approve")
    assert (await cleo.click(CARD, card, "reject")).acked
    words = await whisper(cleo)
    assert words.startswith(f"`data.delete · id 1`: This is decided already: approved by <@{DIA}>, <!date^")
    assert words.endswith("Your click changed nothing.")
    assert (await cleo.click(CARD, card, "reject_with_note")).acked
    assert (await cleo.state())["views"] == []


async def test_a_click_after_the_window_is_told_that_it_is_late(live: Room, cleo: Person) -> None:
    standing = await live.propose()
    card = await shown(cleo)
    live.clock.ahead += 1001
    assert (await cleo.click(CARD, card, "approve")).acked
    assert "The window for this has passed" in await whisper(cleo)
    assert (await now(live, standing)).action.state is ActionState.WAITING


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (ADA, "not one of the approvers of this action, so nothing was changed. Who may: leads."),
        (GUS, "cannot be looked up right now"),
    ],
)
async def test_a_person_who_may_not_vote_is_told_why_and_nothing_changes(
    live: Room, who: str, words: str
) -> None:
    if who == GUS:
        live.people.away.add("leads")
    standing = await live.propose()
    async with Person(live.slack.base_url, who) as person:
        assert (await person.click(CARD, await shown(person), "approve")).acked
        assert words in await whisper(person)
    after = await now(live, standing)
    assert after.review is not None
    assert after.review.votes == ()


async def test_the_requester_cannot_approve(live: Room, cleo: Person) -> None:
    await live.propose(on_behalf_of=CLEO)
    await cleo.click(CARD, await shown(cleo), "approve")
    assert "somebody else has to decide it" in await whisper(cleo)


async def test_a_paged_person_acknowledges_the_review(live: Room, ada: Person) -> None:
    standing = await live.propose("mail.send")
    live.clock.ahead += 300
    await live.membrane.deadlines.page_due()
    page = await ada.wait_for_message("dm", "You are paged")
    assert (await ada.click("dm", page, "acknowledge")).acked
    await shown(ada, f"@{ADA} is on it; nobody else is paged until")
    after = await now(live, standing)
    assert after.review is not None
    assert after.review.acked_by == ADA


async def test_a_paged_person_who_may_not_decide_quiets_nothing(live: Room, ada: Person) -> None:
    standing = await live.propose()
    live.clock.ahead += 300
    await live.membrane.deadlines.page_due()
    page = await ada.wait_for_message("dm", "You are paged")
    assert (await ada.click("dm", page, "acknowledge")).acked
    told = await ada.wait_for_message("dm", lambda message: message["ephemeral"])
    assert "not one of the approvers of this action" in told["text"]
    after = await now(live, standing)
    assert after.review is not None
    assert (after.review.acked_by, after.review.quiet_until) == (None, None)


async def test_a_person_can_quiet_the_pages_of_a_review_once(live: Room, ada: Person) -> None:
    await live.propose("mail.send")
    live.clock.ahead += 300
    await live.membrane.deadlines.page_due()
    page = await ada.wait_for_message("dm", "You are paged")
    assert (await ada.click("dm", page, "acknowledge")).acked
    live.clock.ahead += 301
    assert (await ada.click("dm", page, "acknowledge")).acked
    await ada.wait_for_message(
        "dm",
        lambda message: message["ephemeral"] and "each person can quiet its pages once" in message["text"],
    )


@pytest.mark.parametrize("button", ["view_all", "view_page_1", "reject_with_note"])
async def test_a_guest_is_shown_nothing(live: Room, button: str) -> None:
    live.people.outsiders.add("U0GST")
    await live.propose(args={"to": "bo", "body": "a secret plan"})
    async with Person(live.slack.base_url, "U0GST") as guest:
        card = await shown(guest)
        if button == "view_page_1":
            row = next(block for block in card["blocks"] if block["type"] == "actions")
            row["elements"].append({**row["elements"][-1], "action_id": button})
            live.slack.state.conversations["C0APPR"].messages[card["ts"]].blocks = card["blocks"]
        assert (await guest.click(CARD, card, button)).acked
        assert "Only full members of this workspace" in await whisper(guest)
        assert (await guest.state())["views"] == []


async def test_a_person_whom_slack_cannot_confirm_sees_no_arguments(live: Room, cleo: Person) -> None:
    await live.propose()
    card = await shown(cleo)
    live.people.down = True
    assert (await cleo.click(CARD, card, "view_all")).acked
    assert "Slack does not answer" in await whisper(cleo)
    assert (await cleo.state())["views"] == []


async def test_an_approval_of_a_person_who_left_does_not_fill_the_quorum(
    live: Room, cleo: Person, dia: Person
) -> None:
    live.people.people["leads"] = (CLEO, DIA, ADA)
    standing = await live.propose("money.wire", args={"amount": 5})
    card = await shown(cleo)
    assert (await cleo.click(CARD, card, "approve")).acked
    await shown(dia, f"1 of 2 approvals: @{CLEO}")
    live.people.people["leads"] = (DIA, ADA)
    assert (await dia.click(CARD, card, "approve")).acked
    await shown(dia, f"An approval does not count any more: @{CLEO} is not one of its approvers now.")
    assert f"1 of 2, 1 more to go. ⚠ An approval does not count any more: <@{CLEO}>" in await whisper(dia)
    assert (await now(live, standing)).action.state is ActionState.WAITING
    async with Person(live.slack.base_url, ADA) as ada:
        assert (await ada.click(CARD, card, "approve")).acked
    await shown(dia, f"✅ Approved by @{DIA} and @{ADA}")


async def test_a_clicked_message_is_redrawn_before_other_pages(live: Room, ada: Person) -> None:
    """Slack accepts some fifty redraws a minute, so the clicked message goes first."""
    standing = await live.propose("mail.send")
    live.clock.ahead += 300
    await live.membrane.deadlines.page_due()
    page = await ada.wait_for_message("dm", "You are paged")

    async def placed() -> bool:
        return all(row.ts for row in await live.rows(standing))

    await eventually(placed, "that the bot has noted where it posted them")
    await ada.click("dm", page, "acknowledge")
    await shown(ada, f"@{ADA} is on it")
    soon = {row.recipient for row in await live.rows(standing) if row.priority == Priority.CLICKED}
    assert soon == {"#agent-approvals", ADA}


async def test_the_message_that_opened_a_note_is_redrawn_first(live: Room, cleo: Person) -> None:
    standing = await live.propose()
    for _ in range(2):
        live.clock.ahead += 300
        await live.membrane.deadlines.page_due()
    page = await cleo.wait_for_message("dm", "You are paged")
    await cleo.click("dm", page, "reject_with_note")
    await cleo.submit(await cleo.wait_for_view("Why not?"), {"note": "no"})
    await shown(cleo, f"⛔ Rejected by @{CLEO}")
    soon = {row.recipient for row in await live.rows(standing) if row.priority == Priority.CLICKED}
    assert soon == {"#agent-approvals", CLEO}


async def test_view_all_shows_everything_page_by_page_and_is_remembered(live: Room, cleo: Person) -> None:
    await live.propose(args={"body": "\n".join(f"line {n} " + "x" * 200 for n in range(200)), "to": "bo"})
    card = await shown(cleo)
    assert (await cleo.click(CARD, card, "view_all")).acked
    modal = await cleo.wait_for_view("Everything about it")
    assert "line 0 " in read(modal["blocks"])
    assert "line 199 " not in read(modal["blocks"])
    seen = ""
    while buttons := [e for b in modal["blocks"] if b["type"] == "actions" for e in b["elements"]]:
        onward = next((b for b in buttons if b["text"]["text"].startswith("Page")), None)
        if onward is None:
            break
        assert (await cleo.click_view(modal, onward["action_id"])).acked
        first = read(modal["blocks"])
        modal = await cleo.wait_for_view(partial(differs, first))
        seen += read(modal["blocks"])
    assert "line 199 " in seen
    assert '    to: "bo"' in seen
    rows = await live.db.read(lambda connection: connection.execute(select(sightings)).all())
    assert [(row.viewer, row.what) for row in rows] == [(CLEO, "opened")]


async def test_a_button_that_is_not_ours_changes_nothing_and_is_answered(live: Room, cleo: Person) -> None:
    standing = await live.propose()
    card = await shown(cleo)
    for action_id, value in (
        ("approve", "{}"),
        ("approve", "not json"),
        ("approve", '{"r":"rev_1","a":"act_1","d":"' + "0" * 64 + '"}'),
        ("no_such_button", "x"),
    ):
        posted = await live.web.chat_postMessage(
            channel="C0APPR",
            text="forged",
            blocks=[
                {
                    "type": "actions",
                    "elements": [
                        {
                            "type": "button",
                            "action_id": action_id,
                            "value": value,
                            "text": {"type": "plain_text", "text": "x"},
                        }
                    ],
                }
            ],
        )
        assert (await cleo.click(CARD, posted["ts"], action_id)).acked
        assert "nothing was changed" in await whisper(cleo)
    assert (await now(live, standing)).action.state is ActionState.WAITING
    assert card


async def test_a_vote_on_other_arguments_is_refused(live: Room, cleo: Person) -> None:
    """The button names the right review and the digest of another card."""
    standing = await live.propose()
    card = await shown(cleo)
    message = live.slack.state.conversations["C0APPR"].messages[card["ts"]]
    for element in (message.blocks or [])[-1]["elements"]:
        element["value"] = element["value"].replace(standing.action.args_digest, "0" * 64)
    assert (await cleo.click(CARD, card["ts"], "approve")).acked
    assert "The arguments changed after that card was drawn" in await whisper(cleo)
    await shown(cleo)
    assert (await now(live, standing)).action.state is ActionState.WAITING


@pytest.mark.parametrize("how", ["twice", "at_once"])
async def test_invariant_8_a_click_delivered_twice_counts_once(live: Room, cleo: Person, how: Any) -> None:
    standing = await live.propose("money.wire")
    live.slack.faults.arm(method="interactions", kind=how)
    await cleo.click(CARD, await shown(cleo), "approve")
    await shown(cleo, "1 of 2 approvals")
    after = await now(live, standing)
    assert after.review is not None
    assert len(after.review.votes) == 1


async def test_the_first_click_to_arrive_counts_when_clicks_come_out_of_order(
    live: Room, cleo: Person, dia: Person
) -> None:
    standing = await live.propose()
    card = await shown(cleo)
    held = live.slack.faults.arm(method="interactions", kind="out_of_order", seconds=PATIENCE_S)
    approving = asyncio.create_task(cleo.click(CARD, card, "approve"))
    await until(lambda: held.hits)
    assert (await dia.click(CARD, card, "reject")).acked
    assert (await approving).acked
    assert f"This is decided already: rejected by <@{DIA}>" in await whisper(cleo)
    after = await now(live, standing)
    assert after.action.state is ActionState.REJECTED
    assert after.review is not None
    assert [vote.voter for vote in after.review.votes] == [DIA]


async def answers(room: Room, person: Person) -> list[str]:
    """The ephemeral messages to a person, up to the answer to one more click on an unknown button."""
    posted = await room.web.chat_postMessage(channel="C0APPR", text="the last", blocks=[ODD])
    assert (await person.click(CARD, posted["ts"], "odd")).acked
    await person.wait_for_message(CARD, lambda message: message["ephemeral"] and NO_USE in message["text"])
    told = [str(each["text"]) for each in await person.messages(CARD) if each["ephemeral"]]
    return [words for words in told if NO_USE not in words]


@pytest.mark.parametrize("how", ["twice", "at_once"])
@pytest.mark.parametrize(
    ("kind", "words"), [("money.wire", "Your approval "), ("data.delete", "You approved it")]
)
async def test_a_click_delivered_twice_hears_no_complaint(
    live: Room, cleo: Person, kind: str, words: str, how: Any
) -> None:
    await live.propose(kind)
    live.slack.faults.arm(method="interactions", kind=how)
    assert (await cleo.click(CARD, await shown(cleo), "approve")).acked
    told = await answers(live, cleo)
    assert told
    assert all(words in each for each in told)


async def test_a_rejection_delivered_twice_hears_no_complaint(live: Room, cleo: Person) -> None:
    await live.propose()
    live.slack.faults.arm(method="interactions", kind="twice")
    assert (await cleo.click(CARD, await shown(cleo), "reject")).acked
    assert all("You rejected it" in each for each in await answers(live, cleo))


async def test_a_window_asked_for_twice_opens_once(live: Room, cleo: Person) -> None:
    await live.propose()
    live.slack.faults.arm(method="interactions", kind="twice")
    assert (await cleo.click(CARD, await shown(cleo), "view_all")).acked
    await cleo.wait_for_view("data.delete")
    assert await answers(live, cleo) == []


@pytest.mark.parametrize("who", [ADA, "U0GST"])
async def test_no_note_is_asked_of_somebody_whose_vote_does_not_count(live: Room, who: str) -> None:
    live.people.outsiders.add("U0GST")
    await live.propose()
    async with Person(live.slack.base_url, who) as person:
        assert (await person.click(CARD, await shown(person), "reject_with_note")).acked
        words = await whisper(person)
        assert "not one of the approvers" in words or "Only full members" in words
        assert (await person.state())["views"] == []


async def test_a_note_may_be_written_while_slack_does_not_say_who_may_vote(live: Room, cleo: Person) -> None:
    live.people.away.add("leads")
    await live.propose()
    assert (await cleo.click(CARD, await shown(cleo), "reject_with_note")).acked
    await cleo.wait_for_view("Why not?")


def test_a_click_is_answered_before_slack_gives_up() -> None:
    assert LIMIT_S < SLACK_WAITS_S


@pytest.mark.parametrize("limit_s", [0.2])
async def test_a_slow_store_is_answered_in_time(live: Room, cleo: Person, monkeypatch: Any) -> None:
    await live.propose()
    card = await shown(cleo)

    async def slow(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(live.membrane.votes, "cast", slow)
    assert (await cleo.click(CARD, card, "approve")).acked
    assert (await whisper(cleo)).startswith("That took too long here.")


async def test_a_bug_of_ours_is_answered_too(live: Room, cleo: Person, monkeypatch: Any) -> None:
    await live.propose()
    card = await shown(cleo)

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(live.membrane.votes, "cast", broken)
    assert (await cleo.click(CARD, card, "approve")).acked
    assert (await whisper(cleo)).startswith("Something went wrong in the bot")


async def test_a_clicker_is_told_when_slack_does_not_open_a_modal(live: Room, cleo: Person) -> None:
    await live.propose()
    live.slack.faults.arm(method="views.open", kind="error", error="expired_trigger_id")
    assert (await cleo.click(CARD, await shown(cleo), "view_all")).acked
    assert "Slack did not open the dialog in time" in await whisper(cleo)


async def test_bolt_asks_slack_nothing_for_a_click(live: Room, cleo: Person) -> None:
    """The bot asked for its own identity once, at the start."""
    await live.propose()
    card = await shown(cleo)
    before = len(live.slack.calls.of("auth.test"))
    await asyncio.gather(*(cleo.click(CARD, card, "approve") for _ in range(5)))
    assert len(live.slack.calls.of("auth.test")) == before == 1
