"""The payloads of interactions and events: https://docs.slack.dev/reference/interaction-payloads"""

from typing import Any

from bot.localslack.conversation import Conversation, Message
from bot.localslack.inputs import value_of
from bot.localslack.message_format import as_json
from bot.localslack.open_views import View
from bot.localslack.state import State
from bot.localslack.workspace import Json

VERIFICATION_TOKEN = "local-verification-token"  # noqa: S105  (deprecated by Slack, and still in every payload)


def interaction(state: State, user_id: str, kind: str) -> Json:
    """Return the common fields of interaction payloads."""
    seed, user = state.seed, state.users[user_id]
    team: Json = {"id": seed.team_id, "domain": seed.domain}
    enterprise = {"id": seed.enterprise_id, "name": seed.name} if seed.enterprise_id else None
    if enterprise is not None:
        team |= {"enterprise_id": enterprise["id"], "enterprise_name": enterprise["name"]}
    of = user.clicks_as or state.team_of(user)
    return {
        "type": kind,
        "team": None if seed.is_enterprise_install else team,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": of},
        "api_app_id": seed.bot.app_id,
        "token": VERIFICATION_TOKEN,
        "trigger_id": state.triggers.issue(user_id),
        "enterprise": enterprise,
        "is_enterprise_install": seed.is_enterprise_install,
    }


def message_context(
    state: State, user_id: str, conversation: Conversation, message: Message, base: str
) -> Json:
    """Return the place of an interaction on a message, and its response URL."""
    names = {"im": "directmessage", "mpim": "mpdm"}
    name = names.get(conversation.kind) or ("privategroup" if conversation.is_private else conversation.name)
    container = {"type": "message", "message_ts": message.ts, "channel_id": conversation.id}
    secret = state.response_urls.issue(user_id, conversation.id, message.ts)
    context: Json = {
        "container": {**container, "is_ephemeral": message.is_ephemeral},
        "channel": {"id": conversation.id, "name": name},
        "response_url": f"{base}/actions/{state.seed.team_id}/{secret}",
    }
    if not message.is_ephemeral:
        # Undocumented, but public apps read their metadata here.
        context["message"] = as_json(message, state.seed.bot, state.seed.team_id, metadata=True)
    return context


def view_context(state: State, view: View, values: Json) -> Json:
    """Return the place of an interaction on a modal or Home tab."""
    return {"container": {"type": "view", "view_id": view.id}, "view": state.views.as_json(view, values)}


def action(state: State, block: Json, element: Json, chosen: Any) -> Json:
    """Return one entry of ``actions``: the element and the chosen value."""
    entry: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "action_ts": state.next_ts(),
    }
    if element["type"] == "button":
        return {**entry, **{name: element[name] for name in ("text", "value", "style") if name in element}}
    return {**entry, **value_of(element, chosen)}


def event(state: State, body: Json) -> Json:
    """Return the envelope of an event."""
    seed = state.seed
    who = {
        "team_id": seed.team_id,
        "user_id": seed.bot.user_id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": seed.team_id,
        "api_app_id": seed.bot.app_id,
        "event": body,
        "type": "event_callback",
        "event_id": state.new_id("Ev"),
        "event_time": int(state.clock()),
        "authorizations": [{"enterprise_id": None, **who}],
        "is_ext_shared_channel": False,
    }
