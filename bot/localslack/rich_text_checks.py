"""Checks of rich text: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block

Most rules are undocumented and come from Slack's answers. Slack refuses an empty text, an unknown leaf or
style, the style ``code`` on a mention, and a mention of an unknown user id.
"""

from collections.abc import Collection, Iterator
from typing import Any

from bot.localslack.block_problems import Problems
from bot.localslack.workspace import Json

PARTS = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
_MENTION_STYLES = ("bold", "italic", "strike", "highlight", "client_highlight", "unlink")
_TEXT_STYLES = ("bold", "italic", "strike", "underline", "code")
_NEEDED = {
    "text": ("text",),
    "link": ("url",),
    "user": ("user_id",),
    "usergroup": ("usergroup_id",),
    "channel": ("channel_id",),
    "emoji": ("name",),
    "broadcast": ("range",),
    "color": ("value",),
    "date": ("timestamp", "format"),
}
SLACKBOT = "USLACKBOT"


def check_rich(problems: Problems, pointer: str, part: Json) -> None:
    """Check one part of a rich text block, including the lines of a list."""
    for place, leaf in enumerate(problems.items(f"{pointer}/elements", part.get("elements"), 1000, least=0)):
        at = f"{pointer}/elements/{place}"
        if part.get("type") == "rich_text_list":
            if isinstance(leaf, dict):
                check_rich(problems, at, leaf)
        else:
            _leaf(problems, at, leaf)


def _leaf(problems: Problems, pointer: str, value: Any) -> None:
    leaf = problems.mapping(pointer, value)
    if leaf is None:
        return
    kind = str(leaf.get("type"))
    if kind not in _NEEDED:
        problems.say(f"{pointer}/type", f"must be one of: {', '.join(_NEEDED)}")
        return
    for name in _NEEDED[kind]:
        if leaf.get(name) in (None, ""):
            problems.missing(pointer, name)
    styles = leaf.get("style") or {}
    known = _TEXT_STYLES if kind in ("text", "link") else _MENTION_STYLES
    for name in styles if isinstance(styles, dict) else ("style",):
        if name not in known:
            problems.say(f"{pointer}/style", f"invalid additional property: {name}")


def unknown_users(value: Any, users: Collection[str], pointer: str = "/blocks") -> Problems:
    """Return a problem for each mention of an unknown user in rich text."""
    problems = Problems()
    for at, user_id in _mentions(value, pointer):
        if user_id not in users and user_id != SLACKBOT:
            problems.say(f"{at}/user_id", "invalid user_id")
    return problems


def _mentions(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _mentions(item, f"{pointer}/{place}")
    elif isinstance(value, dict):
        if value.get("type") == "user":
            yield pointer, str(value.get("user_id"))
        for name, item in value.items():
            if isinstance(item, dict | list):
                yield from _mentions(item, f"{pointer}/{name}")
