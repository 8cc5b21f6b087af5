"""The window of a review starts when it is first shown to somebody who may decide."""

from __future__ import annotations

from typing import Any

import orjson

from bot.domain.expiry import ExpiryReason, expiry_reason
from bot.domain.message import LATE_S
from bot.domain.message_record import Message
from bot.domain.message_steps import Place, Wait
from bot.domain.review import Review
from bot.domain.states import ActionState, ReviewState
from bot.membrane import CardFacts
from tests.fakes import ADA, CLEO, DIA, attempting, placed, policy
from tests.integration.membrane.conftest import Room

WINDOW = 1000


async def opened(room: Room, kind: str = "data.delete", **args: Any) -> Review:
    standing = await room.membrane.proposals.propose(room.action(kind, **args))
    assert standing.review is not None
    return standing.review


async def now(room: Room, review: Review) -> Review:
    standing = await room.membrane.proposals.standing(review.action_id)
    return next(each for each in standing.reviews if each.id == review.id)


async def the(room: Room, review: Review, kind: str) -> Message:
    return next(message for message in await room.messages(review.id) if message.kind == kind)


async def shown_facts(room: Room) -> list[dict[str, object]]:
    return [orjson.loads(entry.body) for entry in await room.journal() if entry.event == "review.shown"]


async def notices(room: Room) -> list[str]:
    due = await room.membrane.outbox.lease(500)
    return [message.body or "" for message in due if message.kind == "notice"]


async def test_invariant_17_a_review_that_nobody_was_shown_does_not_expire_as_unanswered(room: Room) -> None:
    review = await opened(room)
    room.clock.forward(WINDOW - 1)
    assert await room.membrane.deadlines.expire_due() == 0
    room.clock.forward(1)
    assert await room.membrane.deadlines.expire_due() == 1
    expired = await now(room, review)
    assert (expired.state, expired.shown_at) == (ReviewState.EXPIRED, None)
    assert expiry_reason(expired) is ExpiryReason.NEVER_SHOWN
    action = (await room.membrane.proposals.standing(review.action_id)).action
    assert action.state is ActionState.ABORTED
    closed = next(entry for entry in await room.journal() if entry.event == "review.closed")
    assert orjson.loads(closed.body)["reason"] == "never_shown"
    (told,) = await notices(room)
    assert (
        f"{review.id} (data.delete of ops-agent, Tier 3) has expired (abort): Slack showed it to nobody"
        in told
    )


async def test_a_window_starts_when_the_review_is_shown_and_stays_fixed(room: Room) -> None:
    review = await opened(room)
    room.clock.forward(900)
    seen = room.clock.now
    await room.send()
    after = await now(room, review)
    assert (after.shown_at, after.expires_at) == (seen, seen + WINDOW)
    card = await the(room, review, "card")
    (fact,) = await shown_facts(room)
    assert fact == {
        "shown_at": seen,
        "expires_at": seen + WINDOW,
        "message": card.id,
        "kind": "card",
        "to": "#agent-approvals",
    }
    room.clock.forward(500)
    await room.membrane.deadlines.page_due()
    await room.send()
    assert (await now(room, review)).expires_at == seen + WINDOW
    room.clock.forward(499)
    assert await room.membrane.deadlines.expire_due() == 0
    room.clock.forward(1)
    assert await room.membrane.deadlines.expire_due() == 1
    assert expiry_reason(await now(room, review)) is ExpiryReason.NOBODY_ANSWERED


async def test_a_card_states_the_deadline_that_its_own_post_fixes(room: Room) -> None:
    review = await opened(room)
    room.clock.forward(300)
    card = await the(room, review, "card")
    drawn = await attempting(room.membrane, card.id)
    assert isinstance(drawn, CardFacts)
    room.clock.forward(2)
    await placed(room.membrane, card.id)
    assert drawn.review.expires_at == (await now(room, review)).expires_at == review.opened_at + 300 + WINDOW


async def test_a_post_in_doubt_counts_from_its_attempt(room: Room) -> None:
    """The post landed and its answer was lost; until that is known, the window passes as unshown."""
    review = await opened(room)
    room.clock.forward(WINDOW - 5)
    tried = room.clock.now
    card = await the(room, review, "card")
    await attempting(room.membrane, card.id)
    room.clock.forward(10)
    assert await room.membrane.deadlines.expire_due() == 0, "the card may be in Slack"
    await placed(room.membrane, card.id, version=0)
    found = await now(room, review)
    assert (found.shown_at, found.expires_at) == (tried, tried + WINDOW)


async def test_a_vote_on_a_post_in_doubt_proves_that_it_was_shown(room: Room) -> None:
    review = await opened(room, "money.wire")
    room.clock.forward(WINDOW - 5)
    tried = room.clock.now
    await attempting(room.membrane, (await the(room, review, "card")).id)
    room.clock.forward(10)
    await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)
    assert (await now(room, review)).shown_at == tried


async def test_a_post_that_slack_refused_is_not_in_doubt(room: Room) -> None:
    review = await opened(room)
    room.clock.forward(WINDOW - 5)
    card = await the(room, review, "card")
    await attempting(room.membrane, card.id)
    refused = Wait(at=room.clock() + 1, error="ratelimited", refused=True)
    assert await room.membrane.outbox.apply(card.id, refused)
    room.clock.forward(5)
    assert await room.membrane.deadlines.expire_due() == 1
    assert expiry_reason(await now(room, review)) is ExpiryReason.NEVER_SHOWN


