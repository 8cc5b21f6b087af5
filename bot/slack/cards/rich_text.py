"""Rich text: blocks in which Slack parses nothing.

In `mrkdwn` a text can ping, link and format, and has to be escaped against each. In a rich text block a
mention, a link or a style is an element of its own and text is only text, so what an agent wrote cannot
become anything else: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from __future__ import annotations

from typing import Any

from bot.domain.people import USER_ID
from bot.slack.cards.visible import visible

Json = dict[str, Any]


def text(words: str, *, bold: bool = False, italic: bool = False, code: bool = False) -> Json:
    """Plain words, with invisible characters written out. Empty words become a blank."""
    styles = {name: True for name, on in (("bold", bold), ("italic", italic), ("code", code)) if on}
    shown = str(visible(words)) or " "
    return {"type": "text", "text": shown, "style": styles} if styles else {"type": "text", "text": shown}


def user(user_id: str) -> Json:
    """A mention of a user id, or other words unchanged."""
    if USER_ID.fullmatch(user_id):
        return {"type": "user", "user_id": user_id}
    return text(user_id[:80], code=True)


def link(url: str, words: str) -> Json:
    """A link that the bot made; never one that an agent wrote."""
    return {"type": "link", "url": url, "text": words}


def section(*pieces: Json) -> Json:
    """A line of pieces."""
    return {"type": "rich_text_section", "elements": list(pieces)}


def quote(words: str) -> Json:
    """Somebody's own words, marked as such along their whole length. Line feeds stay."""
    return {"type": "rich_text_quote", "elements": [text(visible(words, lines=True))]}


def preformatted(words: str) -> Json:
    """Text in fixed width, line by line. Text of several lines has to be `Shown`."""
    return {"type": "rich_text_preformatted", "elements": [text(words)]}


def block(*elements: Json, block_id: str | None = None) -> Json:
    """A rich text block of sections, quotes and preformatted parts."""
    made: Json = {"type": "rich_text", "elements": list(elements)}
    return {**made, "block_id": block_id} if block_id else made
