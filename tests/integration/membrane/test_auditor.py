"""The auditor finds work that the sweeps should have done."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import text
from structlog.testing import capture_logs

from bot.domain.review import Review
from tests.fakes import CLEO, DIA, policy
from tests.integration.membrane.conftest import Room


async def gated(room: Room, kind: str = "mail.send") -> Review:
    standing = await room.membrane.proposals.propose(room.action(kind))
    assert standing.review is not None
    return standing.review


async def damage(room: Room, statement: str) -> None:
    await room.db.write(lambda tx: tx.connection.execute(text(statement)))


async def found(room: Room) -> list[str]:
    return [finding.text for finding in await room.membrane.auditor.audit()]


async def test_the_auditor_finds_nothing_in_a_healthy_store(room: Room) -> None:
    await gated(room)
    assert await found(room) == []


async def test_the_auditor_reports_missed_work_once_a_day(room: Room) -> None:
    await gated(room)
    room.clock.forward(1200)
    said = await found(room)
    assert [line.split(";")[0] for line in said] == [
        "1 reviews whose window has passed are not closed",
        "1 escalation chains that came due have not paged",
        "1 cards and pages have not reached Slack",
    ]
    await found(room)
    notices = [m for m in await room.membrane.outbox.lease(100) if m.kind == "notice"]
    assert len(notices) == 3
    assert (await room.events()).count("audit.found") == 3


async def test_the_auditor_resumes_a_page_chain_that_stopped(room: Room) -> None:
    review = await gated(room)
    await damage(room, "UPDATE reviews SET next_page_at = NULL")
    assert await found(room) == [f"The escalation of {review.id} had stopped; it continues now."]
    room.clock.forward(250)
    assert await room.membrane.deadlines.page_due() == 1


async def test_the_auditor_gives_a_review_without_a_card_one(room: Room) -> None:
    review = await gated(room)
    await damage(room, "DELETE FROM messages")
    assert await found(room) == [f"No card was wanted for {review.id}; it is wanted now."]
    assert [m.kind for m in await room.messages(review.id)] == ["card"]


async def test_a_halted_action_that_nobody_can_answer_is_found(room: Room) -> None:
    review = await gated(room)
    room.clock.forward(1000)
    await room.membrane.deadlines.expire_due()
    await damage(room, "UPDATE reviews SET state = 'withdrawn' WHERE predecessor_id IS NOT NULL")
    assert any(review.action_id in line for line in await found(room))


async def test_a_quorum_that_people_can_no_longer_reach_is_an_alert(room: Room) -> None:
    review = await gated(room, "money.wire")
    room.people.people["leads"] = (CLEO,)
    (line,) = await found(room)
    assert line.startswith(f"{review.id} needs 2 approvals, but only 1 of leads may vote")


async def notices(room: Room) -> list[tuple[str, str]]:
    """Return the recipients and texts of the notices to admins."""
    leased = await room.membrane.outbox.lease(100)
    return sorted((each.recipient, str(each.body)) for each in leased if each.kind == "notice")


async def test_without_an_admin_channel_each_admin_gets_a_direct_message(room: Room) -> None:
    review = await gated(room, "money.wire")
    room.in_force.append(replace(policy(), admin_channel=None))
    room.people.people["leads"] = (CLEO,)
    for _ in range(3):
        await found(room)
        room.clock.forward(10)
    ((recipient, words),) = await notices(room)
    assert recipient == CLEO
    assert words.startswith(f"🔴 Action needed: {review.id} needs 2 approvals")
    assert "What to do: Change the policy's people" in words
    assert (await room.events()).count("audit.found") == 1


async def test_a_finding_without_a_recipient_is_logged_and_journaled_once(room: Room) -> None:
    await gated(room, "money.wire")
    room.in_force.append(replace(policy(), admin_channel=None, admins=("nobody",)))
    room.people.people |= {"nobody": (), "leads": (CLEO,)}
    with capture_logs() as logs:
        for _ in range(3):
            await found(room)
            room.clock.forward(10)
    assert await notices(room) == []
    assert [each["log_level"] for each in logs if each["event"] == "audit_found"] == ["error"]
    assert (await room.events()).count("audit.found") == 1


async def test_admins_hear_of_a_page_to_an_empty_group(room: Room) -> None:
    review = await gated(room)
    room.people.people["oncall"] = ()
    room.clock.forward(250)
    assert await room.membrane.deadlines.page_due() == 1
    ((_, words),) = await notices(room)
    assert words == (
        f"🔴 Action needed: A page about {review.id} did not reach everybody: oncall has no members now.\n"
        f"Where: the review {review.id}, and oncall in the policy's people\n"
        "What to do: Add people, or change the policy."
    )
    paged = [entry for entry in await room.journal() if entry.event == "review.paged"]
    assert b'"missing":["oncall"]' in paged[0].body


async def test_admins_hear_after_a_minute_of_a_page_to_an_unresolvable_group(room: Room) -> None:
    review = await gated(room)
    room.in_force.append(replace(policy(), admin_channel=None))
    room.people.away.add("oncall")
    room.clock.forward(250)
    assert await room.membrane.deadlines.page_due() == 0
    room.clock.forward(61)
    assert await room.membrane.deadlines.page_due() == 1
    told = await notices(room)
    assert [recipient for recipient, _ in told] == [CLEO, DIA]
    assert told[0][1].startswith(
        f"🔴 Action needed: A page about {review.id} did not reach everybody: oncall cannot be resolved"
    )
