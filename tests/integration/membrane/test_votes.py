"""A review has one outcome, decided by the people named in the current policy, on the arguments they saw."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.domain.action import Action
from bot.domain.record import Standing, Verdict
from bot.domain.review import Review
from bot.domain.states import ActionState, InterruptShape, Receipt, ReviewState
from bot.errors import MembraneError, NotFound, Refusal, VoteRefused
from bot.membrane import Call, Parked
from tests.fakes import ADA, BEN, CLEO, DIA, GUS, policy
from tests.integration.membrane.conftest import Room


async def gated(room: Room, kind: str = "mail.send", **args: Any) -> Review:
    standing = await room.membrane.proposals.propose(room.action(kind, **args))
    assert standing.action.state is ActionState.WAITING
    assert standing.review is not None
    return standing.review


async def vote(room: Room, review: Review, voter: str, *, approve: bool = True, **more: Any) -> Standing:
    digest = more.pop("args_digest", review.args_digest)
    return await room.membrane.votes.cast(review.id, voter, approve=approve, args_digest=digest, **more)


async def refusal(room: Room, review: Review, voter: str, **more: Any) -> Refusal:
    with pytest.raises(VoteRefused) as caught:
        await vote(room, review, voter, **more)
    return caught.value.reason


async def test_one_approval_decides_a_tier_2_review(room: Room) -> None:
    review = await gated(room)
    standing = await vote(room, review, ADA, note="looks right")
    assert standing.action.state is ActionState.APPROVED
    assert standing.review is not None
    assert standing.review.decided_by == (ADA,)
    assert standing.review.note == "looks right"


async def test_a_quorum_counts_distinct_approvers(room: Room) -> None:
    review = await gated(room, "money.wire")
    assert (await vote(room, review, CLEO)).action.state is ActionState.WAITING
    assert await refusal(room, review, CLEO) is Refusal.ALREADY_VOTED
    standing = await vote(room, review, DIA)
    assert standing.action.state is ActionState.APPROVED
    assert standing.review is not None
    assert standing.review.decided_by == (CLEO, DIA)


async def test_one_rejection_ends_a_review_even_after_an_approval(room: Room) -> None:
    review = await gated(room, "money.wire")
    await vote(room, review, CLEO)
    standing = await vote(room, review, CLEO, approve=False, note="wrong account")
    assert standing.action.state is ActionState.REJECTED
    assert standing.action.receipt is Receipt.DENIED
    assert standing.action.detail == "wrong account"


async def test_invariant_8_one_review_one_outcome(room: Room) -> None:
    review = await gated(room)
    room.clock.forward(999.9999)
    clicks = [vote(room, review, voter, approve=voter != BEN) for voter in (ADA, BEN, CLEO, DIA) * 5]
    results = await asyncio.gather(*clicks, room.membrane.deadlines.expire_due(), return_exceptions=True)
    won = [result for result in results if isinstance(result, Standing)]
    lost = [result for result in results if isinstance(result, VoteRefused)]
    assert len(won) == 1
    assert len(lost) == 19
    assert {refused.reason for refused in lost} == {Refusal.DECIDED}
    closed = [entry for entry in await room.journal() if entry.event == "review.closed"]
    assert len(closed) == 1


async def test_invariant_8_a_click_after_the_window_is_refused_before_any_sweep(room: Room) -> None:
    review = await gated(room)
    room.clock.forward(1000)
    assert await refusal(room, review, ADA) is Refusal.EXPIRED
    assert await room.membrane.deadlines.expire_due() == 1
    assert await refusal(room, review, ADA) is Refusal.DECIDED


async def test_invariant_9_a_vote_on_other_arguments_is_refused_and_the_card_redrawn(room: Room) -> None:
    review = await gated(room)
    before = (await room.messages(review.id))[0].wanted
    assert await refusal(room, review, ADA, args_digest="0" * 64) is Refusal.ARGS_CHANGED
    card = (await room.messages(review.id))[0]
    assert card.wanted == before + 1
    assert (await room.membrane.proposals.standing(review.action_id)).action.state is ActionState.WAITING


@pytest.mark.parametrize("late", [False, True], ids=["before it is proposed", "after it was"])
async def test_every_live_owner_of_the_agent_is_a_requester(room: Room, late: bool) -> None:
    """Otherwise each of two owners could approve what the other's token proposes."""
    mine, _ = await room.membrane.tokens.create("deployer", CLEO)
    if not late:
        await room.membrane.tokens.create("deployer", DIA)
    action = Action.of("data.delete", {"id": 1}, agent="deployer", owner=CLEO)
    review = (await room.membrane.proposals.propose(action)).review
    assert review is not None
    if late:
        await room.membrane.tokens.create("deployer", DIA)
    for owner in (CLEO, DIA):
        assert await refusal(room, review, owner) is Refusal.REQUESTER
        with pytest.raises(VoteRefused, match="somebody else has to decide"):
            await room.membrane.votes.acknowledge(review.id, owner)
    await room.membrane.tokens.revoke(mine.id)
    assert await refusal(room, review, CLEO) is Refusal.REQUESTER, "whose token proposed it"


