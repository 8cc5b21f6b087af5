"""The Slack app asks for exactly what the bot uses, and Slack takes the file."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

ROOT = Path(__file__).parents[3]
MANIFEST = ROOT / "manifest.yml"

SCOPES: dict[str, set[str]] = {
    "apps.connections.open": set(),  # the app-level token's connections:write
    "auth.test": set(),
    "chat.delete": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.update": {"chat:write"},
    "conversations.history": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations.info": {"channels:read", "groups:read"},  # of the channels that messages go to
    "conversations.open": {"im:write", "mpim:write"},
    "usergroups.users.list": {"usergroups:read"},
    "users.conversations": {"channels:read", "groups:read"},  # of the types that are asked for
    "users.info": {"users:read"},
    "views.open": set(),
    "views.update": set(),
}
"""What each method needs: https://docs.slack.dev/reference/methods"""


def text(most: int, least: int = 1) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    made = {"type": "object", "properties": properties, "required": list(required)}
    return {**made, "additionalProperties": False}


FLAG = {"type": "boolean"}
URL = {"type": "string", "pattern": "^https?://", "maxLength": 3500}
NAMES = {"type": "array", "maxItems": 255, "uniqueItems": True, "items": text(50)}
RULES = closed(
    ("display_information",),
    display_information=closed(
        ("name",),
        name=text(35),
        description=text(140),
        long_description=text(4000, 175),
        background_color={"type": "string", "pattern": "^#([0-9a-fA-F]{3}){1,2}$"},
    ),
    features=closed(
        bot_user=closed(("display_name",), display_name=text(80), always_online=FLAG),
        app_home=closed(
            home_tab_enabled=FLAG, messages_tab_enabled=FLAG, messages_tab_read_only_enabled=FLAG
        ),
    ),
    oauth_config=closed(scopes=closed(bot=NAMES)),
    settings=closed(
        interactivity=closed(("is_enabled",), is_enabled=FLAG, request_url=URL),
        socket_mode_enabled=FLAG,
        org_deploy_enabled=FLAG,
        token_rotation_enabled=FLAG,
    ),
)
"""What Slack's published manifest schema (2.0.0, slackapi/manifest-schema) says of the parts used here."""


def manifest(source: str) -> dict[str, Any]:
    loaded = yaml.safe_load(source)
    assert isinstance(loaded, dict)
    return loaded


def methods_of_client() -> dict[str, str]:
    """The Web API method behind each method of the client."""
    found = {}
    for owner in (AsyncWebClient, AsyncBaseSocketModeClient):
        for name, function in inspect.getmembers(owner, inspect.iscoroutinefunction):
            called = re.search(r'self\.api_call\(\s*"([A-Za-z.]+)"', inspect.getsource(function))
            if called:
                found[name] = called[1]
    return found


def methods_used() -> set[str]:
    """The Web API methods that the code calls."""
    known = methods_of_client()
    used = set()
    for path in (ROOT / "bot" / "slack").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in known:
                used.add(known[node.attr])
    return used


@pytest.mark.parametrize("by_http", [False, True])
def test_slack_takes_the_manifest_and_its_variant_by_http(by_http: bool) -> None:
    source = MANIFEST.read_text()
    if by_http:
        source = source.replace("# request_url:", "request_url:").replace(
            "socket_mode_enabled: true", "socket_mode_enabled: false"
        )
    loaded = manifest(source)
    assert [error.message for error in Draft7Validator(RULES).iter_errors(loaded)] == []
    assert loaded["settings"]["socket_mode_enabled"] is not by_http
    assert ("request_url" in loaded["settings"]["interactivity"]) is by_http


def test_it_asks_for_the_scopes_that_the_calls_need_and_no_others() -> None:
    used = methods_used()
    assert used == SCOPES.keys()
    asked = manifest(MANIFEST.read_text())["oauth_config"]["scopes"]["bot"]
    assert sorted(asked) == sorted(set().union(*(SCOPES[method] for method in used)))


def test_it_subscribes_to_no_event_as_nothing_listens_for_one() -> None:
    listeners = (ROOT / "bot" / "slack" / "inbound" / "listeners.py").read_text()
    assert "app.event" not in listeners
    assert "app.message" not in listeners
    assert "event_subscriptions" not in manifest(MANIFEST.read_text())["settings"]