async def test_a_post_that_stays_in_doubt_does_not_count_as_shown(room: Room) -> None:
    """Slack was unreachable for the whole window, and the window still ends."""
    review = await opened(room)
    await attempting(room.membrane, (await the(room, review, "card")).id)
    room.clock.forward(WINDOW)
    assert await room.membrane.deadlines.expire_due() == 1
    assert expiry_reason(await now(room, review)) is ExpiryReason.NEVER_SHOWN


async def test_a_review_about_to_expire_unshown_is_no_longer_posted(room: Room) -> None:
    review = await opened(room)
    room.clock.forward(WINDOW)
    card = await the(room, review, "card")
    assert await attempting(room.membrane, card.id) is None
    assert await room.membrane.deadlines.expire_due() == 1


async def test_no_card_is_posted_past_its_window_while_an_earlier_post_is_in_doubt(room: Room) -> None:
    """Otherwise people could see and acknowledge a review that then expires as never shown."""
    review = await opened(room)
    room.clock.forward(WINDOW - 5)
    await room.membrane.deadlines.page_due()
    card, page = await the(room, review, "card"), await the(room, review, "page")
    tried = room.clock.now
    await attempting(room.membrane, card.id)
    room.clock.forward(10)
    assert await attempting(room.membrane, page.id) is None
    assert await attempting(room.membrane, card.id) is None, "the courier looks for the earlier post"
    found = Place(channel_id="C1", ts="1.1", version=0)
    assert await room.membrane.outbox.apply(card.id, found, leased=False)
    assert (await now(room, review)).shown_at == tried
    room.clock.forward(LATE_S)
    assert await attempting(room.membrane, page.id) is not None, "its window goes on"


async def test_a_page_to_somebody_who_may_decide_counts_as_shown(room: Room) -> None:
    """The card has no place; the first step pages people who may not decide, the second those who may."""
    review = await opened(room)
    for seconds, shown in ((250, None), (250, review.opened_at + 500)):
        room.clock.forward(seconds)
        await room.membrane.deadlines.page_due()
        for page in await room.messages(review.id):
            if page.kind == "page" and page.ts is None:
                await attempting(room.membrane, page.id)
                await placed(room.membrane, page.id, channel_id="D1", ts=page.id)
        assert (await now(room, review)).shown_at == shown
    (fact,) = await shown_facts(room)
    assert fact["to"] in {CLEO, DIA}
    due = {message.recipient for message in await room.messages(review.id) if message.due_at is not None}
    assert ADA in due, "her page did not say until when it waits, and does now"


async def test_the_page_chain_and_the_window_both_start_at_the_first_showing(room: Room) -> None:
    review = await opened(room)
    room.clock.forward(240)
    await room.send()
    shown = await now(room, review)
    assert shown.next_page_at == review.opened_at + 240 + 250
    room.clock.forward(249)
    assert await room.membrane.deadlines.page_due() == 0
    room.clock.forward(1)
    assert await room.membrane.deadlines.page_due() == 1
    assert (await now(room, review)).next_page_at == review.opened_at + 240 + 500
    assert not await room.membrane.auditor.audit(), "the auditor finds nothing"
    assert (await now(room, review)).position == 1, "and nothing goes back"


async def test_a_card_in_a_channel_does_not_count_as_shown_while_nobody_may_decide(room: Room) -> None:
    room.people.people["leads"] = ()
    review = await opened(room)
    await room.send()
    assert (await now(room, review)).shown_at is None
    room.people.people["leads"] = (CLEO, DIA)
    room.clock.forward(100)
    await room.membrane.auditor.audit()
    assert (await now(room, review)).shown_at == review.opened_at + 100


async def test_an_unshown_mandated_sign_off_is_overdue_and_reported_to_admins(room: Room) -> None:
    review = await opened(room, "release.sign")
    room.clock.forward(WINDOW)
    assert await room.membrane.deadlines.expire_due() == 1
    overdue = await now(room, review)
    assert (overdue.pending, overdue.overdue_at) == (True, room.clock.now)
    assert any(
        "is overdue and keeps waiting: Slack showed it to nobody who may" in told
        for told in await notices(room)
    )
    room.clock.forward(5000)
    await room.send()
    assert (await now(room, review)).overdue_at == review.opened_at + WINDOW
    assert (await now(room, review)).window_from == review.opened_at, "its chain goes on as it was"


async def test_a_few_notices_tell_the_admins_of_many_unshown_reviews(room: Room) -> None:
    room.in_force.append(policy(open_per_agent=50))
    for number in range(30):
        await opened(room, number=number)
    room.clock.forward(WINDOW)
    while await room.membrane.deadlines.expire_due():
        pass
    told = await notices(room)
    assert 1 < len(told) < 10
    assert any("more reviews that nobody was shown within this hour" in each for each in told)


async def test_showings_dated_by_a_fast_clock_are_pulled_back(room: Room) -> None:
    review = await opened(room)
    room.clock.forward(900)
    await room.send()
    room.clock.now = review.opened_at + 10
    await room.membrane.clock_repair.pull_back()
    found = await now(room, review)
    assert found.shown_at == review.opened_at + 10
    assert found.expires_at == review.opened_at + 10 + WINDOW