async def test_the_former_owner_of_a_revoked_token_may_vote(room: Room) -> None:
    theirs, _ = await room.membrane.tokens.create("deployer", DIA)
    await room.membrane.tokens.revoke(theirs.id)
    action = Action.of("data.delete", {"id": 1}, agent="deployer", owner=CLEO)
    review = (await room.membrane.proposals.propose(action)).review
    assert review is not None
    assert (await vote(room, review, DIA)).action.state is ActionState.APPROVED


async def test_the_owners_of_an_agent_cannot_settle_its_unknown_receipts(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("job.run", agent="deployer"))
    assert standing.review is not None
    await vote(room, standing.review, CLEO)
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    room.clock.forward(601)
    await room.membrane.deadlines.unknown_due()
    await room.membrane.tokens.create("deployer", CLEO)
    with pytest.raises(VoteRefused) as refused:
        await room.membrane.unknowns.resolve(
            standing.action.id, CLEO, Verdict.HAPPENED, number=1, args_digest=standing.action.args_digest
        )
    assert refused.value.reason is Refusal.REQUESTER


@pytest.mark.parametrize(
    ("leaves", "why"),
    [
        ("the workspace", Refusal.NOT_A_MEMBER),
        ("the approvers", Refusal.NOT_APPROVER),
        ("the disinterested", Refusal.REQUESTER),
    ],
)
async def test_invariant_14_a_quorum_counts_only_people_who_may_still_decide(
    room: Room, leaves: str, why: Refusal
) -> None:
    room.people.people["leads"] = (CLEO, DIA, BEN)
    review = await gated(room, "money.wire")
    await vote(room, review, CLEO)
    if leaves == "the workspace":
        room.people.outsiders.add(CLEO)
    elif leaves == "the approvers":
        room.people.people["leads"] = (DIA, BEN)
    else:
        await room.membrane.tokens.create("ops-agent", CLEO)
    standing = await vote(room, review, DIA)
    assert standing.action.state is ActionState.WAITING
    assert standing.review is not None
    assert [(fell.voter, fell.fallen) for fell in standing.review.fallen] == [(CLEO, why)]
    assert [entry.body for entry in await room.journal() if entry.event == "review.vote_fell_out"] == [
        f'{{"reason":"{why}","voter":"{CLEO}"}}'.encode()
    ]
    decided = (await vote(room, review, BEN)).review
    assert decided is not None
    assert set(decided.decided_by) == {DIA, BEN}


async def test_a_person_who_is_entitled_again_votes_again(room: Room) -> None:
    room.people.people["leads"] = (CLEO, DIA, BEN)
    review = await gated(room, "money.wire")
    await vote(room, review, CLEO)
    room.people.outsiders.add(CLEO)
    await vote(room, review, DIA)
    room.people.outsiders.clear()
    standing = await vote(room, review, CLEO)
    assert standing.action.state is ActionState.APPROVED
    assert standing.review is not None
    assert set(standing.review.decided_by) == {DIA, CLEO}


async def test_no_quorum_fills_while_earlier_voters_cannot_be_checked(room: Room) -> None:
    room.people.people["oncall"] = (ADA,)
    room.in_force.append(policy(quorum_2=2))
    review = await gated(room, "mail.send")
    await vote(room, review, ADA)
    room.people.away.add("oncall")
    assert await refusal(room, review, CLEO) is Refusal.UNRESOLVED
    room.people.away.clear()
    assert (await vote(room, review, CLEO)).action.state is ActionState.APPROVED


