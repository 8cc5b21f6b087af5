"""Delivery by signed HTTP requests to a real Bolt app."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web as http
from aiohttp.test_utils import TestServer
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack, Person, RequestUrls
from tests.integration.localslack.conftest import card
from tests.waiting import PATIENCE_S

Handler = Callable[[http.Request], Awaitable[http.StreamResponse]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Serves a handler at a URL, in place of a bot."""
    servers: list[TestServer] = []

    async def start(handler: Handler) -> str:
        app = http.Application()
        app.router.add_post("/slack/events", handler)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        return str(servers[-1].make_url("/slack/events"))

    yield start
    for server in servers:
        await server.close()


async def test_bolt_takes_the_signature_and_answers(
    slack: LocalSlack, app: AsyncApp, web: AsyncWebClient, ada: Person
) -> None:
    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="Approved", blocks=[]
        )

    @app.event("app_home_opened")
    async def home(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": card()})

    server = TestServer(app.web_app(path="/slack/events"))
    await server.start_server()
    try:
        slack.deliver_to(str(server.make_url("/slack/events")))
        assert await slack.delivery.verify_url()
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
        assert (await ada.click("C0APPR", ts, "approve")).acked
        await ada.wait_for_message("C0APPR", "Approved")
        version = (await ada.state())["version"]
        await ada.open_home()
        while (await ada.state(since=version, wait=2))["home"] is None:
            version = (await ada.state())["version"]
    finally:
        await server.close()


async def test_a_wrong_secret_is_noticed_by_bolt(slack: LocalSlack, web: AsyncWebClient, ada: Person) -> None:
    app = AsyncApp(client=web, signing_secret="another")
    server = TestServer(app.web_app(path="/slack/events"))
    await server.start_server()
    try:
        slack.deliver_to(str(server.make_url("/slack/events")))
        ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
        assert (await ada.click("C0APPR", ts, "approve")).reason == "http_401"
    finally:
        await server.close()


async def test_a_request_is_a_signed_form_with_a_fresh_timestamp(
    slack: LocalSlack, web: AsyncWebClient, ada: Person, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    seen: list[tuple[dict[str, str], str]] = []

    async def bot(request: http.Request) -> http.Response:
        seen.append((dict(request.headers), await request.text()))
        return http.Response()

    url = await serve(bot)
    slack.deliver_to(RequestUrls(interactivity=url, events=url))
    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    await ada.click("C0APPR", ts, "approve")
    headers, body = seen[0]
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert body.startswith("payload=%7B")
    verifier = SignatureVerifier(slack.signing_secret)
    assert verifier.is_valid(body, headers["X-Slack-Request-Timestamp"], headers["X-Slack-Signature"])
    assert abs(int(headers["X-Slack-Request-Timestamp"]) - time.time()) < 60
    assert "x-slack-retry-num" not in headers


@pytest.mark.parametrize(("status", "tries"), [(500, 4), (200, 1)])
async def test_events_are_sent_four_times_and_clicks_once(
    slack: LocalSlack,
    web: AsyncWebClient,
    ada: Person,
    serve: Callable[[Handler], Awaitable[str]],
    status: int,
    tries: int,
) -> None:
    seen: list[str] = []
    done = asyncio.Event()

    async def bot(request: http.Request) -> http.Response:
        if request.content_type == "application/json":
            number = request.headers.get("x-slack-retry-num", "0")
            seen.append(f"{number} {request.headers.get('x-slack-retry-reason', '')}")
            if len(seen) == tries:
                done.set()
        else:
            seen.append("click")
        return http.Response(status=status)

    slack.deliver_to(await serve(bot))
    await ada.open_home()
    await asyncio.wait_for(done.wait(), 60)
    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    clicked = await ada.click("C0APPR", ts, "approve")
    assert clicked.reason == ("ok" if status == 200 else "http_500")
    assert seen == [*["0 ", "1 http_error", "2 http_error", "3 http_error"][:tries], "click"]


async def test_a_bot_can_ask_for_no_retries(
    slack: LocalSlack, ada: Person, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    seen: list[str] = []

    async def bot(request: http.Request) -> http.Response:
        seen.append(await request.text())
        return http.Response(status=500, headers={"x-slack-no-retry": "1"})

    slack.deliver_to(await serve(bot))
    for number in (1, 2, 3):
        await ada.open_home()
        async with asyncio.timeout(60):
            while len(seen) < number:
                await asyncio.sleep(0.01)
        assert len(seen) == number, "a retry comes at once"


async def test_silence_and_absence(
    slack: LocalSlack, web: AsyncWebClient, ada: Person, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    over = asyncio.Event()

    async def bot(request: http.Request) -> http.Response:
        await over.wait()
        return http.Response()

    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    slack.sockets.ack_timeout = 0.1
    slack.deliver_to(await serve(bot))
    assert (await ada.click("C0APPR", ts, "approve")).reason == "timeout"
    over.set()
    slack.sockets.ack_timeout = PATIENCE_S
    slack.deliver_to("http://127.0.0.1:9/slack/events")
    assert (await ada.click("C0APPR", ts, "approve")).reason == "connection_failed"
