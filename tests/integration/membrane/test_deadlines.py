"""Time passes: reviews expire with their tier's default, pages, digests and unknown receipts come due."""

from __future__ import annotations

import pytest

from bot.domain.record import Standing
from bot.domain.review import Review
from bot.domain.states import ActionState, Receipt, ReviewState
from bot.errors import ClaimRefused
from bot.membrane import CardFacts, DigestFacts
from bot.store import executions
from tests.fakes import ADA, BEN, CLEO, DIA, placed, redrawn
from tests.integration.membrane.conftest import Room

WINDOW = 1000


async def gated(room: Room, kind: str) -> tuple[Standing, Review]:
    standing = await room.membrane.proposals.propose(room.action(kind))
    assert standing.review is not None
    return standing, standing.review


async def test_an_unanswered_tier_3_action_aborts(room: Room) -> None:
    standing, _ = await gated(room, "money.wire")
    room.clock.forward(WINDOW)
    assert await room.membrane.deadlines.expire_due() == 1
    after = await room.membrane.proposals.standing(standing.action.id)
    assert after.action.state is ActionState.ABORTED
    assert after.action.receipt is Receipt.DENIED
    assert [r.state for r in after.reviews] == [ReviewState.EXPIRED]
    assert after.reviews[0].decided_by == ()
    assert await room.membrane.deadlines.expire_due() == 0


async def test_an_unanswered_tier_2_action_halts_and_its_successor_can_be_approved(room: Room) -> None:
    standing, _ = await gated(room, "mail.send")
    room.clock.forward(WINDOW)
    await room.membrane.deadlines.expire_due()
    halted = await room.membrane.proposals.standing(standing.action.id)
    assert (halted.action.state, halted.action.receipt) == (ActionState.HALTED, Receipt.HALTED)
    first, second = halted.reviews
    assert (second.predecessor_id, second.votes, second.expires_at) == (first.id, (), None)
    assert [m.kind for m in await room.messages(second.id)] == ["card"]
    room.clock.forward(100 * WINDOW)
    assert await room.membrane.deadlines.expire_due() == 0
    approved = await room.membrane.votes.cast(second.id, ADA, approve=True, args_digest=second.args_digest)
    assert approved.action.state is ActionState.APPROVED


async def test_a_successor_restarts_the_page_chain_with_its_predecessors_window(room: Room) -> None:
    await gated(room, "mail.send")
    room.clock.forward(WINDOW)
    await room.membrane.deadlines.expire_due()
    room.clock.forward(0.25 * WINDOW - 1)
    assert await room.membrane.deadlines.page_due() == 0
    room.clock.forward(1)
    assert await room.membrane.deadlines.page_due() == 1
    assert await room.pages() == [(ADA, 0), (BEN, 0)]


async def test_a_mandated_sign_off_is_only_marked_overdue_and_pages_on(room: Room) -> None:
    standing, review = await gated(room, "release.sign")
    room.clock.forward(WINDOW)
    assert await room.membrane.deadlines.expire_due() == 1
    assert await room.membrane.deadlines.expire_due() == 0, "it is marked once"
    after = await room.membrane.proposals.standing(standing.action.id)
    assert after.action.state is ActionState.WAITING
    assert after.reviews[0].overdue_at == room.clock.now
    signed = await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)
    assert signed.action.state is ActionState.APPROVED


async def test_invariant_5_no_expiry_proceeds(room: Room) -> None:
    for kind in ("mail.send", "money.wire", "release.sign", "not.in.the.policy"):
        standing, _ = await gated(room, kind)
        room.clock.forward(WINDOW + 1)
        await room.membrane.deadlines.expire_due()
        with pytest.raises(ClaimRefused, match="may not start"):
            await room.membrane.claims.start(standing.action.id, standing.action.args_digest)


async def test_pages_follow_the_chain_and_widen_and_repeat(room: Room) -> None:
    _, review = await gated(room, "money.wire")
    seen = []
    for seconds in (250, 250, 400, 60, 20):
        room.clock.forward(seconds)
        await room.membrane.deadlines.page_due()
        seen.append(await room.pages())
    assert seen[0] == [(ADA, 0), (BEN, 0)]
    assert seen[1] == [*seen[0], (CLEO, 1), (DIA, 1)]
    assert seen[2] == seen[1], "the third step posts to a channel"
    assert [m.recipient for m in await room.messages(review.id) if m.kind == "post"] == ["#incidents"]
    assert seen[3] == sorted([*seen[1], (ADA, 3), (BEN, 3), (CLEO, 3), (DIA, 3)])
    assert seen[4] == seen[3]


async def test_each_review_gets_one_page_after_the_bot_was_down(room: Room) -> None:
    await gated(room, "release.sign")
    room.clock.forward(50 * WINDOW)
    assert await room.membrane.deadlines.page_due() == 1
    assert [user for user, _ in await room.pages()] == [ADA, BEN, CLEO, DIA]
    assert await room.membrane.deadlines.page_due() == 0
    room.clock.forward(60)
    assert await room.membrane.deadlines.page_due() == 1, "a mandated sign-off is paged until it is answered"