async def test_simultaneous_votes_are_all_checked_before_they_count(room: Room) -> None:
    """Ben's vote or Dia's fills the quorum: the last vote checks the others."""
    room.people.people["leads"] = (CLEO, DIA, BEN)
    room.in_force.append(policy(quorum_3=3))
    review = await gated(room, "money.wire")
    await vote(room, review, CLEO)
    room.people.outsiders.add(CLEO)
    await asyncio.gather(vote(room, review, DIA), vote(room, review, BEN))
    standing = await room.membrane.proposals.standing(review.action_id)
    assert standing.review is not None
    assert (standing.action.state, standing.review.approvals_missing) == (ActionState.WAITING, 1)
    assert [fell.voter for fell in standing.review.fallen] == [CLEO]


async def test_a_person_quiets_a_chain_once(room: Room) -> None:
    review = await gated(room)
    await room.send()
    room.clock.forward(251)
    await room.membrane.deadlines.page_due()
    acked = await room.membrane.votes.acknowledge(review.id, ADA)
    room.clock.forward(100)
    again = await room.membrane.votes.acknowledge(review.id, ADA)
    assert again.quiet_until == acked.quiet_until, "a click that Slack delivers twice changes nothing"
    assert (await room.membrane.votes.acknowledge(review.id, CLEO)).quiet_until == room.clock.now + 300
    room.clock.forward(301)
    for user in (ADA, CLEO):
        with pytest.raises(VoteRefused) as refused:
            await room.membrane.votes.acknowledge(review.id, user)
        assert refused.value.reason is Refusal.ALREADY_ACKNOWLEDGED
    assert await room.membrane.deadlines.page_due() == 1
    assert (await room.events()).count("review.ack_refused") == 2


async def test_an_approver_does_not_quiet_the_pages_of_the_others(room: Room) -> None:
    review = await gated(room, "money.wire")
    await vote(room, review, CLEO)
    with pytest.raises(VoteRefused) as refused:
        await room.membrane.votes.acknowledge(review.id, CLEO)
    assert refused.value.reason is Refusal.ALREADY_VOTED


async def test_the_person_a_thread_acts_for_is_a_requester_even_if_its_graph_names_another(
    room: Room,
) -> None:
    thread = await room.membrane.threads.start("g", {}, graph_version="1", agent="a", on_behalf_of=ADA)
    action = Action.of("mail.send", {"id": 1}, agent="a", on_behalf_of=GUS)
    (standing,) = await room.membrane.interrupts.park(
        thread.id, Parked("i1", InterruptShape.GATE, {}, (Call(action),))
    )
    assert standing.review is not None
    assert await refusal(room, standing.review, ADA) is Refusal.REQUESTER


@pytest.mark.parametrize("role", ["owner", "on_behalf_of"])
async def test_nobody_approves_their_own_request(room: Room, role: str) -> None:
    requester: dict[str, Any] = {role: ADA}
    action = Action.of("mail.send", {"to": "a"}, agent="a", **requester)
    standing = await room.membrane.proposals.propose(action)
    assert standing.review is not None
    assert await refusal(room, standing.review, ADA) is Refusal.REQUESTER
    assert (await vote(room, standing.review, CLEO)).action.state is ActionState.APPROVED


async def test_only_full_members_who_are_approvers_vote(room: Room) -> None:
    review = await gated(room, "data.delete")
    assert await refusal(room, review, GUS) is Refusal.NOT_APPROVER
    room.people.outsiders.add(CLEO)
    assert await refusal(room, review, CLEO) is Refusal.NOT_A_MEMBER
    assert await refusal(room, review, DIA, team="T0OTHER") is Refusal.NOT_A_MEMBER
    assert (await room.membrane.proposals.standing(review.action_id)).action.state is ActionState.WAITING
    assert (await room.events()).count("review.vote_refused") == 3


async def test_invariant_12_the_current_policy_names_the_people(room: Room) -> None:
    review = await gated(room, "data.delete")
    room.people.people["leads"] = (DIA,)
    assert await refusal(room, review, CLEO) is Refusal.NOT_APPROVER
    room.people.away.add("leads")
    assert await refusal(room, review, DIA) is Refusal.UNRESOLVED
    room.people.down = True
    assert await refusal(room, review, DIA) is Refusal.UNRESOLVED


