"""conversations.*: channels, direct messages and their history."""

import math
from collections.abc import Iterator
from itertools import islice

from bot.localslack.conversation import Conversation, Message
from bot.localslack.message_format import as_json
from bot.localslack.method import Call, Method, scope_noun
from bot.localslack.methods.paging import MOST, from_cursor, is_filled, next_page, page, to_cursor
from bot.localslack.refusals import SlackRefusal
from bot.localslack.workspace import Json

_NOUNS = ("channels", "groups", "im", "mpim")
_READ = tuple(f"{noun}:read" for noun in _NOUNS)
_HISTORY = tuple(f"{noun}:history" for noun in _NOUNS)
_TYPES = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
_DM_PEOPLE = 8
_LATER = 9_999_999_999
"""An instant after every message."""
SLOW_MOST = 15
"""Messages per page for an app that a vendor hosts."""


def shown(call: Call, conversation: Conversation) -> Json:
    """Return the conversation object of API responses."""
    common = {
        "id": conversation.id,
        "created": conversation.created,
        "context_team_id": call.state.seed.team_id,
    }
    if conversation.kind == "im":
        other = next(m for m in conversation.members if m != call.state.bot_user_id)
        deleted = call.state.users[other].deleted
        return {**common, "is_im": True, "user": other, "is_user_deleted": deleted, "is_archived": False}
    is_mpim = conversation.kind == "mpim"
    return {
        **common,
        "name": conversation.name or "mpdm",
        "name_normalized": conversation.name or "mpdm",
        "is_channel": not is_mpim and not conversation.is_private,
        "is_group": not is_mpim and conversation.is_private,
        "is_im": False,
        "is_mpim": is_mpim,
        "is_private": conversation.is_private,
        "is_archived": conversation.is_archived,
        "is_general": False,
        "is_shared": conversation.is_ext_shared or conversation.is_org_shared,
        "is_ext_shared": conversation.is_ext_shared,
        "is_org_shared": conversation.is_org_shared,
        "is_pending_ext_shared": conversation.is_pending_ext_shared,
        "pending_shared": list(conversation.pending_shared),
        "pending_connected_team_ids": list(conversation.pending_connected_team_ids),
        "is_member": call.state.bot_user_id in conversation.members,
        "num_members": len(conversation.members),
        "topic": {"value": conversation.topic, "creator": "", "last_set": 0},
        "purpose": {"value": conversation.purpose, "creator": "", "last_set": 0},
    }


def listed(call: Call, *, member: str | None = None) -> Json:
    """Return a page of the requested kinds of conversations; `member` selects one person's."""
    wanted = set()
    for kind in call.args.names("types", "public_channel"):
        if kind not in _TYPES:
            raise SlackRefusal("invalid_types")
        wanted.add(_TYPES[kind])
        call.require_scope(f"{_TYPES[kind]}:read")
    without_archived = call.args.flag("exclude_archived")
    found = [
        conversation
        for conversation in call.state.conversations.values()
        if scope_noun(conversation) in wanted
        and call.sees(conversation)
        and (member is None or member in conversation.members)
        and not (without_archived and conversation.is_archived)
    ]
    items, more = page(call, found)
    return {"channels": [shown(call, conversation) for conversation in items], **more}


def _list(call: Call) -> Json:
    return listed(call)


def _info(call: Call) -> Json:
    conversation = call.conversation("read")
    answer = shown(call, conversation)
    if not call.args.flag("include_num_members"):
        answer.pop("num_members", None)
    return {"channel": answer}


def _members(call: Call) -> Json:
    conversation = call.conversation("read")
    items, more = page(call, conversation.members)
    return {"members": items, **more}


def _join(call: Call) -> Json:
    conversation = call.conversation()
    if conversation.kind != "channel" or conversation.is_private:
        raise SlackRefusal("method_not_supported_for_channel_type")
    if conversation.is_archived:
        raise SlackRefusal("is_archived")
    answer: Json = {}
    if call.state.bot_user_id in conversation.members:
        answer = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        call.state.change_channel(conversation.id, members=[*conversation.members, call.state.bot_user_id])
    return {"channel": shown(call, conversation), **answer}


