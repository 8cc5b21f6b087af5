"""What a failed call to Slack means: whether it may have worked all the same, and whose business it is."""

from __future__ import annotations

import math
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.errors import MembraneError

T = TypeVar("T")

NOT_READ = (AttributeError, TypeError)
"""What the SDK (3.47.0) raises where the answer is JSON and no object: something answers in Slack's place."""
CALL_FAILURES = (SlackApiError, aiohttp.ClientError, TimeoutError, OSError, *NOT_READ)
"""What a Web API call raises, besides mistakes of ours."""

RETRY_AFTER_S = 30.0
"""Of a 429 that does not say for how long."""
LONGEST_RETRY_AFTER_S = 900.0
"""What says longer is not believed: Slack's windows are of a minute."""


class Kind(StrEnum):
    """What to do about a failure."""

    UNSURE = "unsure"
    """It may have worked: look before doing it again."""
    DOWN = "down"
    """Slack was never reached, or a look-up failed; nothing has happened."""
    LIMITED = "limited"
    """Too fast; nothing has happened."""
    TOKEN = "token"  # noqa: S105 - what is wrong, not a token
    """The bot's token is not good, so nothing at all can be sent."""
    PLACE = "place"
    """The channel or person cannot be reached by this bot."""
    GONE = "gone"
    """The message is not there any more."""
    FIXED = "fixed"
    """The message is there and may not be changed."""
    TOO_LONG = "too_long"
    """Slack finds the message too long or wrong."""
    REFUSED = "refused"
    """Something else, that an admin has to look at."""


_KINDS = {
    Kind.UNSURE: "internal_error fatal_error service_unavailable request_timeout timeout update_failed",
    Kind.LIMITED: "ratelimited rate_limited message_limit_exceeded",
    Kind.TOKEN: "invalid_auth not_authed token_revoked token_expired account_inactive not_allowed_token_type "
    "org_login_required two_factor_setup_required",
    Kind.PLACE: "channel_not_found not_in_channel is_archived is_inactive user_not_found user_disabled "
    "cannot_dm_bot user_not_visible users_not_found messages_tab_disabled invalid_user_combination "
    "no_permission team_access_not_granted "
    "method_not_supported_for_channel_type external_channel_migrating",
    Kind.GONE: "message_not_found thread_not_found",
    Kind.FIXED: "edit_window_closed cant_update_message",
    Kind.TOO_LONG: "msg_blocks_too_long msg_too_long invalid_blocks invalid_blocks_format",
}
RESTRICTED = "restricted_action"
"""Begins what a channel's posting permissions say, in many words: …_read_only_channel and more."""
SHARED = "shared_with_another_company"
"""Our word for a channel that may not be shown arguments."""
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

    kind: Kind
    error: str
    retry_after: float = 0.0


async def ask(method: str, call: Awaitable[T], *, changes: bool = False) -> T:
    """Await a call to Slack. Raises CallFailed.

    A call that `changes` nothing is never in doubt: where it broke, it is simply made again.
    """
    try:
        return await call
    except CALL_FAILURES as error:
        failure = failure_of(error)
        if failure.kind is Kind.UNSURE and not changes:
            failure = Failure(Kind.DOWN, failure.error)
        raise CallFailed(method, failure) from error


def failure_of(error: BaseException) -> Failure:
    """Say what a failed call means.

    A connection that was never made is told from one that broke: only the latter may have carried the call.
    """
    if isinstance(error, SlackApiError):
        return _refusal(error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failure(Kind.DOWN, "no connection to Slack")
    if isinstance(error, NOT_READ):
        return Failure(Kind.UNSURE, "the answer is none of Slack's")
    return Failure(Kind.UNSURE, f"the connection broke: {type(error).__name__}")


def _refusal(error: SlackApiError) -> Failure:
    response = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 200)
    data = getattr(response, "data", response)
    word = str(data.get("error") or "") if isinstance(data, dict) else ""
    kind = Kind.PLACE if word.startswith(RESTRICTED) else KIND_OF.get(word, Kind.REFUSED)
    if status == 429 or kind is Kind.LIMITED:
        return Failure(Kind.LIMITED, word or "ratelimited", _retry_after(response))
    if status >= 500 or not word:
        return Failure(Kind.UNSURE, word or f"HTTP {status}")
    return Failure(kind, word)


def _retry_after(response: object) -> float:
    headers = getattr(response, "headers", {})
    try:
        told = float(headers.get("Retry-After", RETRY_AFTER_S))
    except ValueError:
        return RETRY_AFTER_S
    return RETRY_AFTER_S if math.isnan(told) else min(max(1.0, told), LONGEST_RETRY_AFTER_S)
