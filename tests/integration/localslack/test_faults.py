"""Injected faults and rate limits."""

import asyncio
import re
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.localslack import LocalSlack, Person
from bot.localslack.faults import HELD
from tests.integration.localslack.conftest import SEED, Clock, Connect, button, card
from tests.waiting import PATIENCE_S, until


async def texts(web: AsyncWebClient) -> list[str]:
    return [m["text"] for m in (await web.conversations_history(channel="C0APPR"))["messages"]]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["http", "error", "drop"])
async def test_a_post_fails_before_or_after_it_took_effect(
    slack: LocalSlack, web: AsyncWebClient, kind: Any, after: bool
) -> None:
    fault = slack.faults.arm(method="chat.postMessage", kind=kind, after=after)
    with pytest.raises((SlackApiError, aiohttp.ClientError)) as failed:
        await web.chat_postMessage(channel="C0APPR", text="once?")
    if kind == "error":
        assert isinstance(failed.value, SlackApiError)
        assert failed.value.response["error"] == "internal_error"
    assert await texts(web) == (["once?"] if after else [])
    assert fault.hits == 1
    assert slack.calls.of("chat.postMessage")[0].fault == kind
    await web.chat_postMessage(channel="C0APPR", text="again")
    assert (await texts(web))[0] == "again"


async def test_too_many_requests(slack: LocalSlack, web: AsyncWebClient) -> None:
    slack.faults.arm(method="chat.*", kind="rate_limit", retry_after=7, times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError) as limited:
            await web.chat_postMessage(channel="C0APPR", text="t")
        assert limited.value.response.status_code == 429
        assert limited.value.response.headers["Retry-After"] == "7"
        assert limited.value.response["error"] == "ratelimited"
    await web.chat_postMessage(channel="C0APPR", text="t")


async def test_a_call_that_lands_after_it_failed(slack: LocalSlack, web: AsyncWebClient) -> None:
    slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=HELD)
    with pytest.raises(aiohttp.ClientError):
        await web.chat_postMessage(channel="C0APPR", text="late")
    assert await texts(web) == []
    slack.faults.release()
    await asyncio.sleep(0)
    assert await texts(web) == ["late"]


@pytest.mark.parametrize("after", [False, True])
async def test_a_slow_call(slack: LocalSlack, web: AsyncWebClient, after: bool) -> None:
    slack.faults.arm(method="chat.postMessage", kind="delay", seconds=HELD, after=after)
    call = asyncio.ensure_future(web.chat_postMessage(channel="C0APPR", text="slow"))
    while not slack.calls.of("chat.postMessage"):
        await asyncio.sleep(0.01)
    assert await texts(web) == (["slow"] if after else [])
    slack.faults.release()
    assert (await call)["ok"]
    assert await texts(web) == ["slow"]


async def test_a_fault_can_hit_only_some_calls(slack: LocalSlack, web: AsyncWebClient) -> None:
    ts = (await web.chat_postMessage(channel="C0APPR", text="t"))["ts"]
    slack.faults.arm(
        method="chat.update", kind="error", error="edit_window_closed", when=lambda args: args["text"] == "no"
    )
    await web.chat_update(channel="C0APPR", ts=ts, text="yes")
    with pytest.raises(SlackApiError, match="edit_window_closed"):
        await web.chat_update(channel="C0APPR", ts=ts, text="no")
    slack.faults.arm(method="*", kind="drop", times=100)
    slack.faults.clear()
    await web.chat_update(channel="C0APPR", ts=ts, text="no")


async def test_a_fault_must_be_possible(slack: LocalSlack) -> None:
    with pytest.raises(ValueError, match="cannot happen"):
        slack.faults.arm(method="interactions", kind="rate_limit")
    with pytest.raises(ValueError, match="cannot happen"):
        slack.faults.arm(method="chat.update", kind="twice")


async def test_clicks_that_are_lost_late_or_doubled(
    slack: LocalSlack, app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    seen: list[str] = []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body["actions"][0]["action_ts"])

    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    async with connected(app):
        slack.faults.arm(method="interactions", kind="lost")
        assert (await ada.click("C0APPR", ts, "approve")).reason == "lost"
        assert seen == []
        slack.faults.arm(method="interactions", kind="twice")
        assert (await ada.click("C0APPR", ts, "approve")).acked
        assert len(seen) == 2
        assert len(set(seen)) == 1
        late = slack.faults.arm(method="interactions", kind="late", seconds=HELD)
        click = asyncio.ensure_future(ada.click("C0APPR", ts, "approve"))
        while not late.hits:
            await asyncio.sleep(0.01)
        assert len(seen) == 2
        slack.faults.release()
        assert (await click).acked
        assert len(seen) == 3


