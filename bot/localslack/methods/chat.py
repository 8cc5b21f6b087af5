"""chat.*: posting, updating, deleting."""

from typing import Any

from bot.localslack.conversation import Conversation, Message
from bot.localslack.message_format import (
    POST_TEXT,
    UPDATE_TEXT,
    as_json,
    checked_attachments,
    checked_blocks,
    checked_metadata,
)
from bot.localslack.method import Call, Method
from bot.localslack.refusals import SlackRefusal
from bot.localslack.workspace import Json

_CUT = "Your message was truncated but still posted. The `text` field accepts up to 40,000 characters."


def _target(call: Call) -> Conversation:
    """Return the target of chat.postMessage: an id, a channel's name, or a person's id for their DM.

    As in Slack, the DM of a deactivated person accepts messages.
    """
    name = call.args.text("channel")
    state = call.state
    if name in state.users and name != state.bot_user_id:
        return state.open_dm(name)
    found = state.named(name)
    if found is None or not call.sees(found):
        raise SlackRefusal("channel_not_found")
    if found.is_archived:
        raise SlackRefusal("is_archived")
    if state.bot_user_id not in found.members and "chat:write.public" not in call.scopes:
        raise SlackRefusal("not_in_channel")
    return found


def _content(call: Call) -> Json:
    """Return the checked parts of the call's message; absent parts are None."""
    args = call.args
    parts: dict[str, Any] = {
        "blocks": checked_blocks(args.json("blocks", "invalid_blocks_format"), call.state.users),
        "attachments": checked_attachments(args.json("attachments", "invalid_attachments")),
    }
    if not args.text("text").strip() and not parts["blocks"] and not parts["attachments"]:
        raise SlackRefusal("no_text")
    return parts


def _customised_name(call: Call) -> str | None:
    if "username" not in call.args:
        return None
    call.require_scope("chat:write.customize")
    return call.args.text("username")


def _new_message(call: Call, *, ephemeral_to: str | None = None) -> Message:
    thread_ts = call.args.text("thread_ts") or None
    return Message(
        ts=call.state.next_ts(),
        user=call.state.bot_user_id,
        bot_id=call.state.seed.bot.bot_id,
        text=call.args.text("text")[:POST_TEXT],
        username=_customised_name(call),
        thread_ts=thread_ts,
        ephemeral_to=ephemeral_to,
        **_content(call),
    )


def _post_message(call: Call) -> Json:
    conversation = _target(call)
    message = _new_message(call)
    message.metadata = checked_metadata(call.args.json("metadata", "invalid_metadata_format"))
    call.state.add_message(conversation, message)
    answer: Json = {"channel": conversation.id, "ts": message.ts, "message": _shown(call, message)}
    if len(call.args.text("text")) > POST_TEXT:
        answer["response_metadata"] = {"messages": [f"[WARN] {_CUT}"], "warnings": ["message_truncated"]}
    return answer


def _post_ephemeral(call: Call) -> Json:
    conversation = _target(call)
    user_id = call.args.needed("user")
    if user_id not in call.state.users:
        raise SlackRefusal("user_not_found")
    if user_id not in conversation.members:
        raise SlackRefusal("user_not_in_channel")
    message = _new_message(call, ephemeral_to=user_id)
    call.state.add_message(conversation, message)
    return {"message_ts": message.ts}


def _own_message(call: Call, refusal: str) -> tuple[Conversation, Message]:
    conversation = call.conversation()
    message = conversation.messages.get(call.args.text("ts"))
    if message is None:
        raise SlackRefusal("message_not_found")
    if message.user != call.state.bot_user_id:
        raise SlackRefusal(refusal)
    return conversation, message


def _update(call: Call) -> Json:
    conversation, message = _own_message(call, "cant_update_message")
    if conversation.is_archived:
        raise SlackRefusal("is_inactive")
    args = call.args
    if len(args.text("text")) > UPDATE_TEXT:
        raise SlackRefusal("msg_too_long")
    parts = _content(call)
    metadata = checked_metadata(args.json("metadata", "invalid_metadata_format"))
    if "metadata" in args:
        message.metadata = metadata
    _apply(call, message, parts)
    call.state.changed(message)
    shown = _shown(call, message)
    return {"channel": conversation.id, "ts": message.ts, "text": message.text, "message": shown}


def _apply(call: Call, message: Message, parts: Json) -> None:
    """Apply an update as Slack does: text alone replaces the blocks and marks it as edited; blocks do not."""
    if "text" in call.args:
        message.text = call.args.text("text")
    if parts["blocks"] is not None:
        message.blocks = parts["blocks"]
    elif "text" in call.args:
        message.blocks = None
        message.edited = {"user": call.state.bot_user_id, "ts": call.state.next_ts()}
    if parts["attachments"] is not None:
        message.attachments = parts["attachments"]


def _delete(call: Call) -> Json:
    conversation, message = _own_message(call, "cant_delete_message")
    call.state.remove_message(conversation, message.ts)
    return {"channel": conversation.id, "ts": message.ts}


def _permalink(call: Call) -> Json:
    conversation = call.conversation()
    ts = call.args.text("message_ts")
    if ts not in conversation.messages:
        raise SlackRefusal("message_not_found")
    link = f"https://{call.state.seed.domain}.slack.com/archives/{conversation.id}/p{ts.replace('.', '')}"
    return {"channel": conversation.id, "permalink": link}


def _shown(call: Call, message: Message) -> Json:
    return as_json(message, call.state.seed.bot, call.state.seed.team_id, metadata=True)


METHODS = {
    "chat.postMessage": Method(run=_post_message, tier="special", scopes=("chat:write",)),
    "chat.postEphemeral": Method(run=_post_ephemeral, tier=4, scopes=("chat:write",)),
    "chat.update": Method(run=_update, tier=3, scopes=("chat:write",)),
    "chat.delete": Method(run=_delete, tier=3, scopes=("chat:write",)),
    "chat.getPermalink": Method(run=_permalink, tier="special"),
}