async def test_invariant_12_a_review_keeps_the_ruling_it_opened_with(room: Room) -> None:
    review = await gated(room, "money.wire")
    room.in_force.append(policy(window_s=10.0))
    room.clock.forward(500)
    assert await room.membrane.deadlines.expire_due() == 0
    await vote(room, review, CLEO)
    standing = await vote(room, review, DIA)
    assert standing.review is not None
    assert standing.review.ruling.window_s == 1000.0
    assert standing.review.ruling.policy_version == room.in_force[0].version != room.in_force[1].version


async def test_a_vote_on_a_missing_review_is_an_error(room: Room) -> None:
    with pytest.raises(NotFound, match="rev_nothing"):
        await room.membrane.votes.cast("rev_nothing", ADA, approve=True, args_digest="")


async def test_an_ack_quiets_the_page_chain_for_a_while(room: Room) -> None:
    review = await gated(room)
    await room.send()
    room.clock.forward(251)
    assert await room.membrane.deadlines.page_due() == 1
    assert await room.pages() == [(ADA, 0), (BEN, 0)]
    acked = await room.membrane.votes.acknowledge(review.id, ADA)
    assert acked.quiet_until == room.clock.now + 300
    room.clock.forward(260)
    assert await room.membrane.deadlines.page_due() == 0, (
        "the second step was due at 500, but somebody is on it"
    )
    room.clock.forward(41)
    assert await room.membrane.deadlines.page_due() == 1
    assert await room.pages() == [(ADA, 0), (BEN, 0), (CLEO, 1), (DIA, 1)]


async def test_an_ack_never_quiets_past_80_percent_of_the_window(room: Room) -> None:
    review = await gated(room)
    await room.send()
    room.clock.forward(700)
    await room.membrane.deadlines.page_due()
    acked = await room.membrane.votes.acknowledge(review.id, CLEO)
    assert acked.quiet_until == review.opened_at + 800


async def test_only_people_concerned_can_quiet_a_chain(room: Room) -> None:
    review = await gated(room)
    with pytest.raises(VoteRefused) as caught:
        await room.membrane.votes.acknowledge(review.id, GUS)
    assert caught.value.reason is Refusal.NOT_APPROVER


async def test_an_outsider_cannot_quiet_a_chain(room: Room) -> None:
    review = await gated(room)
    room.people.outsiders.add(ADA)
    with pytest.raises(VoteRefused) as caught:
        await room.membrane.votes.acknowledge(review.id, ADA)
    assert caught.value.reason is Refusal.NOT_A_MEMBER
    with pytest.raises(VoteRefused) as caught:
        await room.membrane.votes.acknowledge(review.id, CLEO, team="T0OTHER")
    assert caught.value.reason is Refusal.NOT_A_MEMBER


async def test_an_ack_of_a_withdrawn_review_is_refused(room: Room) -> None:
    review = await gated(room)
    await room.membrane.proposals.withdraw(review.action_id, why="moot")
    with pytest.raises(VoteRefused) as caught:
        await room.membrane.votes.acknowledge(review.id, ADA)
    assert caught.value.reason is Refusal.WITHDRAWN


async def test_the_requester_is_told_the_outcome(room: Room) -> None:
    action = Action.of("mail.send", {"to": "a"}, agent="a", on_behalf_of=GUS)
    standing = await room.membrane.proposals.propose(action)
    assert standing.review is not None
    await vote(room, standing.review, ADA)
    told = [m.recipient for m in await room.messages(standing.review.id) if m.kind == "told"]
    assert told == [GUS]


async def test_a_failing_directory_on_ack_is_an_error_and_changes_nothing(room: Room) -> None:
    review = await gated(room)
    room.people.away |= {"oncall", "leads"}
    with pytest.raises(MembraneError):
        await room.membrane.votes.acknowledge(review.id, ADA)
    assert (await room.membrane.proposals.standing(review.action_id)).reviews[0].acked_by is None


async def test_review_states_are_what_people_read(room: Room) -> None:
    review = await gated(room)
    assert review.state is ReviewState.PENDING
    assert review.ruling.tier.label == "async approval"
