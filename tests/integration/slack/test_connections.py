"""Socket Mode connections that Slack ends, and a Slack that does not open any."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from slack_bolt.async_app import AsyncApp

from bot.domain.action import Action
from bot.localslack import LocalSlack, Person
from bot.slack.inbound import sockets as module
from bot.slack.inbound.listeners import build_app
from bot.slack.inbound.sockets import SocketDelivery
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_delivery import CARD, until
from tests.integration.slack.test_facade import running, settings
from tests.integration.slack.ways import by_socket

BUTTON = {"type": "button", "action_id": "x", "text": {"type": "plain_text", "text": "x"}}


@pytest.fixture
def app(room: Room) -> AsyncApp:
    return build_app(room.web, room.identity, room.membrane)


async def clicks(room: Room, cleo: Person, ts: str, number: int) -> list[asyncio.Task[str]]:
    """Click a button that is not ours, some hundred times a second."""

    async def click() -> str:
        return (await cleo.click(CARD, ts, "x")).reason

    made = []
    for _ in range(number):
        made.append(asyncio.create_task(click()))
        await asyncio.sleep(0.003)
    return made


async def button(room: Room) -> str:
    """Post a button. Returns its message's ts."""
    blocks = [{"type": "actions", "elements": [BUTTON]}]
    posted = await room.web.chat_postMessage(channel="C0APPR", text="t", blocks=blocks)
    return str(posted["ts"])


@pytest.mark.parametrize("most", [None, 1])
async def test_no_click_is_lost_while_slack_warns(
    app: AsyncApp, room: Room, cleo: Person, most: int | None
) -> None:
    ts = await button(room)
    async with by_socket(app, room.slack):
        reasons = []
        for _ in range(3):
            await asyncio.sleep(1.0)
            made = await clicks(room, cleo, ts, 4)
            await room.slack.sockets.announce("warning", most=most)
            made += await clicks(room, cleo, ts, 20)
            reasons += [await each for each in made]
            await until(lambda: room.slack.sockets.count == 2)
        assert set(reasons) == {"ok"}


async def test_another_connection_is_up_before_the_warned_one_goes(app: AsyncApp, room: Room) -> None:
    async with by_socket(app, room.slack) as delivery:
        await asyncio.sleep(1.0)
        await room.slack.sockets.announce("warning")
        least, most = 9, 0
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            least = min(least, room.slack.sockets.count)
            most = max(most, room.slack.sockets.count)
            assert delivery.healthy()
            await asyncio.sleep(0.001)
        assert (least, most) == (2, 4)
        assert room.slack.sockets.count == 2


async def test_connections_that_slack_ends_at_once_are_not_made_in_a_rush(app: AsyncApp, room: Room) -> None:
    async with by_socket(app, room.slack):
        began = time.monotonic()
        before = len(room.slack.calls.of("apps.connections.open"))
        while time.monotonic() - began < 2.5:
            await room.slack.sockets.announce("refresh_requested")
            await asyncio.sleep(0.02)
        assert 2 <= len(room.slack.calls.of("apps.connections.open")) - before <= 4
        await until(lambda: room.slack.sockets.count == 2)


async def test_a_stop_closes_what_is_still_listened_to(app: AsyncApp, room: Room) -> None:
    async with by_socket(app, room.slack):
        await asyncio.sleep(1.0)
        await room.slack.sockets.announce("warning")
        await until(lambda: room.slack.sockets.count == 4)
    await until(lambda: room.slack.sockets.count == 0, 1.0)


@pytest.mark.parametrize(
    "fault", [{"kind": "rate_limit", "retry_after": 30}, {"kind": "delay", "seconds": 60}]
)
async def test_cards_go_out_while_no_connection_can_be_opened(
    slack: LocalSlack, tmp_path: Path, fault: dict[str, object]
) -> None:
    slack.faults.arm(method="apps.connections.open", times=1000, **fault)  # type: ignore[arg-type]
    async with running(settings(slack), tmp_path) as (side, membrane, _task):
        await membrane.proposals.propose(Action.of("data.delete", {"id": 7}, agent="ops-agent"))
        await until(lambda: bool(slack.calls.of("chat.postMessage")), 3.0)
        assert await side.trouble() == "no connection to Slack, so clicks do not arrive"


async def test_the_start_does_not_wait_for_ever(
    app: AsyncApp, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_S", 0.3)
    room.slack.faults.arm(method="apps.connections.open", kind="rate_limit", retry_after=1, times=3)
    delivery = SocketDelivery(app, room.slack.app_token, check_s=0.05, patience_s=0.5)
    async with asyncio.timeout(60):
        await delivery.start()
    assert not delivery.healthy()
    await until(delivery.healthy)
    await delivery.stop()


async def test_no_line_asks_for_a_ticket_before_slack_takes_it(app: AsyncApp, room: Room) -> None:
    delivery = SocketDelivery(app, room.slack.app_token, check_s=0.05, patience_s=0.3, drain_s=0.5)
    await delivery.start()
    await until(lambda: room.slack.sockets.count == 2)
    room.slack.faults.arm(method="apps.connections.open", kind="rate_limit", retry_after=30, times=1000)
    before = len(room.slack.calls.of("apps.connections.open"))
    await asyncio.sleep(1.0)
    await room.slack.sockets.announce("warning")
    await asyncio.sleep(2.5)
    assert 1 <= len(room.slack.calls.of("apps.connections.open")) - before <= 2
    assert delivery.healthy(), "what was warned is listened to"
    await delivery.stop()
