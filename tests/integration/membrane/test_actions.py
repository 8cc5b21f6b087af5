"""The life of an action: propose, caps, withdraw, claim, report."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.action import Action
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.policy_model import DeclaredRisk, OwnSettings, RaiseRule
from bot.domain.record import Claim
from bot.domain.risk import BlastRadius, Risk, Tier
from bot.domain.states import ActionState, Receipt, ReviewState
from bot.errors import ClaimRefused, Conflict, NotFound, Refusal, ReportRefused, TooMany
from bot.membrane.caps import TAKEN_BACK_S
from bot.store import journal
from tests.fakes import ADA, CLEO, DIA, policy
from tests.integration.membrane.conftest import Room
from tests.waiting import until

RULE = RaiseRule("odd-card", Tier.SYNC_APPROVAL, {"card": (Condition(Op.EQ, "6666"),)}, "it is stolen")


async def approved(room: Room, kind: str = "mail.send") -> tuple[str, str]:
    standing = await room.membrane.proposals.propose(room.action(kind))
    assert standing.review is not None
    review = standing.review
    await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)
    return standing.action.id, standing.action.args_digest


async def refusal(room: Room, action_id: str, digest: str, *, rerun: bool = False) -> Refusal:
    with pytest.raises(ClaimRefused) as caught:
        await room.membrane.claims.start(action_id, digest, rerun=rerun)
    return caught.value.reason


async def test_invariant_1_unknown_is_strictest(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("nobody.declared.this"))
    assert standing.action.tier is Tier.SYNC_APPROVAL
    assert standing.action.state is ActionState.WAITING


async def test_tier_0_and_1_pass_and_are_journaled(room: Room) -> None:
    for kind, tier in (("db.read", 0), ("report.make", 1)):
        standing = await room.membrane.proposals.propose(room.action(kind))
        assert (standing.action.tier, standing.action.state) == (tier, ActionState.PASSED)
        assert standing.reviews == ()
    assert await room.events() == ["action.passed", "action.passed"]


async def test_invariant_10_humans_never_gate_machines_that_do_not_need_them(room: Room) -> None:
    room.in_force.append(policy(open_per_agent=1))
    await room.membrane.proposals.propose(room.action("money.wire"))
    room.people.down = True
    standings = await asyncio.gather(
        *(room.membrane.proposals.propose(room.action("db.read")) for _ in range(100))
    )
    assert {standing.action.state for standing in standings} == {ActionState.PASSED}


async def test_open_reviews_are_capped_per_agent(room: Room) -> None:
    room.in_force.append(policy(open_per_agent=2))
    for number in range(2):
        await room.membrane.proposals.propose(room.action("mail.send", number=number))
    with pytest.raises(TooMany) as caught:
        await room.membrane.proposals.propose(room.action("mail.send", number=3))
    assert caught.value.retry_after > 0
    other = await room.membrane.proposals.propose(room.action("mail.send", agent="another-agent", number=3))
    assert other.action.state is ActionState.WAITING


async def test_a_rejection_is_remembered_for_an_hour(room: Room) -> None:
    first = await room.membrane.proposals.propose(room.action("data.delete"))
    assert first.review is not None
    await room.membrane.votes.cast(
        first.review.id, CLEO, approve=False, args_digest=first.review.args_digest, note="never"
    )
    again = await room.membrane.proposals.propose(room.action("data.delete"))
    assert again.action.state is ActionState.REJECTED
    assert again.action.receipt is Receipt.DENIED
    assert again.action.remembers == first.action.id
    assert again.reviews == ()
    assert "never" in (again.action.detail or "")
    room.clock.forward(3601)
    asked = await room.membrane.proposals.propose(room.action("data.delete"))
    assert asked.action.state is ActionState.WAITING, "the remembered answer is not itself remembered"


async def test_a_repeated_idempotency_key_returns_the_first_action(room: Room) -> None:
    for kind in ("db.read", "mail.send"):
        first = await room.membrane.proposals.propose(room.action(kind), idempotency_key=kind)
        second = await room.membrane.proposals.propose(room.action(kind), idempotency_key=kind)
        assert first.action.id == second.action.id
        with pytest.raises(Conflict):
            await room.membrane.proposals.propose(room.action(kind, other=1), idempotency_key=kind)
    entries = [event for event in await room.events() if event.startswith("action.")]
    assert entries == ["action.passed", "action.proposed"]


async def test_an_agent_sees_only_its_own_actions(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("mail.send"))
    for call in (
        room.membrane.proposals.standing(standing.action.id, agent="spy"),
        room.membrane.proposals.withdraw(standing.action.id, why="x", agent="spy"),
        room.membrane.claims.start(standing.action.id, standing.action.args_digest, agent="spy"),
        room.membrane.reports.record(standing.action.id, executed=True, agent="spy"),
    ):
        with pytest.raises(NotFound):
            await call


async def test_withdrawing_closes_the_review_without_an_outcome(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("mail.send"))
    after = await room.membrane.proposals.withdraw(standing.action.id, why="the customer called back")
    assert after.action.state is ActionState.WITHDRAWN
    assert after.action.receipt is None
    assert after.review is not None
    assert (after.review.state, after.review.note) == (ReviewState.WITHDRAWN, "the customer called back")
    room.clock.forward(5000)
    assert await room.membrane.deadlines.page_due() == 0
    assert await room.membrane.deadlines.expire_due() == 0


async def test_waiting_ends_with_the_outcome(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("mail.send"))
    assert standing.review is not None
    waiting = asyncio.create_task(room.membrane.proposals.wait(standing.action.id, 30))
    await until(lambda: room.membrane.wakeups.is_watched(standing.action.id))
    assert not waiting.done()
    await room.membrane.votes.cast(
        standing.review.id, ADA, approve=True, args_digest=standing.review.args_digest
    )
    assert (await asyncio.wait_for(waiting, 60)).action.state is ActionState.APPROVED


async def test_waiting_for_a_passed_action_returns_at_once(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("db.read"))
    assert (await room.membrane.proposals.wait(standing.action.id, 30)).action.state is ActionState.PASSED


async def test_invariant_9_only_the_arguments_that_people_saw_run(room: Room) -> None:
    action_id, digest = await approved(room)
    assert await refusal(room, action_id, "f" * 64) is Refusal.ARGS_CHANGED
    assert (await room.membrane.claims.start(action_id, digest)).attempt == 1


def tightened(room: Room, kind: str, **changes: Any) -> None:
    """Put a policy in force that rules one kind differently."""
    now = room.in_force[-1]
    room.in_force.append(replace(now, actions={**now.actions, kind: replace(now.actions[kind], **changes)}))


@pytest.mark.parametrize("kind", ["db.read", "report.make", "mail.send"])
async def test_invariant_14_a_passed_action_is_ruled_again_at_the_claim(room: Room, kind: str) -> None:
    if kind == "mail.send":
        action_id, digest = await approved(room)
    else:
        standing = await room.membrane.proposals.propose(room.action(kind))
        action_id, digest = standing.action.id, standing.action.args_digest
    tightened(room, kind, tier=Tier.SYNC_APPROVAL)
    with pytest.raises(ClaimRefused, match="it is Tier 3 now") as refused:
        await room.membrane.claims.start(action_id, digest)
    assert (refused.value.reason, refused.value.state) == (Refusal.TIGHTENED, ActionState.WAITING)
    standing = await room.membrane.proposals.standing(action_id)
    assert (standing.action.state, standing.action.tier) == (ActionState.WAITING, Tier.SYNC_APPROVAL)
    assert standing.review is not None
    assert (standing.review.ruling.quorum, standing.review.votes) == (2, ())
    assert "action.tightened" in await room.events()
    assert await refusal(room, action_id, digest) is Refusal.NOT_APPROVED
    for voter in (CLEO, DIA):
        await room.membrane.votes.cast(standing.review.id, voter, approve=True, args_digest=digest)
    assert (await room.membrane.claims.start(action_id, digest)).attempt == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"settings": OwnSettings(quorum=2)}, "it needs 2 approvals now, not 1"),
        ({"settings": OwnSettings(approvers=("leads",))}, "oncall may not approve it any more"),
        ({"valid_for_s": 10.0}, "an approval of it is good for 10 seconds now"),
    ],
)
async def test_invariant_14_an_approval_must_satisfy_the_stricter_of_the_two_policies(
    room: Room, changes: dict[str, Any], says: str
) -> None:
    action_id, digest = await approved(room)
    room.clock.forward(50)
    tightened(room, "mail.send", **changes)
    with pytest.raises(ClaimRefused, match=says):
        await room.membrane.claims.start(action_id, digest)
    assert (await room.membrane.proposals.standing(action_id)).action.state is ActionState.WAITING


@pytest.mark.parametrize(
    "changes",
    [
        {"tier": Tier.TRANSPARENT, "risk": DeclaredRisk(reversible=True, blast_radius=BlastRadius.LOW)},
        {"valid_for_s": 99_999.0},
        {"settings": OwnSettings(approvers=("oncall", "leads", "finance"))},
        {"settings": OwnSettings(channel="#elsewhere")},
    ],
)
async def test_a_policy_change_that_is_no_stricter_asks_nobody_again(
    room: Room, changes: dict[str, Any]
) -> None:
    action_id, digest = await approved(room)
    tightened(room, "mail.send", **changes)
    assert (await room.membrane.claims.start(action_id, digest)).attempt == 1


async def test_an_action_that_became_tier_1_passes_and_enters_the_digest(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("db.read"))
    tightened(room, "db.read", tier=Tier.ASYNC_REVIEW)
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    assert (await room.membrane.proposals.standing(standing.action.id)).action.tier is Tier.ASYNC_REVIEW
    room.clock.forward(61)
    assert await room.membrane.digests.make_due() == 1


async def test_the_agents_hint_counts_again_at_the_claim(room: Room) -> None:
    """The hint raises the tier again, and the rules that this tier has now apply."""
    hint = Risk(reversible=True, blast_radius=BlastRadius.MEDIUM)
    action = Action.of("db.read", {"id": 1}, agent="ops-agent", hint=hint)
    standing = await room.membrane.proposals.propose(action)
    assert standing.review is not None
    digest = standing.action.args_digest
    await room.membrane.votes.cast(standing.review.id, ADA, approve=True, args_digest=digest)
    room.in_force.append(policy(quorum_2=2))
    assert await refusal(room, standing.action.id, digest) is Refusal.TIGHTENED


async def test_a_kind_removed_from_the_policy_is_unknown_at_the_claim(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("db.read"))
    now = room.in_force[-1]
    left = {name: kind for name, kind in now.actions.items() if name != "db.read"}
    room.in_force.append(replace(now, actions=left))
    assert await refusal(room, standing.action.id, standing.action.args_digest) is Refusal.TIGHTENED


async def test_claims_of_passed_actions_under_a_stricter_policy_respect_the_cap(room: Room) -> None:
    room.in_force.append(policy(open_per_agent=2))
    passed = [
        await room.membrane.proposals.propose(room.action("db.read", number=number)) for number in range(3)
    ]
    tightened(room, "db.read", tier=Tier.ASYNC_APPROVAL)
    errors = []
    for each in passed:
        with pytest.raises((ClaimRefused, TooMany)) as refused:
            await room.membrane.claims.start(each.action.id, each.action.args_digest, agent="ops-agent")
        errors.append(refused.type)
    assert errors == [ClaimRefused, ClaimRefused, TooMany]
    assert (await room.membrane.proposals.standing(passed[2].action.id)).action.state is ActionState.PASSED


async def test_a_kind_that_is_no_longer_idempotent_does_not_run_again(room: Room) -> None:
    action_id, digest = await approved(room, "job.run")
    await room.membrane.claims.start(action_id, digest)
    tightened(room, "job.run", idempotent=False)
    assert await refusal(room, action_id, digest, rerun=True) is Refusal.ALREADY_CLAIMED


REDACTED: dict[str, Any] = {"card": "4242", "amount": 5}


async def redacted(room: Room) -> tuple[str, str]:
    """Let an action pass with one argument redacted, so the store does not have it."""
    args = {"card": Arg(ArgType.STRING), "amount": Arg(ArgType.NUMBER)}
    tightened(room, "db.read", redact=("card",), args=args)
    standing = await room.membrane.proposals.propose(room.action("db.read", **REDACTED))
    assert standing.action.state is ActionState.PASSED
    return standing.action.id, standing.action.args_digest


async def test_a_redacted_argument_matters_only_if_its_kind_changed(room: Room) -> None:
    action_id, digest = await redacted(room)
    tightened(room, "mail.send", tier=Tier.SYNC_APPROVAL)
    assert (await room.membrane.claims.start(action_id, digest)).attempt == 1
    another, digest = await redacted(room)
    tightened(room, "db.read", rules=(RULE,))
    assert await refusal(room, another, digest) is Refusal.TIGHTENED


@pytest.mark.parametrize(("card", "reason"), [("4242", None), ("6666", Refusal.ARGS_CHANGED)])
async def test_a_claim_that_brings_the_real_arguments_is_ruled_by_them(
    room: Room, card: str, reason: Refusal | None
) -> None:
    action_id, digest = await redacted(room)
    tightened(room, "db.read", rules=(RULE,))
    claim = room.membrane.claims.start(action_id, digest, args={**REDACTED, "card": card})
    if reason is None:
        assert (await claim).attempt == 1
    else:
        with pytest.raises(ClaimRefused) as refused:
            await claim
        assert refused.value.reason is reason


async def test_invariant_13_an_approval_lapses(room: Room) -> None:
    action_id, digest = await approved(room)
    room.clock.forward(101)
    assert await refusal(room, action_id, digest) is Refusal.LAPSED
    asked = await room.membrane.proposals.standing(action_id)
    assert asked.action.state is ActionState.WAITING
    assert [review.state for review in asked.reviews] == [ReviewState.APPROVED, ReviewState.PENDING]
    assert asked.review is not None
    await room.membrane.votes.cast(asked.review.id, ADA, approve=True, args_digest=digest)
    assert (await room.membrane.claims.start(action_id, digest)).action.state is ActionState.RUNNING


@pytest.mark.parametrize(("tier", "runs"), [(Tier.ASYNC_REVIEW, True), (Tier.ASYNC_APPROVAL, False)])
async def test_a_rerun_is_refused_once_the_policy_requires_approval(
    room: Room, tier: Tier, runs: bool
) -> None:
    tightened(room, "db.read", idempotent=True)
    passed = await room.membrane.proposals.propose(room.action("db.read"))
    action_id, digest = passed.action.id, passed.action.args_digest
    await room.membrane.claims.start(action_id, digest)
    tightened(room, "db.read", idempotent=True, tier=tier)
    if runs:
        assert (await room.membrane.claims.start(action_id, digest, rerun=True)).attempt == 2
    else:
        assert await refusal(room, action_id, digest, rerun=True) is Refusal.ALREADY_CLAIMED
        room.clock.forward(601)
        await room.membrane.deadlines.unknown_due()
        assert (await room.membrane.proposals.standing(action_id)).action.state is ActionState.UNKNOWN


async def test_many_claims_start_an_action_once(room: Room) -> None:
    action_id, digest = await approved(room)
    claims = await asyncio.gather(
        *(room.membrane.claims.start(action_id, digest) for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(claim, Claim) for claim in claims) == 1
    await room.membrane.reports.record(action_id, executed=True, result={"mail": 7})
    assert await refusal(room, action_id, digest) is Refusal.ALREADY_CLAIMED


async def test_an_action_without_approval_does_not_start(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("mail.send"))
    assert await refusal(room, standing.action.id, standing.action.args_digest) is Refusal.NOT_APPROVED


async def test_only_an_idempotent_kind_may_run_again_after_a_crash(room: Room) -> None:
    plain, digest = await approved(room)
    await room.membrane.claims.start(plain, digest)
    assert await refusal(room, plain, digest, rerun=True) is Refusal.ALREADY_CLAIMED
    again, digest = await approved(room, "job.run")
    first = await room.membrane.claims.start(again, digest)
    assert await refusal(room, again, digest) is Refusal.ALREADY_CLAIMED
    second = await room.membrane.claims.start(again, digest, rerun=True)
    assert (second.key, second.attempt) == (first.key, 2)


async def test_reports_settle_an_action_once(room: Room) -> None:
    action_id, digest = await approved(room)
    with pytest.raises(ReportRefused):
        await room.membrane.reports.record(action_id, executed=True)
    await room.membrane.claims.start(action_id, digest)
    failed = await room.membrane.reports.record(action_id, executed=False, detail="mailbox full")
    assert (failed.action.receipt, failed.action.detail) == (Receipt.FAILED, "mailbox full")
    await room.membrane.reports.record(action_id, executed=False, detail="mailbox full")
    with pytest.raises(ReportRefused):
        await room.membrane.reports.record(action_id, executed=True)


async def test_the_journal_verifies_and_tells_everything(room: Room) -> None:
    action_id, digest = await approved(room)
    await room.membrane.claims.start(action_id, digest)
    await room.membrane.reports.record(action_id, executed=True)
    assert await room.events() == [
        "action.proposed",
        "review.opened",
        "review.shown",
        "review.vote",
        "review.closed",
        "action.claimed",
        "action.executed",
    ]
    read, breaks = await room.db.read(journal.verify)
    assert (read, breaks) == (7, [])


async def test_a_withdrawn_action_counts_as_open_for_a_while(room: Room) -> None:
    """Reviewers have seen it. A loop of proposing and withdrawing would flood them below the cap."""
    room.in_force.append(policy(open_per_agent=3))
    for number in range(3):
        standing = await room.membrane.proposals.propose(room.action("mail.send", number=number))
        await room.membrane.proposals.withdraw(standing.action.id, why="no longer wanted")
    with pytest.raises(TooMany, match="has 0 open reviews, and 3 were withdrawn within the last 10 minutes"):
        await room.membrane.proposals.propose(room.action("mail.send", number=9))
    assert (await room.membrane.proposals.propose(room.action("mail.send", agent="another"))).review
    room.clock.forward(TAKEN_BACK_S + 1)
    assert (await room.membrane.proposals.propose(room.action("mail.send", number=9))).review
