"""Slack's markup, for the few places that take nothing else: a message's fallback text, ephemeral answers."""

from __future__ import annotations

import time

from bot.domain.escalation import Instant
from bot.domain.people import USER_ID
from bot.slack.cards.visible import visible

FALLBACK = 4000
"""`chat.update` refuses a longer text."""


def escape(words: str) -> str:
    """Return the words with mentions, links and dates disabled. They may still be bold."""
    return str(visible(words)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def literal(words: str) -> str:
    """Return the words as inline code, in which Slack formats and links nothing either."""
    return f"`{escape(words).replace('`', 'ˋ') or ' '}`"


def mention(user_id: str) -> str:
    """Return a mention of a user id, or other words unchanged."""
    return f"<@{user_id}>" if USER_ID.fullmatch(user_id) else literal(user_id[:80])


def date(at: Instant) -> str:
    """Return an instant that Slack shows in the reader's own time zone."""
    fallback = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
    return f"<!date^{int(at)}^{{date_short_pretty}} at {{time}}|{fallback}>"
