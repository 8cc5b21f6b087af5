"""A clock was ahead and is right again: what it postponed comes due at its proper time."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from bot.domain.record import Standing
from bot.domain.states import ActionState, ReviewState
from bot.errors import ClaimRefused, Refusal
from bot.membrane import Membrane
from bot.store.tables import digests, leftovers, reviews, threads
from tests.fakes import ADA, CLEO, DIA, SECRET
from tests.integration.membrane.conftest import Room

YEAR_S = 365 * 86_400.0
WINDOW = 1000


async def proposed(room: Room, kind: str, agent: str = "ops-agent") -> Standing:
    return await room.membrane.proposals.propose(room.action(kind, agent))


async def restarted(room: Room) -> Membrane:
    """Start again on the same database after the clock was corrected."""
    room.clock.forward(-YEAR_S)
    again = Membrane(room.db, lambda: room.in_force[-1], room.people, secret=SECRET, clock=room.clock)
    await again.take_over()
    await again.clock_repair.pull_back()
    room.membrane = again
    return again


async def told(room: Room) -> list[str]:
    leased = await room.membrane.outbox.lease(100)
    return [message.body or "" for message in leased if message.kind == "notice"]


@pytest.mark.parametrize("kind", ["mail.send", "money.wire", "release.sign"])
async def test_reviews_opened_while_the_clock_was_ahead_page_and_expire_in_their_window(
    room: Room, kind: str
) -> None:
    room.clock.forward(YEAR_S)
    standing = await proposed(room, kind)
    again = await restarted(room)
    assert "clock.pulled_back" not in await room.events()
    assert "review.pulled_back" in await room.events()
    assert any("clock was ahead" in words for words in await told(room))
    assert "1 reviews" in (await again.clock_repair.status() or "")
    room.clock.forward(250)
    assert await again.deadlines.page_due() == 1
    room.clock.forward(WINDOW - 250)
    assert await again.deadlines.expire_due() == 1
    after = await again.proposals.standing(standing.action.id)
    if kind == "release.sign":
        assert after.reviews[0].overdue_at == room.clock.now
    else:
        assert after.reviews[0].state is ReviewState.EXPIRED


async def test_pages_go_on_for_a_mandated_sign_off_that_was_briefly_overdue(room: Room) -> None:
    standing = await proposed(room, "release.sign")
    room.clock.forward(YEAR_S)
    await room.membrane.deadlines.expire_due()
    for _ in range(3):
        await room.membrane.deadlines.page_due()
    again = await restarted(room)
    (review,) = (await again.proposals.standing(standing.action.id)).reviews
    assert review.overdue_at is None
    room.clock.forward(WINDOW)
    assert await again.deadlines.expire_due() == 1
    assert await again.deadlines.page_due() == 1


async def test_a_page_chain_quieted_until_next_year_goes_on(room: Room) -> None:
    standing = await proposed(room, "release.sign")
    assert standing.review
    room.clock.forward(YEAR_S)
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    again = await restarted(room)
    room.clock.forward(301)
    assert await again.deadlines.page_due() == 1


async def test_an_approval_given_while_the_clock_was_ahead_lapses(room: Room) -> None:
    room.clock.forward(YEAR_S)
    late = await proposed(room, "mail.send", "another")
    assert late.review
    digest = late.action.args_digest
    await room.membrane.votes.cast(late.review.id, ADA, approve=True, args_digest=digest)
    again = await restarted(room)
    (review,) = (await again.proposals.standing(late.action.id)).reviews
    assert review.closed_at == room.clock.now
    room.clock.forward(101)
    with pytest.raises(ClaimRefused) as refused:
        await again.claims.start(late.action.id, digest)
    assert refused.value.reason is Refusal.LAPSED


async def test_a_pass_dated_in_the_future_does_not_stay_valid_for_a_year(room: Room) -> None:
    room.clock.forward(YEAR_S)
    passed = await proposed(room, "db.read")
    again = await restarted(room)
    with pytest.raises(ClaimRefused) as refused:
        await again.claims.start(passed.action.id, passed.action.args_digest)
    assert refused.value.reason is Refusal.LAPSED


async def test_a_rejection_dated_in_the_future_is_not_remembered(room: Room) -> None:
    room.clock.forward(YEAR_S)
    standing = await proposed(room, "mail.send")
    assert standing.review
    digest = standing.action.args_digest
    await room.membrane.votes.cast(standing.review.id, ADA, approve=False, args_digest=digest)
    again = await restarted(room)
    room.clock.forward(2 * 3600)
    asked = await again.proposals.propose(room.action("mail.send"))
    assert asked.action.state is ActionState.WAITING


async def test_withdrawals_dated_in_the_future_do_not_fill_the_cap(room: Room) -> None:
    room.clock.forward(YEAR_S)
    for number in range(20):
        made = await room.membrane.proposals.propose(room.action("mail.send", n=number))
        await room.membrane.proposals.withdraw(made.action.id, agent="ops-agent", why="no need")
    again = await restarted(room)
    assert (await again.proposals.propose(room.action("mail.send"))).action.state is ActionState.WAITING


async def test_a_report_due_next_year_is_awaited_only_for_the_kinds_own_time(room: Room) -> None:
    room.clock.forward(YEAR_S)
    passed = await proposed(room, "db.read")
    await room.membrane.claims.start(passed.action.id, passed.action.args_digest)
    again = await restarted(room)
    room.clock.forward(601)
    assert await again.deadlines.unknown_due() == 1


async def test_digests_go_on_after_the_clock_is_corrected(room: Room) -> None:
    await proposed(room, "mail.send")
    room.clock.forward(YEAR_S)
    await room.membrane.deadlines.expire_due()
    await proposed(room, "report.make")
    room.clock.forward(61)
    assert await room.membrane.digests.make_due() == 1
    await proposed(room, "report.make")
    again = await restarted(room)
    room.clock.forward(61)
    assert await again.digests.make_due() == 1


async def test_pauses_of_places_and_threads_dated_in_the_future_are_pulled_back(room: Room) -> None:
    ahead = room.clock.now + YEAR_S

    def put(connection: Any) -> None:
        row = {"channel_id": "C1", "ts": "1", "message_id": "m", "since": ahead, "look_at": ahead}
        connection.execute(leftovers.insert(), row)
        thread: dict[str, Any] = {"id": "thr_1", "graph": "g", "graph_version": "1", "agent": "a"}
        thread |= {"input": "{}", "state": "finished", "wanted_at": ahead, "settled_at": ahead}
        connection.execute(threads.insert(), thread)

    await room.db.write(lambda tx: put(tx.connection))
    assert await room.membrane.clock_repair.pull_back() == 2
    found = await room.db.read(
        lambda c: (c.execute(leftovers.select()).one(), c.execute(threads.select()).one())
    )
    assert found[0].look_at == found[1].settled_at == room.clock.now
    assert await room.membrane.clock_repair.pull_back() == 0, "once is enough"


async def test_the_auditor_pulls_back_postponed_work_while_the_bot_runs(room: Room) -> None:
    standing = await proposed(room, "release.sign")
    assert standing.review
    await room.membrane.clock_repair.pull_back()
    ahead = room.clock.now + YEAR_S
    change = update(reviews).values(expires_at=ahead, expiry_due_at=ahead, next_page_at=ahead)
    await room.db.write(lambda tx: tx.connection.execute(change))
    found = await room.membrane.auditor.audit()
    assert any("impossibly late" in finding.text for finding in found)
    assert await room.membrane.auditor.audit() == []
    room.clock.forward(WINDOW)
    assert await room.membrane.deadlines.expire_due() == 1
    assert await room.membrane.deadlines.page_due() == 1


async def test_nothing_is_pulled_back_if_the_clock_was_right(room: Room) -> None:
    for kind in ("mail.send", "money.wire", "release.sign", "db.read", "report.make"):
        await proposed(room, kind)
    standing = await proposed(room, "data.delete")
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, DIA)
    room.clock.forward(600)
    await room.membrane.deadlines.page_due()
    before = await room.journal()
    assert await room.membrane.clock_repair.pull_back() == 0
    assert await room.membrane.clock_repair.status() is None
    assert await room.journal() == before
    assert await room.db.read(lambda c: c.execute(digests.select()).all()) == []
