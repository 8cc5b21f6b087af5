"""Socket Mode: Slack ends connections, or opens none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from slack_bolt.async_app import AsyncApp

from bot.domain.action import Action
from bot.localslack import LocalSlack, Person
from bot.localslack.faults import HELD
from bot.slack.inbound import sockets as module
from bot.slack.inbound.bolt_app import build_app
from bot.slack.inbound.sockets import CONNECTIONS, REST_S, SOON_S, SocketDelivery
from tests.fakes import Clock
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_delivery import CARD
from tests.integration.slack.test_facade import running, settings
from tests.integration.slack.ways import DRAIN_S, by_socket
from tests.waiting import patience, until

BUTTON = {"type": "button", "action_id": "x", "text": {"type": "plain_text", "text": "x"}}


@pytest.fixture
def app(room: Room) -> AsyncApp:
    return build_app(room.web, room.identity, room.membrane)


class Watched(Clock):
    """A clock that counts how often it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0

    def __call__(self) -> float:
        self._asked += 1
        return super().__call__()

    async def looked_at(self) -> None:
        """Wait until the watch over the connections has run several rounds."""
        enough = self._asked + 20
        await until(lambda: self._asked >= enough)


@pytest.fixture
def watched() -> Watched:
    """The clock of the connections, which stands still unless the test moves it."""
    return Watched()


async def clicks(room: Room, cleo: Person, ts: str, number: int) -> list[asyncio.Task[str]]:
    """Click another app's button, some hundred times a second."""

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
async def test_no_click_is_lost_after_slack_warns_of_a_disconnect(
    app: AsyncApp, room: Room, cleo: Person, watched: Watched, most: int | None
) -> None:
    ts = await button(room)
    async with by_socket(app, room.slack, watched):
        reasons = []
        for _ in range(3):
            watched.forward(REST_S)
            made = await clicks(room, cleo, ts, 4)
            await room.slack.sockets.announce("warning", most=most)
            made += await clicks(room, cleo, ts, 20)
            reasons += [await each for each in made]
            await until(lambda: room.slack.sockets.count == CONNECTIONS + (most or CONNECTIONS))
            watched.forward(DRAIN_S)
            await until(lambda: room.slack.sockets.count == CONNECTIONS)
            watched.forward(SOON_S)
        assert set(reasons) == {"ok"}


async def test_another_connection_is_up_before_the_warned_one_goes(
    app: AsyncApp, room: Room, watched: Watched
) -> None:
    sockets = room.slack.sockets
    async with by_socket(app, room.slack, watched) as delivery:
        watched.forward(REST_S)
        await sockets.announce("warning")
        await until(lambda: sockets.count == 2 * CONNECTIONS)
        assert delivery.healthy()
        watched.forward(DRAIN_S)
        await until(lambda: sockets.count == CONNECTIONS)
        assert delivery.healthy()


async def test_connections_that_slack_ends_at_once_are_not_made_in_a_rush(
    app: AsyncApp, room: Room, watched: Watched
) -> None:
    def opened() -> int:
        return len(room.slack.calls.of("apps.connections.open"))

    async with by_socket(app, room.slack, watched):
        for rest_s in (REST_S, 2 * REST_S, 4 * REST_S):
            before = opened()
            await room.slack.sockets.announce("refresh_requested")
            watched.forward(0.9 * rest_s)
            await watched.looked_at()
            assert opened() == before, "not yet"
            watched.forward(0.1 * rest_s)
            await until(lambda: room.slack.sockets.count == CONNECTIONS)
            assert opened() == before + CONNECTIONS


async def test_a_stop_closes_the_connections_that_are_still_open(
    app: AsyncApp, room: Room, watched: Watched
) -> None:
    async with by_socket(app, room.slack, watched):
        watched.forward(REST_S)
        await room.slack.sockets.announce("warning")
        await until(lambda: room.slack.sockets.count == 2 * CONNECTIONS)
    await until(lambda: room.slack.sockets.count == 0)


@pytest.mark.parametrize(
    "fault", [{"kind": "rate_limit", "retry_after": 30}, {"kind": "delay", "seconds": HELD}]
)
async def test_cards_go_out_while_no_connection_can_be_opened(
    slack: LocalSlack, tmp_path: Path, fault: dict[str, object]
) -> None:
    slack.faults.arm(method="apps.connections.open", times=1000, **fault)  # type: ignore[arg-type]
    async with running(settings(slack), tmp_path) as (side, membrane, _task):
        await membrane.proposals.propose(Action.of("data.delete", {"id": 7}, agent="ops-agent"))
        await until(lambda: slack.calls.of("chat.postMessage"))
        assert await side.trouble() == "no connection to Slack, so clicks do not arrive"


async def test_the_start_does_not_wait_for_ever(
    app: AsyncApp, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_S", 0.3)
    room.slack.faults.arm(method="apps.connections.open", kind="rate_limit", retry_after=1, times=3)
    delivery = SocketDelivery(app, room.slack.app_token, check_s=0.05, patience_s=0.5)
    async with patience():
        await delivery.start()
    assert not delivery.healthy()
    await until(delivery.healthy)
    await delivery.stop()


async def test_no_line_asks_for_a_ticket_before_slack_takes_it(
    app: AsyncApp, room: Room, watched: Watched
) -> None:
    async with by_socket(app, room.slack, watched) as delivery:
        room.slack.faults.arm(method="apps.connections.open", kind="rate_limit", retry_after=30, times=1000)
        before = len(room.slack.calls.of("apps.connections.open"))
        watched.forward(REST_S)
        await room.slack.sockets.announce("warning")
        for _ in range(10):
            await watched.looked_at()
            watched.forward(2.5)
        assert 1 <= len(room.slack.calls.of("apps.connections.open")) - before <= 2
        assert delivery.healthy(), "the warned connection still counts"
