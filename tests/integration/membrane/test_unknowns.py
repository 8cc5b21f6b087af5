"""An action started and never reported: a person is asked and answers once, and nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from bot.domain.message_order import Priority
from bot.domain.message_record import Message
from bot.domain.people import Users
from bot.domain.record import Standing, Verdict
from bot.domain.risk import Tier
from bot.domain.states import ActionState, ReviewState
from bot.errors import ClaimRefused, NotFound, Refusal, ReportRefused, VoteRefused
from bot.membrane import ReceiptFacts
from bot.membrane.retention import Retention
from bot.store import journal, messages
from tests.fakes import ADA, BEN, CLEO, DIA, GUS, policy
from tests.integration.membrane.conftest import Room


async def unknown(room: Room, kind: str = "mail.send", **more: Any) -> Standing:
    """Return an action that was claimed and never reported."""
    standing = await room.membrane.proposals.propose(replace(room.action(kind), **more))
    for voter in (CLEO, DIA):
        standing = await room.membrane.proposals.standing(standing.action.id)
        if standing.review is not None and standing.review.pending:
            digest = standing.action.args_digest
            await room.membrane.votes.cast(standing.review.id, voter, approve=True, args_digest=digest)
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    room.clock.forward(601)
    assert await room.membrane.deadlines.unknown_due() == 1
    return await room.membrane.proposals.standing(standing.action.id)


async def say(
    room: Room, standing: Standing, verdict: Verdict, user: str = CLEO, *, number: int = 1
) -> Standing:
    action = standing.action
    return await room.membrane.unknowns.resolve(
        action.id, user, verdict, number=number, args_digest=action.args_digest
    )


async def refused(room: Room, standing: Standing, user: str = CLEO, **more: Any) -> Refusal:
    with pytest.raises(VoteRefused) as caught:
        await say(room, standing, more.pop("verdict", Verdict.HAPPENED), user, **more)
    return caught.value.reason


async def receipts(room: Room, standing: Standing) -> list[Message]:
    return await room.db.read(lambda connection: messages.receipts_of(connection, standing.action.id))


async def facts(room: Room, message: Message) -> ReceiptFacts:
    found = await room.membrane.outbox.facts(message)
    assert isinstance(found, ReceiptFacts)
    return found


@pytest.mark.parametrize(
    ("kind", "channel", "priority"),
    [
        ("db.read", "#membrane-admin", Priority.REST),
        ("report.make", "#membrane-admin", Priority.REST),
        ("mail.send", "#agent-approvals", Priority.CARD_2),
        ("money.wire", "#agent-approvals", Priority.CARD_3),
    ],
)
async def test_an_unknown_receipt_of_any_tier_gets_a_card(
    room: Room, kind: str, channel: str, priority: int
) -> None:
    standing = await unknown(room, kind)
    (card,) = await receipts(room, standing)
    assert (card.kind, card.recipient, card.priority) == ("receipt", channel, priority)
    assert await room.membrane.deadlines.unknown_due() == 0
    assert len(await receipts(room, standing)) == 1


async def test_without_an_admin_channel_a_passed_action_is_asked_about_in_the_tier_2_channel(
    room: Room,
) -> None:
    room.in_force.append(replace(policy(), admin_channel=None, admins=()))
    standing = await unknown(room, "db.read")
    (card,) = await receipts(room, standing)
    assert card.recipient == "#agent-approvals"
    assert (await facts(room, card)).asked == ("oncall", "leads")
    await say(room, standing, Verdict.HAPPENED, ADA)


async def test_an_answer_that_it_happened_marks_the_action_executed_and_names_the_person(room: Room) -> None:
    standing = await unknown(room)
    after = (await say(room, standing, Verdict.HAPPENED)).action
    assert after.state is ActionState.EXECUTED
    assert after.detail == f"{CLEO} says that it happened; the agent never reported it"
    (entry,) = [each for each in await room.journal() if each.event == "action.resolved"]
    assert orjson.loads(entry.body) == {"number": 1, "by": CLEO, "verdict": "happened"}
    assert await room.db.read(journal.verify) == (len(await room.journal()), [])
    (card,) = await receipts(room, standing)
    seen = await facts(room, card)
    assert (seen.unknown.is_open, seen.unknown.said_by) == (False, CLEO)
    with pytest.raises(ReportRefused):
        await room.membrane.reports.record(standing.action.id, executed=False)


async def test_an_answer_that_it_did_not_happen_asks_again_and_counts_as_a_vote(room: Room) -> None:
    standing = await unknown(room, "money.wire")
    again = await say(room, standing, Verdict.DID_NOT)
    assert again.action.state is ActionState.WAITING
    assert again.review is not None
    assert [vote.voter for vote in again.review.votes] == [CLEO]
    digest = again.action.args_digest
    await room.membrane.votes.cast(again.review.id, DIA, approve=True, args_digest=digest)
    claim = await room.membrane.claims.start(again.action.id, digest)
    assert claim.key == f"{again.review.id}:{digest}", "another approval, another key"
    await room.membrane.reports.record(again.action.id, executed=True)
    assert len(again.reviews) == 2


async def test_an_answer_that_it_did_not_happen_allows_a_start_if_one_approval_is_enough(room: Room) -> None:
    standing = await unknown(room)
    again = await say(room, standing, Verdict.DID_NOT, ADA)
    assert again.action.state is ActionState.APPROVED
    assert (await room.membrane.claims.start(again.action.id, again.action.args_digest)).attempt == 1


async def test_a_passing_action_may_be_claimed_again_as_a_second_attempt(room: Room) -> None:
    standing = await unknown(room, "db.read")
    room.clock.forward(100_000)
    again = await say(room, standing, Verdict.DID_NOT)
    assert again.action.state is ActionState.PASSED
    digest = again.action.args_digest
    claim = await room.membrane.claims.start(again.action.id, digest)
    assert (claim.key, claim.attempt) == (f"{again.action.id}:{digest}", 2)
    with pytest.raises(ClaimRefused):
        await room.membrane.claims.start(again.action.id, digest)
    claimed = [orjson.loads(each.body) for each in await room.journal() if each.event == "action.claimed"]
    assert [body["attempt"] for body in claimed] == [1, 2]


async def test_a_second_missing_report_is_asked_about_again(room: Room) -> None:
    standing = await unknown(room, "db.read")
    await say(room, standing, Verdict.DID_NOT)
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    room.clock.forward(601)
    assert await room.membrane.deadlines.unknown_due() == 1
    assert [card.position for card in await receipts(room, standing)] == [1, 2]
    assert await refused(room, standing, number=1) is Refusal.DECIDED
    await say(room, standing, Verdict.HAPPENED, number=2)


async def test_a_thread_that_went_on_without_the_action_is_not_run_again(room: Room) -> None:
    thread = await room.membrane.threads.start("graph", {}, graph_version="1", agent="ops-agent")
    proposed = await room.membrane.proposals.propose(room.action("db.read"), thread_id=thread.id)
    await room.membrane.claims.start(proposed.action.id, proposed.action.args_digest)
    room.clock.forward(601)
    await room.membrane.deadlines.unknown_due()
    after = await say(room, proposed, Verdict.DID_NOT)
    assert after.action.state is ActionState.FAILED
    assert "did not happen; its thread went on" in (after.action.detail or "")


async def test_an_action_left_unknown_is_still_settled_by_a_late_report(room: Room) -> None:
    standing = await unknown(room)
    left = await say(room, standing, Verdict.LEFT)
    assert left.action.state is ActionState.UNKNOWN
    assert await refused(room, standing, DIA) is Refusal.DECIDED
    after = await room.membrane.reports.record(standing.action.id, executed=True)
    assert after.action.state is ActionState.EXECUTED


async def test_a_late_report_that_comes_first_closes_the_question(room: Room) -> None:
    standing = await unknown(room)
    (before,) = await receipts(room, standing)
    await room.membrane.reports.record(standing.action.id, executed=False, detail="no")
    (card,) = await receipts(room, standing)
    assert card.wanted > before.wanted
    assert not (await facts(room, card)).unknown.is_open
    assert await refused(room, standing) is Refusal.DECIDED
    assert (await room.membrane.proposals.standing(standing.action.id)).action.state is ActionState.FAILED


@pytest.mark.parametrize("kind", ["money.wire", "mail.send", "db.read"])
async def test_an_action_reported_executed_after_all_does_not_run_again(room: Room, kind: str) -> None:
    standing = await unknown(room, kind)
    await say(room, standing, Verdict.DID_NOT)
    with pytest.raises(ReportRefused):
        await room.membrane.reports.record(standing.action.id, executed=False)
    after = await room.membrane.reports.record(standing.action.id, executed=True)
    assert after.action.state is ActionState.EXECUTED
    assert [review for review in after.reviews if review.pending] == []
    if kind == "money.wire":
        assert after.reviews[-1].state is ReviewState.WITHDRAWN
    with pytest.raises(ClaimRefused):
        await room.membrane.claims.start(standing.action.id, standing.action.args_digest)


async def test_an_idempotent_action_that_runs_again_asks_nobody_meanwhile(room: Room) -> None:
    standing = await unknown(room, "job.run")
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest, rerun=True)
    assert await refused(room, standing) is Refusal.DECIDED
    room.clock.forward(601)
    await room.membrane.deadlines.unknown_due()
    assert len(await receipts(room, standing)) == 2


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (ADA, Refusal.NOT_APPROVER),
        (DIA, Refusal.REQUESTER),
        (CLEO, Refusal.NOT_A_MEMBER),
        (GUS, Refusal.UNRESOLVED),
    ],
)
async def test_only_people_who_may_vote_may_settle_an_unknown_receipt(
    room: Room, user: str, reason: Refusal
) -> None:
    standing = await unknown(room, "data.delete", owner=DIA)
    room.people.outsiders.add(CLEO)
    if user == GUS:
        room.people.away.add("leads")
    assert await refused(room, standing, user) is reason
    assert (await room.membrane.proposals.standing(standing.action.id)).action.state is ActionState.UNKNOWN
    (entry,) = [each for each in await room.journal() if each.event == "action.resolution_refused"]
    assert orjson.loads(entry.body) == {"number": 1, "by": user, "reason": reason}


async def test_admins_settle_a_passed_action_unless_they_own_its_agent(room: Room) -> None:
    standing = await unknown(room, "db.read", owner=CLEO)
    assert await refused(room, standing, BEN) is Refusal.NOT_APPROVER
    assert await refused(room, standing, CLEO) is Refusal.REQUESTER
    await say(room, standing, Verdict.HAPPENED, DIA)


async def test_entitlement_to_settle_is_looked_up_at_the_click(room: Room) -> None:
    standing = await unknown(room, "data.delete")
    room.in_force.append(replace(policy(), people={**policy().people, "leads": Users((DIA,))}))
    room.people.people["leads"] = (DIA,)
    assert await refused(room, standing, CLEO) is Refusal.NOT_APPROVER
    await say(room, standing, Verdict.HAPPENED, DIA)


async def test_invariant_9_an_answer_about_other_arguments_changes_nothing(room: Room) -> None:
    standing = await unknown(room)
    other = replace(standing, action=replace(standing.action, args_digest="0" * 64))
    assert await refused(room, other) is Refusal.ARGS_CHANGED


async def test_an_answer_to_an_unknown_id_is_refused(room: Room) -> None:
    standing = await unknown(room)
    with pytest.raises(NotFound):
        await say(room, standing, Verdict.HAPPENED, number=2)


async def test_an_agent_that_never_reports_does_not_flood_the_admins(room: Room) -> None:
    room.in_force.append(policy(open_per_agent=2))
    standings = [await unknown(room, "db.read") for _ in range(4)]
    cards = [await receipts(room, standing) for standing in standings]
    assert [len(card) for card in cards] == [1, 1, 0, 0]
    notices = [each for each in await room.membrane.outbox.lease(50) if each.kind == "notice"]
    assert [each.recipient for each in notices] == ["#membrane-admin"]
    assert "ops-agent has 2 actions that started and never reported back" in str(notices[0].body)
    await say(room, standings[0], Verdict.LEFT)
    assert len(await receipts(room, await unknown(room, "db.read"))) == 1


async def test_a_passed_action_is_kept_while_somebody_is_asked_about_it(room: Room, tmp_path: Any) -> None:
    standing = await unknown(room, "db.read")
    kept = Retention(room.db, tmp_path / "archive", {Tier.TRANSPARENT: 3600.0}, room.clock)
    room.clock.forward(10 * 86_400)
    assert (await kept.prune()).actions == 0
    again = await say(room, standing, Verdict.DID_NOT)
    assert (await kept.prune()).actions == 0, "the action may start again"
    room.clock.forward(again.action.ruling.valid_for_s + 1)
    assert (await kept.prune()).actions == 1
    with pytest.raises(NotFound):
        await room.membrane.proposals.standing(standing.action.id)
