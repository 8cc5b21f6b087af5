"""Handles POSTs to response URLs: an app's answers to one interaction, without a token."""

import json
from collections.abc import Collection
from typing import Any

from aiohttp import web

from bot.localslack.conversation import Conversation, Message
from bot.localslack.faults import Faults
from bot.localslack.message_format import POST_TEXT, checked_attachments, checked_blocks, checked_metadata
from bot.localslack.refusals import SlackRefusal
from bot.localslack.state import State
from bot.localslack.tickets import ResponseUrl
from bot.localslack.workspace import Json


class Responses:
    """Serves ``/actions/{team}/{secret}``. Slack answers ``ok`` or an error word, as text."""

    def __init__(self, *, state: State, faults: Faults) -> None:
        self._state = state
        self._faults = faults

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one POST."""
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if not isinstance(body, dict):
            return web.Response(status=400, text="invalid_payload")
        fault = self._faults.take("response_url", body)
        if fault is not None:
            return web.Response(status=429 if fault.kind == "rate_limit" else fault.status, text="failed")
        try:
            url = self._state.response_urls.use(request.match_info["secret"])
            self._respond(url, body)
        except SlackRefusal as refusal:
            gone = refusal.error in ("expired_url", "used_url")
            return web.json_response({"ok": False, "error": refusal.error}, status=404 if gone else 400)
        return web.Response(text="ok")

    def _respond(self, url: ResponseUrl, body: Json) -> None:
        conversation = self._state.conversations[url.channel_id]
        original = self._original(url, conversation)
        if _flag(body, "delete_original"):
            if original is None:
                raise SlackRefusal("message_not_found")
            self._state.remove_message(conversation, original.ts)
        elif _flag(body, "replace_original"):
            if original is None:
                raise SlackRefusal("message_not_found")
            self._replace(original, body)
        else:
            self._say(url, conversation, body)

    def _original(self, url: ResponseUrl, conversation: Conversation) -> Message | None:
        ts = url.message_ts or ""
        return conversation.messages.get(ts) or conversation.ephemerals.get(ts)

    def _replace(self, original: Message, body: Json) -> None:
        parts = _parts(body, self._state.users)
        original.text = parts["text"]
        original.blocks = parts["blocks"]
        original.attachments = parts["attachments"]
        if "metadata" in body:
            original.metadata = checked_metadata(body["metadata"])
        self._state.changed(original)

    def _say(self, url: ResponseUrl, conversation: Conversation, body: Json) -> None:
        message = Message(
            ts=self._state.next_ts(),
            user=self._state.bot_user_id,
            bot_id=self._state.seed.bot.bot_id,
            thread_ts=body.get("thread_ts"),
            ephemeral_to=None if body.get("response_type") == "in_channel" else url.user_id,
            **_parts(body, self._state.users),
        )
        self._state.add_message(conversation, message)


def _parts(body: Json, users: Collection[str]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "text": str(body.get("text") or "")[:POST_TEXT],
        "blocks": checked_blocks(body.get("blocks"), users),
        "attachments": checked_attachments(body.get("attachments")),
    }
    if not any(parts.values()):
        raise SlackRefusal("no_text")
    return parts


def _flag(body: Json, name: str) -> bool:
    return str(body.get(name, False)).lower() == "true"
