"""Clicks arrive by connections that reconnect, or by signed requests."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp

from bot.errors import SettingsError
from bot.localslack import Person
from bot.slack.inbound.bolt_app import build_app
from bot.slack.inbound.signed_requests import HttpDelivery
from bot.slack.inbound.sockets import SocketDelivery
from tests.fakes import CLEO
from tests.integration.slack.conftest import Room
from tests.integration.slack.ways import by_http, by_socket
from tests.waiting import until

CARD = "agent-approvals"


@pytest.fixture
def app(room: Room) -> AsyncApp:
    return build_app(room.web, room.identity, room.membrane, signing_secret=room.slack.signing_secret)


async def click(room: Room, cleo: Person) -> str:
    """Click another app's button. The bot answers it and changes nothing."""
    button = {"type": "button", "action_id": "x", "text": {"type": "plain_text", "text": "x"}}
    posted = await room.web.chat_postMessage(
        channel="C0APPR", text="t", blocks=[{"type": "actions", "elements": [button]}]
    )
    return (await cleo.click(CARD, posted["ts"], "x")).reason


async def test_the_bot_opens_two_connections(app: AsyncApp, room: Room, cleo: Person) -> None:
    async with by_socket(app, room.slack) as delivery:
        assert room.slack.sockets.count == 2
        assert delivery.healthy()
        assert [await click(room, cleo) for _ in range(3)] == ["ok"] * 3
    assert not delivery.healthy()
    await until(lambda: room.slack.sockets.count == 0)


async def test_connections_that_slack_ends_are_reopened(app: AsyncApp, room: Room, cleo: Person) -> None:
    async with by_socket(app, room.slack):
        await room.slack.sockets.announce("refresh_requested")
        await until(lambda: room.slack.sockets.count == 2)
        assert await click(room, cleo) == "ok"


async def test_broken_connections_are_reopened(app: AsyncApp, room: Room, cleo: Person) -> None:
    async with by_socket(app, room.slack) as delivery:
        room.slack.sockets.drop()
        await until(lambda: room.slack.sockets.count == 2 and delivery.healthy())
        assert await click(room, cleo) == "ok"


async def test_a_connection_stuck_on_a_spent_ticket_is_replaced(app: AsyncApp, room: Room) -> None:
    """The handshake fails once: the SDK would try the same ticket for ever."""
    room.slack.faults.arm(method="sockets", kind="refuse", times=2)
    async with by_socket(app, room.slack) as delivery:
        assert delivery.healthy()
        assert len(room.slack.calls.of("apps.connections.open")) >= 4


async def test_slack_may_be_away_when_the_bot_starts(app: AsyncApp, room: Room) -> None:
    await room.slack.stop()
    delivery = SocketDelivery(app, room.slack.app_token, check_s=0.05, patience_s=0.3)
    await delivery.start()
    assert not delivery.healthy()
    await room.slack.start()
    await until(delivery.healthy)
    await delivery.stop()


async def test_a_bad_app_token_stops_the_start(app: AsyncApp) -> None:
    delivery = SocketDelivery(app, "xapp-wrong")
    with pytest.raises(SettingsError, match=r"SLACK_APP_TOKEN does not work \(invalid_auth\)"):
        await delivery.start()
    await delivery.stop()


def signed(secret: str, body: str, at: float | None = None) -> dict[str, str]:
    stamp = str(int(at or time.time()))
    mac = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    form = "application/x-www-form-urlencoded"
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={mac}", "content-type": form}


async def send(room: Room, body: str | bytes, headers: dict[str, str]) -> int:
    assert isinstance(room.slack.delivery.target, str)
    url = room.slack.delivery.target
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        return response.status


ODD_HEADERS = [
    *[
        ("x-slack-request-timestamp", odd)
        for odd in ("9" * 309, "", "NaN", "-1", "1e9", "١٢٣", "1_7", "0" * 4000)
    ],
    *[
        ("x-slack-signature", odd)
        for odd in ("", "v0=", "v0=" + "0" * 63, "v1=" + "0" * 64, "é" * 67, "v" * 8000)
    ],
]


async def test_only_requests_that_slack_signed_are_taken(app: AsyncApp, room: Room) -> None:
    standing = await room.propose()
    assert standing.review
    value = {"r": standing.review.id, "a": standing.action.id, "d": standing.action.args_digest}
    payload = {
        "type": "block_actions",
        "team": {"id": room.slack.team_id},
        "user": {"id": CLEO, "team_id": room.slack.team_id},
        "actions": [{"action_id": "approve", "block_id": "review", "value": json.dumps(value)}],
    }
    body = urlencode({"payload": json.dumps(payload)})
    secret = room.slack.signing_secret
    async with by_http(app, room.slack) as delivery:
        unsigned = {"content-type": "application/x-www-form-urlencoded"}
        assert await send(room, body, unsigned) == 401
        assert await send(room, body, signed("wrong", body)) == 401
        assert await send(room, body, signed(secret, body, time.time() - 400)) == 401
        assert await send(room, f"{body}&x=1", signed(secret, body)) == 401
        # Bolt does not check the signature of its ssl_check requests: they must lead nowhere.
        assert await send(room, f"{body}&ssl_check=1", unsigned) in (200, 401)
        assert await send(room, b"\xff" * 10, unsigned) == 401
        assert await send(room, b"\xff" * 10, signed("wrong", "")) == 401
        for name, odd in ODD_HEADERS:
            assert await send(room, body, {**signed(secret, body), name: odd}) == 401, (name, odd)
        assert await send(room, b"x" * 1_000_001, unsigned) == 413
        assert (await room.membrane.proposals.standing(standing.action.id)) == standing
        assert await send(room, body, signed(secret, body)) == 200
        assert (await room.membrane.proposals.standing(standing.action.id)) != standing
        await delivery.stop()
        assert await send(room, body, signed(secret, body)) == 503


async def test_slack_can_check_the_address(app: AsyncApp, room: Room) -> None:
    async with by_http(app, room.slack):
        assert await room.slack.delivery.verify_url()


def test_without_a_signing_secret_there_is_no_delivery_by_http(app: AsyncApp) -> None:
    with pytest.raises(SettingsError, match="SLACK_SIGNING_SECRET is not set"):
        HttpDelivery(app, "")
