"""The log reports a backlog while it lasts, and the admins hear afterwards from when to when."""

from __future__ import annotations

from structlog.testing import capture_logs

from bot.slack.outbound.backlog_alert import LATE, Lateness
from bot.slack.outbound.courier import Courier
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import until_quiet


def watch(room: Room, courier: Courier) -> Lateness:
    return Lateness(courier.behind_s, room.membrane.admins, room.clock)


async def test_a_backlog_is_logged_once_a_minute_and_told_to_the_admins_when_it_ends(room: Room) -> None:
    lateness = watch(room, room.courier)
    room.slack.faults.arm(method="*", kind="error", error="token_revoked", times=100)
    await room.propose()
    await room.courier.sweep()
    with capture_logs() as logs:
        await lateness.look()
        for _ in range(4):
            room.clock.ahead += 40
            await lateness.look()
    assert [each["behind_s"] for each in logs if each["event"] == LATE] == [80, 160]

    room.slack.faults.clear()
    room.clock.ahead += 31
    await until_quiet(room, room.courier)
    await lateness.look()
    await lateness.look()
    await until_quiet(room, room.courier)
    (words,) = room.said("C0ADMIN")
    assert "messages came late, by up to 2 minutes 4" in words


async def test_a_restart_keeps_the_start_of_a_backlog(room: Room) -> None:
    room.slack.faults.arm(method="*", kind="error", error="token_revoked", times=100)
    await room.propose()
    room.clock.ahead += 600
    courier = room.new_courier()
    lateness = watch(room, courier)
    await lateness.look()
    room.slack.faults.clear()
    await until_quiet(room, courier)
    await lateness.look()
    await until_quiet(room, courier)
    assert "by up to 10 minutes" in room.said("C0ADMIN")[-1]


async def test_a_short_delay_raises_no_backlog_alert(room: Room) -> None:
    lateness = watch(room, room.courier)
    await room.propose()
    room.clock.ahead += 30
    with capture_logs() as logs:
        await lateness.look()
    await until_quiet(room, room.courier)
    await lateness.look()
    assert logs == []
    assert room.said("C0ADMIN") == []