def _open(call: Call) -> Json:
    if "channel" in call.args:
        conversation = call.conversation()
        if conversation.kind == "channel":
            raise SlackRefusal("method_not_supported_for_channel_type")
        return _opened(call, conversation, already=True)
    people = call.args.names("users")
    _check_people(call, people)
    call.require_scope("im:write" if len(people) == 1 else "mpim:write")
    already = call.state.find_dm(frozenset({call.state.bot_user_id, *people})) is not None
    return _opened(call, call.state.open_dm(*people), already=already)


def _check_people(call: Call, people: list[str]) -> None:
    if not people:
        raise SlackRefusal("users_list_not_supplied")
    if len(people) > _DM_PEOPLE:
        raise SlackRefusal("too_many_users")
    for user_id in people:
        user = call.state.users.get(user_id)
        if user is None or user.id == call.state.bot_user_id:
            raise SlackRefusal("user_not_found")
        if user.deleted:
            raise SlackRefusal("user_disabled")
        if user.is_bot:
            raise SlackRefusal("cannot_dm_bot")


def _opened(call: Call, conversation: Conversation, *, already: bool) -> Json:
    if not call.args.flag("return_im"):
        answer: Json = {"channel": {"id": conversation.id}}
    else:
        answer = {"channel": {**shown(call, conversation), "is_open": True}}
    return {"no_op": True, "already_open": True, **answer} if already else answer


def _history(call: Call) -> Json:
    conversation = call.conversation("history")
    if call.state.bot_user_id not in conversation.members:
        raise SlackRefusal("not_in_channel")
    limit = call.args.number("limit", 100, MOST)
    if call.state.slow_history:
        limit = min(limit, SLOW_MOST)
    cursor = call.args.text("cursor")
    if call.state.sparse_pages and not is_filled(cursor):
        before = from_cursor(cursor, "next_ts") if cursor else str(_LATER)
        return {"messages": [], "has_more": True, "pin_count": 0, **next_page(to_cursor("filled", before))}
    found = list(islice(_between(call, conversation), limit + 1))
    has_more = len(found) > limit
    items = found[:limit]
    metadata = call.args.flag("include_all_metadata")
    seed = call.state.seed
    return {
        "messages": [as_json(m, seed.bot, seed.team_id, metadata=metadata) for m in items],
        "has_more": has_more,
        "pin_count": 0,
        **next_page(to_cursor("next_ts", items[-1].ts) if has_more else ""),
    }


def _between(call: Call, conversation: Conversation) -> Iterator[Message]:
    """Yield messages from `latest` (and the cursor) back to `oldest`, without replies in threads."""
    oldest = _time(call, "oldest", "invalid_ts_oldest") or 0.0
    latest = _time(call, "latest", "invalid_ts_latest") or math.inf
    cursor = call.args.text("cursor")
    kind = "filled" if is_filled(cursor) else "next_ts"
    before = float(from_cursor(cursor, kind)) if cursor else math.inf
    inclusive = call.args.flag("inclusive")
    for message in conversation.newest_first():
        ts = float(message.ts)
        if ts < oldest or (ts == oldest and not inclusive):
            return
        is_reply = message.thread_ts not in (None, message.ts)
        if ts < before and (ts < latest or (ts == latest and inclusive)) and not is_reply:
            yield message


def _time(call: Call, name: str, error: str) -> float:
    try:
        return float(call.args.text(name) or 0)
    except ValueError:
        raise SlackRefusal(error) from None


METHODS = {
    "conversations.list": Method(run=_list, tier=2, scopes=_READ),
    "conversations.info": Method(run=_info, tier=3, scopes=_READ),
    "conversations.members": Method(run=_members, tier=4, scopes=_READ),
    "conversations.history": Method(run=_history, tier=3, scopes=_HISTORY),
    "conversations.join": Method(run=_join, tier=3, scopes=("channels:join",)),
    "conversations.open": Method(run=_open, tier=3, scopes=("im:write", "mpim:write")),
}
