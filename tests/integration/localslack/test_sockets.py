"""Socket Mode, by hand and through the real client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack, Person
from tests.integration.localslack.conftest import Connect, card
from tests.waiting import PATIENCE_S


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def ticket(slack: LocalSlack, web: AsyncWebClient) -> str:
    return str((await web.apps_connections_open(app_token=slack.app_token))["url"])


@asynccontextmanager
async def socket(
    slack: LocalSlack, web: AsyncWebClient, session: aiohttp.ClientSession
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with session.ws_connect(await ticket(slack, web)) as opened:
        yield opened


async def test_hello_and_one_use_tickets(
    slack: LocalSlack, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    url = await ticket(slack, web)
    assert url.startswith("ws://127.0.0.1:")
    async with session.ws_connect(url) as opened:
        hello = await opened.receive_json()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        assert hello["connection_info"] == {"app_id": slack.app_id}
        assert hello["debug_info"]["approximate_connection_time"] > 0
        with pytest.raises(aiohttp.WSServerHandshakeError) as spent:
            await session.ws_connect(url)
    assert spent.value.status == 408


async def test_an_envelope_and_its_acknowledgement(
    slack: LocalSlack, web: AsyncWebClient, session: aiohttp.ClientSession, ada: Person
) -> None:
    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    async with socket(slack, web, session) as opened:
        await opened.receive_json()
        click = asyncio.ensure_future(ada.click("C0APPR", ts, "approve"))
        envelope = await opened.receive_json()
        assert (envelope["type"], envelope["accepts_response_payload"]) == ("interactive", False)
        assert envelope["payload"]["type"] == "block_actions"
        await opened.send_str("not json")
        await opened.send_json({"envelope_id": "another"})
        await opened.send_json({"envelope_id": envelope["envelope_id"]})
        assert (await click).acked


async def test_an_event_is_sent_again_until_it_is_acknowledged(
    slack: LocalSlack, web: AsyncWebClient, session: aiohttp.ClientSession, ada: Person
) -> None:
    slack.sockets.ack_timeout = 0.05
    async with socket(slack, web, session) as opened:
        await opened.receive_json()
        await ada.open_home()
        seen: list[dict[str, Any]] = [await opened.receive_json()]
        slack.sockets.ack_timeout = PATIENCE_S  # for the second try, which is answered
        seen += [await opened.receive_json()]
        await opened.send_json({"envelope_id": seen[1]["envelope_id"]})
        await ada.open_home()
        another = await opened.receive_json()
        assert another["payload"]["event_id"] != seen[0]["payload"]["event_id"], (
            "the first event came no third time"
        )
    assert [e["retry_attempt"] for e in seen] == [0, 1]
    assert seen[0]["payload"]["event_id"] == seen[1]["payload"]["event_id"]
    assert seen[0]["payload"]["event"]["type"] == "app_home_opened"


async def test_payloads_go_down_the_connections_in_turn_and_ten_are_allowed(
    slack: LocalSlack, web: AsyncWebClient, session: aiohttp.ClientSession, ada: Person
) -> None:
    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    sockets = [await session.ws_connect(await ticket(slack, web)) for _ in range(10)]
    for number, opened in enumerate(sockets, start=1):
        assert (await opened.receive_json())["num_connections"] == number
    async with socket(slack, web, session) as one_more:
        assert (await one_more.receive_json())["reason"] == "too_many_websockets"
    for opened in sockets:
        click = asyncio.ensure_future(ada.click("C0APPR", ts, "approve"))
        await opened.send_json({"envelope_id": (await opened.receive_json())["envelope_id"]})
        assert (await click).acked
        await opened.close()


async def test_a_refresh_makes_the_client_come_back(
    slack: LocalSlack, app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    @app.action("approve")
    async def approve(ack: Any) -> None:
        await ack()

    reasons: tuple[Literal["warning", "refresh_requested"], ...] = ("warning", "refresh_requested")
    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    slack.sockets.ack_timeout = (
        1.0  # a click that goes down the connection which ends is lost, and made again
    )
    async with connected(app):
        for opened, reason in enumerate(reasons, start=2):
            await slack.sockets.announce(reason)
            async with asyncio.timeout(60):
                while len(slack.calls.of("apps.connections.open")) < opened:
                    await asyncio.sleep(0.02)
                while not (await ada.click("C0APPR", ts, "approve")).acked:
                    await asyncio.sleep(0.02)


async def test_broken_sockets(
    slack: LocalSlack, web: AsyncWebClient, session: aiohttp.ClientSession, ada: Person
) -> None:
    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    async with socket(slack, web, session) as opened:
        await opened.receive_json()
        slack.sockets.drop()
        assert slack.sockets.count == 0
        assert (await opened.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert (await ada.click("C0APPR", ts, "approve")).reason == "not_connected"


async def test_a_refused_handshake(
    slack: LocalSlack, web: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    slack.faults.arm(method="sockets", kind="refuse", times=2)
    url = await ticket(slack, web)
    for _ in range(2):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
    async with session.ws_connect(url) as opened:
        assert (await opened.receive_json())["type"] == "hello"
