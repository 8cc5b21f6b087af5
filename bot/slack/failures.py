"""What a failed call to Slack means: whether it may have worked, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.domain.message_answers import FailureKind
from bot.errors import MembraneError

T = TypeVar("T")

NOT_READ = (AttributeError, TypeError)
"""The SDK (3.47.0) raises these if the answer is JSON but no object: a proxy answers for Slack."""
CALL_FAILURES = (SlackApiError, aiohttp.ClientError, TimeoutError, OSError, *NOT_READ)
"""The errors of a Web API call, besides our own mistakes."""

RETRY_AFTER_S = 30.0
"""How long to wait after a 429 that does not say."""
LONGEST_RETRY_AFTER_S = 900.0
"""A longer wait is not believed: Slack counts calls by the minute."""


_KINDS = {
    FailureKind.UNSURE: "internal_error fatal_error service_unavailable request_timeout timeout "
    "update_failed",
    FailureKind.LIMITED: "ratelimited rate_limited message_limit_exceeded",
    FailureKind.TOKEN: "invalid_auth not_authed token_revoked token_expired account_inactive "
    "not_allowed_token_type org_login_required two_factor_setup_required",
    FailureKind.CLOSED: "channel_not_found not_in_channel is_archived is_inactive user_not_found "
    "user_disabled cannot_dm_bot user_not_visible users_not_found messages_tab_disabled "
    "invalid_user_combination no_permission team_access_not_granted "
    "method_not_supported_for_channel_type external_channel_migrating",
    FailureKind.GONE: "message_not_found thread_not_found",
    FailureKind.UNEDITABLE: "edit_window_closed cant_update_message",
    FailureKind.TOO_LONG: "msg_blocks_too_long msg_too_long invalid_blocks invalid_blocks_format",
}
RESTRICTED = "restricted_action"
"""How the refusals begin that a channel's posting permissions cause: …_read_only_channel and more."""
KIND_OF = {error: kind for kind, errors in _KINDS.items() for error in errors.split()}


class CallFailed(MembraneError):
    """A call to Slack failed: which method, and what that means."""

    def __init__(self, method: str, failure: Failure) -> None:
        self.method = method
        self.failure = failure
        super().__init__(f"Slack's {method} failed: {failure.error}")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call. `error` is Slack's word for it, or ours; `retry_after` is in seconds."""

    kind: FailureKind
    error: str
    retry_after: float = 0.0


async def call_slack(method: str, call: Awaitable[T], *, changes: bool = False) -> T:
    """Await a call to Slack. Raises CallFailed.

    A call that `changes` nothing is never in doubt: if it broke, it is made again.
    """
    try:
        return await call
    except CALL_FAILURES as error:
        failure = failure_of(error)
        if failure.kind is FailureKind.UNSURE and not changes:
            failure = Failure(FailureKind.DOWN, failure.error)
        raise CallFailed(method, failure) from error


def failure_of(error: BaseException) -> Failure:
    """Return what a failed call means.

    Only a connection that broke may have carried the call, not one that was never made.
    """
    if isinstance(error, SlackApiError):
        return _refusal(error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failure(FailureKind.DOWN, "no connection to Slack")
    if isinstance(error, NOT_READ):
        return Failure(FailureKind.UNSURE, "the answer is not Slack's")
    return Failure(FailureKind.UNSURE, f"the connection broke: {type(error).__name__}")


def _refusal(error: SlackApiError) -> Failure:
    response = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 200)
    data = getattr(response, "data", response)
    word = str(data.get("error") or "") if isinstance(data, dict) else ""
    kind = FailureKind.CLOSED if word.startswith(RESTRICTED) else KIND_OF.get(word, FailureKind.REFUSED)
    if status == 429 or kind is FailureKind.LIMITED:
        return Failure(FailureKind.LIMITED, word or "ratelimited", _retry_after(response))
    if status >= 500 or not word:
        return Failure(FailureKind.UNSURE, word or f"HTTP {status}")
    return Failure(kind, word)


def _retry_after(response: object) -> float:
    headers = getattr(response, "headers", {})
    try:
        told = float(headers.get("Retry-After", RETRY_AFTER_S))
    except ValueError:
        return RETRY_AFTER_S
    return RETRY_AFTER_S if math.isnan(told) else min(max(1.0, told), LONGEST_RETRY_AFTER_S)
