"""Draws mentions of people whom Slack does not know as text.

Slack refuses a message or a modal whose rich text mentions an unknown id. Agents, policies and tokens may
name somebody who never existed, and that must not keep a card from being shown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any

import structlog

from bot.slack.cards.reviews import Drawn
from bot.slack.cards.rich_text import text
from bot.slack.failures import CallFailed, call_slack
from bot.slack.web_api import Calls

Json = dict[str, Any]

UNKNOWN = ("user_not_found", "user_not_visible", "users_not_found")
"""Slack's answers about an id that nobody has, or nobody whom the bot may see."""
REFUSED = ("invalid_blocks", "invalid_arguments", "invalid_blocks_format")
"""Slack's answers to a message or a modal that mentions such an id."""
REMEMBERED_S = 600.0
"""How long an id is remembered as unknown."""
MOST_KEPT = 1000

_MARKUP = re.compile(r"<@([UW][A-Z0-9]{2,20})>")

_log = structlog.get_logger(__name__)


def mentioned(blocks: Any) -> frozenset[str]:
    """Return the user ids that rich text mentions."""
    return frozenset(str(leaf["user_id"]) for leaf in _leaves(blocks))


def _leaves(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        if value.get("type") == "user" and "user_id" in value:
            yield value
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)


def as_text(value: Any, users: Collection[str] | None = None) -> Any:
    """Return blocks or a modal with the mentions of `users` as plain text; None means all users."""
    if isinstance(value, list):
        return [as_text(item, users) for item in value]
    if isinstance(value, str):
        return _MARKUP.sub(lambda found: _plain(found[1], found[0], users), value)
    if not isinstance(value, dict):
        return value
    if value.get("type") == "user" and (users is None or value.get("user_id") in users):
        return text(str(value["user_id"]), code=True)
    if value.get("type") == "mrkdwn":
        return {**value, "text": as_text(value.get("text"), users)}
    return {
        name: as_text(item, users) if isinstance(item, dict | list) else item for name, item in value.items()
    }


def _plain(user: str, markup: str, users: Collection[str] | None) -> str:
    return f"`{user}`" if users is None or user in users else markup


async def show(method: str, call: Callable[..., Awaitable[Any]], view: Json, **arguments: Any) -> None:
    """Show a modal. If Slack refuses a mention in it, show it with mentions as text."""
    try:
        await call_slack(method, call(view=view, **arguments))
    except CallFailed as failed:
        if failed.failure.error not in REFUSED or not mentioned(view):
            raise
        await call_slack(method, call(view=as_text(view), **arguments))


class Mentions:
    """Remembers the ids that Slack does not know."""

    def __init__(self, calls: Calls, clock: Callable[[], float] = time.time) -> None:
        self._calls = calls
        self._clock = clock
        self._unknown: dict[str, float] = {}

    def settled(self, drawn: Drawn) -> Drawn:
        """Return a message with the ids that are known to be nobody's as text."""
        now = self._clock()
        unknown = {user for user, until in self._unknown.items() if until > now}
        return _without(drawn, unknown) if unknown else drawn

    async def without_unknown(self, drawn: Drawn) -> Drawn:
        """Ask Slack about everybody whom a message mentions, and return it with unknown people as text.

        If Slack does not answer about somebody, that mention becomes text, too: better than no message.
        """
        doubtful = set()
        for user in sorted(mentioned(drawn.blocks)):
            try:
                await self._calls.call("users.info", self._calls.client.users_info, user=user)
            except CallFailed as failed:
                doubtful.add(user)
                if failed.failure.error in UNKNOWN:
                    self._remember(user)
        if doubtful:
            _log.info("mentions_drawn_as_text", users=sorted(doubtful))
        return _without(drawn, doubtful) if doubtful else drawn

    def _remember(self, user: str) -> None:
        if len(self._unknown) >= MOST_KEPT:
            self._unknown.clear()
        self._unknown[user] = self._clock() + REMEMBERED_S


def _without(drawn: Drawn, users: Collection[str]) -> Drawn:
    return Drawn(as_text(drawn.text, users), as_text(drawn.blocks, users))
