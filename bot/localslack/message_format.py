"""The limits of a message, and its form in API responses."""

import json
from collections.abc import Collection
from typing import Any

from bot.localslack.block_checks import MESSAGE_TOTAL, check_blocks, total_text
from bot.localslack.conversation import Message
from bot.localslack.refusals import SlackRefusal
from bot.localslack.rich_text_checks import unknown_users
from bot.localslack.workspace import Bot, Json

POST_TEXT = 40_000  # longer text is cut
UPDATE_TEXT = 4_000  # longer text is refused
ATTACHMENTS = 100
METADATA_BYTES = 8_000  # Slack's limit is undocumented; ids are far below it


def checked_blocks(value: Any, users: Collection[str] | None = None) -> list[Json] | None:
    """Return the blocks if Slack would accept them, with ids where the app gave none.

    `users` are all known user ids: Slack refuses rich text that mentions another one. None skips that check.

    Raises:
        SlackRefusal: ``invalid_blocks_format``, ``invalid_blocks`` or ``msg_blocks_too_long``.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise SlackRefusal("invalid_blocks_format")
    problems = check_blocks(value, "message")
    if users is not None:
        problems.extend(unknown_users(value, users))
    if problems:
        raise SlackRefusal.with_messages("invalid_blocks", problems)
    if total_text(value) > MESSAGE_TOTAL:
        raise SlackRefusal("msg_blocks_too_long")
    return with_ids(value)


def with_ids(blocks: list[Json]) -> list[Json]:
    """Return the blocks with a block_id each, and an action_id for every usable element."""
    return [_block_with_ids(block, str(place)) for place, block in enumerate(blocks)]


def _block_with_ids(block: Json, made_up: str) -> Json:
    whole = {**block, "block_id": block.get("block_id") or f"local-{made_up}"}
    if block["type"] == "actions":
        whole["elements"] = [_with_action_id(e, f"{made_up}-{n}") for n, e in enumerate(block["elements"])]
    for name in ("accessory", "element"):
        if isinstance(block.get(name), dict) and block[name].get("type") != "image":
            whole[name] = _with_action_id(block[name], made_up)
    return whole


def _with_action_id(element: Json, made_up: str) -> Json:
    return {**element, "action_id": element.get("action_id") or f"local-{made_up}"}


def checked_metadata(value: Any) -> Json | None:
    """Return message metadata if Slack would accept it; an empty object means none.

    Raises:
        SlackRefusal: ``invalid_metadata_format`` or ``metadata_too_large``.
    """
    if value is None or value == {}:
        return None
    shape = {"event_type": str, "event_payload": dict}
    if not isinstance(value, dict) or any(
        not isinstance(value.get(key), kind) for key, kind in shape.items()
    ):
        raise SlackRefusal("invalid_metadata_format")
    if len(json.dumps(value).encode()) > METADATA_BYTES:
        raise SlackRefusal("metadata_too_large")
    return {"event_type": value["event_type"], "event_payload": value["event_payload"]}


def checked_attachments(value: Any) -> list[Json] | None:
    """Return secondary attachments unchanged.

    Raises:
        SlackRefusal: ``invalid_attachments`` or ``too_many_attachments``.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise SlackRefusal("invalid_attachments")
    if len(value) > ATTACHMENTS:
        raise SlackRefusal("too_many_attachments")
    return value


def as_json(message: Message, bot: Bot, team_id: str, *, metadata: bool = False) -> Json:
    """Return the message object of API responses and payloads, with metadata only if asked for."""
    shown: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": team_id,
    }
    if message.bot_id is not None:
        shown["bot_id"] = message.bot_id
        shown["app_id"] = bot.app_id
        profile = {
            "id": bot.bot_id,
            "app_id": bot.app_id,
            "name": bot.real_name,
            "deleted": False,
            "team_id": team_id,
        }
        shown["bot_profile"] = profile
    for name in ("username", "blocks", "attachments", "thread_ts", "edited"):
        if getattr(message, name):
            shown[name] = getattr(message, name)
    if metadata and message.metadata:
        shown["metadata"] = message.metadata
    return shown
