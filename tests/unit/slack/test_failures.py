"""What a failed call means."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.message_answers import FailureKind
from bot.slack.failures import CallFailed, Failure, call_slack, failure_of


def refusal(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> SlackApiError:
    response = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="",
        req_args={},
        data=data,
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("no", response)  # type: ignore[no-untyped-call]  # it is as Slack's SDK has it


@pytest.mark.parametrize(
    ("error", "kind", "word"),
    [
        (refusal({"ok": False, "error": "internal_error"}), FailureKind.UNSURE, "internal_error"),
        (refusal({}, 502), FailureKind.UNSURE, "HTTP 502"),
        (refusal("<html>", 503), FailureKind.UNSURE, "HTTP 503"),
        (refusal({}, 200), FailureKind.UNSURE, "HTTP 200"),
        (TimeoutError(), FailureKind.UNSURE, "the connection broke: TimeoutError"),
        (
            aiohttp.ServerDisconnectedError(),
            FailureKind.UNSURE,
            "the connection broke: ServerDisconnectedError",
        ),
        (refusal({"ok": False, "error": "not_in_channel"}), FailureKind.CLOSED, "not_in_channel"),
        (refusal({"ok": False, "error": "restricted_action"}), FailureKind.CLOSED, "restricted_action"),
        *(
            (
                refusal({"ok": False, "error": f"restricted_action_{what}"}),
                FailureKind.CLOSED,
                f"restricted_action_{what}",
            )
            for what in (
                "thread_only_channel",
                "read_only_channel",
                "thread_locked",
                "non_threadable_channel",
            )
        ),
        (refusal({"ok": False, "error": "update_failed"}), FailureKind.UNSURE, "update_failed"),
        (refusal({"ok": False, "error": "token_revoked"}), FailureKind.TOKEN, "token_revoked"),
        (refusal({"ok": False, "error": "message_not_found"}), FailureKind.GONE, "message_not_found"),
        (refusal({"ok": False, "error": "edit_window_closed"}), FailureKind.UNEDITABLE, "edit_window_closed"),
        (refusal({"ok": False, "error": "msg_blocks_too_long"}), FailureKind.TOO_LONG, "msg_blocks_too_long"),
        (refusal({"ok": False, "error": "missing_scope"}), FailureKind.REFUSED, "missing_scope"),
    ],
)
def test_kinds(error: Exception, kind: FailureKind, word: str) -> None:
    assert failure_of(error) == Failure(kind, word)


def test_a_429_says_for_how_long() -> None:
    limited = {"ok": False, "error": "ratelimited"}
    assert failure_of(refusal(limited, 429, {"Retry-After": "7"})).retry_after == 7
    assert failure_of(refusal(limited, 429)).retry_after == 30
    assert failure_of(refusal(limited, 429, {"Retry-After": "soon"})).retry_after == 30


async def test_only_a_call_that_changes_something_is_ever_in_doubt() -> None:
    async def broken() -> None:
        raise TimeoutError

    with pytest.raises(CallFailed) as reading:
        await call_slack("users.info", broken())
    assert reading.value.failure.kind is FailureKind.DOWN
    with pytest.raises(CallFailed) as posting:
        await call_slack("chat.postMessage", broken(), changes=True)
    assert posting.value.failure.kind is FailureKind.UNSURE