async def test_no_page_after_the_outcome(room: Room) -> None:
    _, review = await gated(room, "data.delete")
    room.clock.forward(250)
    await room.membrane.deadlines.page_due()
    pages = [m for m in await room.messages(review.id) if m.kind == "page"]
    await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)
    due = [m.id for m in await room.membrane.outbox.lease(100)]
    assert not {page.id for page in pages} & set(due), "wanted before the outcome, never sent"
    assert not await room.membrane.outbox.attempting(pages[0].id)
    room.clock.forward(WINDOW)
    assert await room.membrane.deadlines.page_due() == 0


async def test_a_page_without_resolvable_people_is_retried_then_reported_to_admins(room: Room) -> None:
    await gated(room, "data.delete")
    room.people.away.add("oncall")
    room.clock.forward(250)
    assert await room.membrane.deadlines.page_due() == 0
    room.clock.forward(61)
    assert await room.membrane.deadlines.page_due() == 1
    leased = await room.membrane.outbox.lease(100)
    assert [(m.kind, m.recipient) for m in leased if m.kind == "notice"] == [("notice", "#membrane-admin")]


async def test_periodic_digests_list_tier_1_actions(room: Room) -> None:
    for _ in range(5):
        await room.membrane.proposals.propose(room.action("report.make"))
    room.clock.forward(59)
    assert await room.membrane.digests.make_due() == 0
    room.clock.forward(1)
    assert await room.membrane.digests.make_due() == 1
    assert await room.membrane.digests.make_due() == 0, "nothing new, nothing said"
    (message,) = await room.membrane.outbox.lease(10)
    facts = await room.membrane.outbox.facts(message)
    assert isinstance(facts, DigestFacts)
    assert facts.passed.count == 5


async def test_a_halted_action_is_named_in_every_digest(room: Room) -> None:
    standing, _ = await gated(room, "mail.send")
    room.clock.forward(WINDOW)
    await room.membrane.deadlines.expire_due()
    for _ in range(2):
        room.clock.forward(60)
        assert await room.membrane.digests.make_due() == 1
        message = next(m for m in await room.membrane.outbox.lease(10) if m.kind == "digest")
        facts = await room.membrane.outbox.facts(message)
        assert isinstance(facts, DigestFacts)
        assert [parked.action.id for parked in facts.halted] == [standing.action.id]


async def test_a_claim_without_a_report_becomes_unknown_and_is_never_guessed(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("db.read"))
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    room.clock.forward(601)
    assert await room.membrane.deadlines.unknown_due() == 1
    after = await room.membrane.proposals.standing(standing.action.id)
    assert (after.action.state, after.action.receipt) == (ActionState.UNKNOWN, Receipt.UNKNOWN)
    late = await room.membrane.reports.record(standing.action.id, executed=True)
    assert late.action.receipt is Receipt.EXECUTED, "a late report is better than none"


async def test_an_effect_that_was_claimed_again_is_not_unknown(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing, review = await gated(room, "job.run")
    await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)
    await room.membrane.claims.start(standing.action.id, review.args_digest)
    room.clock.forward(601)
    due = await room.db.read(lambda connection: executions.unreported(connection, room.clock(), 10))
    monkeypatch.setattr(executions, "unreported", lambda *_: due)
    await room.membrane.claims.start(standing.action.id, review.args_digest, rerun=True)
    assert await room.membrane.deadlines.unknown_due() == 0
    assert (await room.membrane.proposals.standing(standing.action.id)).action.state is ActionState.RUNNING
    monkeypatch.undo()
    room.clock.forward(601)
    assert await room.membrane.deadlines.unknown_due() == 1, "the second attempt needs a report too"


async def test_a_card_is_drawn_from_current_facts(room: Room) -> None:
    _, review = await gated(room, "data.delete")
    (card,) = await room.membrane.outbox.lease(10)
    await room.membrane.votes.cast(review.id, CLEO, approve=False, args_digest=review.args_digest)
    facts = await room.membrane.outbox.facts(card)
    assert isinstance(facts, CardFacts)
    assert facts.review.state is ReviewState.REJECTED
    assert facts.message.wanted == 2
    await placed(room.membrane, card.id)
    again = await room.membrane.outbox.lease(10)
    assert [message.id for message in again] == [card.id], "a newer version was wanted meanwhile"


async def test_the_card_of_a_halted_review_links_to_its_successor(room: Room) -> None:
    _, first = await gated(room, "mail.send")
    (card,) = await room.membrane.outbox.lease(10)
    await placed(room.membrane, card.id)
    room.clock.forward(WINDOW)
    await room.membrane.deadlines.expire_due()
    due = {message.id: message for message in await room.membrane.outbox.lease(10)}
    await redrawn(room.membrane, due.pop(card.id))
    (second,) = due.values()
    await placed(room.membrane, second.id, ts="2.2")
    (again,) = await room.membrane.outbox.lease(10)
    facts = await room.membrane.outbox.facts(again)
    assert isinstance(facts, CardFacts)
    assert facts.review.id == first.id
    assert {card.ts for card in facts.cards.values()} == {"1.1", "2.2"}
