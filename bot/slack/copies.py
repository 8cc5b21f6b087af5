"""Finds a message that may have been posted, by the id in its metadata.

A post is the one call that can be lost half-way: the connection breaks, or Slack says `internal_error`, and
the message is there or is not. Posting again unseen makes two. The id in the message's metadata tells.
"""

from __future__ import annotations

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.escalation import Instant

EVENT_TYPE = "membrane_message"
SKEW_S = 300.0
"""How far Slack's clock and ours may be apart."""
PAGES = 10
PAGE = 100


def metadata(message_id: str) -> dict[str, Any]:
    """What a post carries. Everybody in the workspace can read it, so it holds an id and no arguments."""
    return {"event_type": EVENT_TYPE, "event_payload": {"message_id": message_id}}


async def find_copies(
    client: AsyncWebClient, channel_id: str, message_id: str, since: Instant, bot_id: str
) -> list[str]:
    """Return the ts of every copy of a message of ours, oldest first.

    Only this bot's own messages count: metadata can be written by any app.
    """
    found: list[str] = []
    cursor = ""
    for _ in range(PAGES):
        page = await client.conversations_history(
            channel=channel_id,
            oldest=f"{since - SKEW_S:.6f}",
            limit=PAGE,
            cursor=cursor,
            include_all_metadata=True,
        )
        found += [message["ts"] for message in page["messages"] if _is_copy(message, message_id, bot_id)]
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
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
