"""An unsent message counts as late despite failed tries: in the metric, the audit, and after a restart."""

from __future__ import annotations

from bot.metrics import Metrics
from bot.slack.outbound.backlog_alert import LATE_S
from bot.slack.outbound.pace import USUAL
from tests.fakes import CLEO, attempting
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import until_quiet, vote
from tests.unit.slack.reading import read

MINUTES = 60.0


async def lag(room: Room) -> float:
    """The figure that a Prometheus server scrapes."""
    text = (await Metrics(room.membrane, room.db, dict, clock=room.clock).scrape()).decode()
    line = next(line for line in text.splitlines() if line.startswith("membrane_courier_lag_seconds"))
    return float(line.split()[1])


async def pass_time(room: Room, seconds: float, step: float = 15.0) -> list[str]:
    """Sweep for a while, and return the auditor's findings."""
    found = []
    for _ in range(int(seconds / step)):
        await room.courier.sweep()
        room.clock.ahead += step
        await room.membrane.deadlines.page_due()
        await room.membrane.deadlines.expire_due()
        found += [finding.text for finding in await room.membrane.auditor.audit()]
    await room.courier.sweep()
    return found


async def test_the_metric_rises_when_nothing_can_be_posted(room: Room) -> None:
    room.slack.faults.arm(method="*", kind="error", error="token_revoked", times=10_000)
    await room.propose()
    await pass_time(room, 10 * MINUTES)
    assert await lag(room) >= 10 * MINUTES - 1
    assert await room.courier.behind_s() >= 10 * MINUTES - 1
    room.slack.faults.clear()
    room.clock.ahead += 31
    await until_quiet(room)
    assert await lag(room) == 0


async def test_the_next_process_knows_since_when_a_message_is_late(room: Room) -> None:
    room.slack.faults.arm(method="*", kind="error", error="token_revoked", times=10_000)
    await room.propose()
    await pass_time(room, 10 * MINUTES)
    await room.membrane.take_over()
    assert await room.new_courier().behind_s() >= 10 * MINUTES - 1


async def test_the_auditor_finds_pages_that_reach_nobody(room: Room) -> None:
    await room.propose("release.sign")
    await until_quiet(room)
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    for method in ("chat.postMessage", "conversations.open"):
        room.slack.faults.arm(method=method, kind="http", status=503, times=10_000)
    found = await pass_time(room, 10 * MINUTES)
    assert any("have not reached Slack" in text for text in found)


async def test_a_card_that_has_no_place_at_all_is_late(room: Room) -> None:
    """Every channel is archived and nobody can be written to. An operator has to see that."""
    for channel in ("C0APPR", "C0ADMIN", "C0INC"):
        room.slack.state.change_channel(channel, is_archived=True)
    room.slack.faults.arm(method="conversations.open", kind="error", error="user_disabled", times=10_000)
    await room.propose("release.sign")
    found = await pass_time(room, 10 * MINUTES)
    assert await room.courier.behind_s() > LATE_S
    assert any("have not reached Slack" in text for text in found)
    room.slack.state.change_channel("C0APPR", is_archived=False)
    room.slack.faults.clear()
    await pass_time(room, 10 * MINUTES)
    assert "[Approve]" in read(room.blocks("C0APPR"))


async def test_a_dropped_message_is_not_late(room: Room) -> None:
    standing = await room.propose("release.sign")
    await until_quiet(room)
    room.clock.ahead += 300
    room.slack.faults.arm(method="conversations.open", kind="rate_limit", retry_after=60, times=100)
    await room.membrane.deadlines.page_due()
    await room.courier.sweep()
    assert await lag(room) >= 0
    await vote(room, standing)
    await until_quiet(room)
    room.clock.ahead += 600
    await until_quiet(room)
    assert await lag(room) == 0


async def test_a_burst_at_slacks_pace_is_not_an_audit_finding(room: Room) -> None:
    """Two hundred cards in one channel are late, yet nothing is stuck."""
    courier = room.new_courier(rates=USUAL)
    for number in range(200):
        await room.propose(agent=f"agent-{number}")
    found = []
    for second in range(220):
        await courier.sweep()
        room.clock.ahead += 1.06
        if second % 20 == 0:
            found += [finding.text for finding in await room.membrane.auditor.audit()]
    assert len(room.said("C0APPR")) == 200
    assert not any("have not reached Slack" in text for text in found)


async def test_a_clock_that_was_ahead_holds_no_card_back(room: Room) -> None:
    """The clock is an hour ahead at the post; then it is corrected, and the bot restarts."""
    room.clock.ahead = 3600
    card = await room.card(await room.propose())
    assert await attempting(room.membrane, card.id)
    room.clock.ahead = 0
    await room.membrane.take_over()
    courier = room.new_courier()
    for _ in range(5):
        await courier.sweep()
        room.clock.ahead += 5
    assert len(room.said("C0APPR")) == 1
    assert await lag(room) == 0


async def test_the_auditor_finds_a_card_that_was_shown_once_and_has_no_place_now(room: Room) -> None:
    standing = await room.propose("release.sign")
    await until_quiet(room)
    for channel in ("C0APPR", "C0ADMIN", "C0INC"):
        room.slack.state.change_channel(channel, is_archived=True)
    room.slack.faults.arm(method="conversations.open", kind="error", error="user_disabled", times=10_000)
    assert standing.review
    await room.membrane.votes.acknowledge(standing.review.id, CLEO)
    found = []
    for _ in range(20):
        await room.courier.sweep()
        room.clock.ahead += 60
        found += [each.text for each in await room.membrane.auditor.audit()]
    card = await room.card(standing)
    assert card.ts is None
    assert card.due_at is not None
    assert await room.courier.behind_s() > 600
    assert any("have not reached Slack" in text for text in found)
