"""Finds a message that may have been posted, by the id in its metadata.

A post is the one call that can be lost half-way: the connection breaks, or Slack says `internal_error`, and
the message is there or is not. Posting again unseen makes two. The id in the message's metadata tells.
"""

from __future__ import annotations

from typing import Any

from bot.domain.escalation import Instant
from bot.slack.calls import Calls

EVENT_TYPE = "membrane_message"
SKEW_S = 300.0
"""How far Slack's clock and ours may be apart, where the newest page is not enough."""
PAGES = 10
PAGE = 200
"""The newest so many messages are looked at whatever their time is: no clock has to be right for that."""


def metadata(message_id: str) -> dict[str, Any]:
    """What a post carries. Everybody in the workspace can read it, so it holds an id and no arguments."""
    return {"event_type": EVENT_TYPE, "event_payload": {"message_id": message_id}}


async def find_copies(
    calls: Calls, channel_id: str, message_id: str, since: Instant, bot_id: str
) -> list[str]:
    """Return the ts of every copy of a message of ours that was posted `since`, oldest first.

    Only this bot's own messages count: metadata can be written by any app. Raises CallFailed.
    """
    found: list[str] = []
    cursor = ""
    for _ in range(PAGES):
        page = await calls.ask(
            "conversations.history",
            calls.client.conversations_history,
            channel=channel_id,
            limit=PAGE,
            cursor=cursor,
            include_all_metadata=True,
        )
        said = page["messages"]
        found += [message["ts"] for message in said if _is_copy(message, message_id, bot_id)]
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor or not said or float(said[-1]["ts"]) < since - SKEW_S:
            break
    return sorted(found, key=float)


def _is_copy(message: dict[str, Any], message_id: str, bot_id: str) -> bool:
    carried = message.get("metadata") or {}
    payload = carried.get("event_payload") or {}
    return (
        message.get("bot_id") == bot_id
        and carried.get("event_type") == EVENT_TYPE
        and payload.get("message_id") == message_id
    )