async def test_a_click_that_comes_twice_at_once_comes_on_two_connections(
    slack: LocalSlack, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    """Two apps stand for two connections of one app. Neither finishes before the other has begun."""
    both = asyncio.Barrier(2)

    def app() -> AsyncApp:
        made = AsyncApp(client=web)

        @made.action("approve")
        async def approve(ack: Any) -> None:
            await both.wait()
            await ack()

        return made

    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    async with connected(app()), connected(app()):
        slack.faults.arm(method="interactions", kind="at_once")
        assert (await ada.click("C0APPR", ts, "approve")).acked


async def test_clicks_that_come_out_of_order(
    slack: LocalSlack, app: AsyncApp, web: AsyncWebClient, ada: Person, connected: Connect
) -> None:
    seen: list[str] = []

    @app.action(re.compile("first|second"))
    async def pressed(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body["actions"][0]["action_id"])
        await ack()

    blocks = card(button("first"), button("second"))
    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=blocks))["ts"]
    async with connected(app):
        held = slack.faults.arm(method="interactions", kind="out_of_order", seconds=PATIENCE_S)
        first = asyncio.ensure_future(ada.click("C0APPR", ts, "first"))
        await until(lambda: held.hits)
        assert (await ada.click("C0APPR", ts, "second")).acked
        assert (await first).acked
        assert seen == ["second", "first"]
        slack.faults.arm(method="interactions", kind="out_of_order", seconds=0.1)
        assert (await ada.click("C0APPR", ts, "first")).acked


@pytest.mark.parametrize(("kind", "status"), [("rate_limit", 429), ("http", 502)])
async def test_a_response_url_that_fails(
    slack: LocalSlack,
    app: AsyncApp,
    web: AsyncWebClient,
    ada: Person,
    connected: Connect,
    kind: Any,
    status: int,
) -> None:
    answers: list[int] = []

    @app.action("approve")
    async def approve(ack: Any, respond: Any) -> None:
        answers.append((await respond("hello")).status_code)
        await ack()

    ts = (await web.chat_postMessage(channel="C0APPR", text="a card", blocks=card()))["ts"]
    slack.faults.arm(method="response_url", kind=kind)
    async with connected(app):
        await ada.click("C0APPR", ts, "approve")
    assert answers == [status]


async def limited(call: Any) -> int:
    """The seconds of Retry-After, or 0 if the call went through."""
    try:
        await call
    except SlackApiError as error:
        return int(error.response.headers["Retry-After"])
    return 0


async def test_documented_rates() -> None:
    clock = Clock()
    frozen = clock()
    async with LocalSlack(SEED, clock=lambda: frozen + clock.ahead) as slack:
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        burst = [await limited(web.chat_postMessage(channel="C0APPR", text="t")) for _ in range(6)]
        assert burst == [0, 0, 0, 0, 0, 1]
        assert await limited(web.chat_postMessage(channel="U0AAA", text="another channel")) == 0
        clock.ahead += 1
        assert await limited(web.chat_postMessage(channel="#agent-approvals", text="t")) == 0
        assert await limited(web.chat_postMessage(channel="C0APPR", text="t")) == 1
        for method, allowed in (("conversations.history", 50), ("usergroups.list", 20), ("users.info", 100)):
            args = {"channel": "C0APPR", "user": "U0AAA"}
            went = [await limited(web.api_call(method, data=args)) for _ in range(allowed + 1)]
            assert went[:allowed] == [0] * allowed
            assert went[allowed] > 0
        clock.ahead += went[allowed]
        assert await limited(web.users_info(user="U0AAA")) == 0


async def test_rates_can_be_scaled() -> None:
    async with LocalSlack(SEED, rate_scale=2) as slack:
        web = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        assert sum([await limited(web.usergroups_list()) for _ in range(40)]) == 0
        assert await limited(web.usergroups_list()) > 0
