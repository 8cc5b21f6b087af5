"""The Web API client pauses a rate-limited method for as long as Slack asked."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.message_answers import FailureKind
from bot.slack.failures import LONGEST_RETRY_AFTER_S, RETRY_AFTER_S, CallFailed
from bot.slack.web_api import POST, UPDATE, Calls


class Now:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Limited:
    """A call that Slack refuses as rate-limited, with a given Retry-After."""

    def __init__(self, retry_after: str = "30") -> None:
        self.retry_after = retry_after
        self.calls = 0

    async def __call__(self, **_: Any) -> None:
        self.calls += 1
        response = AsyncSlackResponse(
            client=None,
            http_verb="POST",
            api_url="",
            req_args={},
            data={"ok": False, "error": "ratelimited"},
            headers={"Retry-After": self.retry_after},
            status_code=429,
        )
        raise SlackApiError("too fast", response)  # type: ignore[no-untyped-call]


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def calls(now: Now) -> Calls:
    return Calls(AsyncWebClient(token="xoxb-1"), now)


async def refused(calls: Calls, method: str, call: Limited, **arguments: Any) -> float:
    with pytest.raises(CallFailed) as failed:
        await calls.call(method, call, **arguments)
    assert failed.value.failure.kind is FailureKind.LIMITED
    return failed.value.failure.retry_after


async def test_a_method_is_left_alone_for_as_long_as_slack_said(calls: Calls, now: Now) -> None:
    limited = Limited()
    assert await refused(calls, UPDATE, limited, channel="C1") == 30.0
    now.at += 10
    assert await refused(calls, UPDATE, limited, channel="C2") == 20.0
    assert limited.calls == 1
    now.at += 20
    await refused(calls, UPDATE, limited, channel="C2")
    assert limited.calls == 2


async def test_another_method_goes_on(calls: Calls) -> None:
    limited, other = Limited(), Limited()
    await refused(calls, UPDATE, limited)
    await refused(calls, "conversations.open", other)
    assert other.calls == 1


async def test_posts_are_counted_by_channel(calls: Calls) -> None:
    limited = Limited()
    await refused(calls, POST, limited, channel="C1")
    await refused(calls, POST, limited, channel="C1")
    assert limited.calls == 1
    await refused(calls, POST, limited, channel="C2")
    assert limited.calls == 2


async def test_a_shorter_word_does_not_end_a_longer_one(calls: Calls, now: Now) -> None:
    calls.stop(60)
    calls.stop(10)
    assert calls.stopped_until == 160.0
    assert await refused(calls, POST, Limited(), channel="C1") == 60.0


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("nan", RETRY_AFTER_S),
        ("", RETRY_AFTER_S),
        ("Wed, 21 Oct 2015 07:28:00 GMT", RETRY_AFTER_S),
        ("inf", LONGEST_RETRY_AFTER_S),
        ("1e300", LONGEST_RETRY_AFTER_S),
        ("-5", 1.0),
        ("0", 1.0),
    ],
)
async def test_an_odd_retry_after_stops_nothing_for_good(calls: Calls, said: str, meant: float) -> None:
    assert await refused(calls, POST, Limited(said), channel="C1") == meant


async def test_a_year_of_channels_is_forgotten(calls: Calls, now: Now) -> None:
    for number in range(3000):
        await refused(calls, POST, Limited(), channel=f"D{number}")
        now.at += 31
    assert len(calls._held) <= 1001
