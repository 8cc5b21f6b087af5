"""Where messages go: the ids behind "#names" and people, and links to messages."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from bot.domain.message_answers import FailureKind
from bot.domain.people import USER_ID
from bot.errors import MembraneError
from bot.slack.failures import CallFailed
from bot.slack.pagination import Walk, pages
from bot.slack.web_api import Calls

CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,20}")
LISTED_FOR_S = 60.0
"""How long a list of channels is believed when a name is not in it."""
BELIEVED_S = 600.0
"""How long the id behind a name is believed: channels are renamed, and another can take the name."""
FAILED_S = 5.0
"""How long a refused look-up is not repeated: all cards for a closed channel ask once."""
LIST = "users.conversations"
MOST_KEPT = 1000
GROUP = 8
"""People in one group message, besides the bot."""


class NoSuchChannel(MembraneError):
    """The bot is in no channel of that name."""


class Places:
    """Finds the conversation of a recipient.

    A recipient is a channel's name or id, a person, or several people with commas between them, who get a
    group message.
    """

    def __init__(self, calls: Calls, clock: Callable[[], float] = time.time) -> None:
        self._calls = calls
        self._clock = clock
        self._people: dict[str, str] = {}
        self._names: dict[str, str] = {}
        """Channels' ids by name, in small letters and without #."""
        self._listed_at = -BELIEVED_S
        self._failed: dict[str, tuple[float, CallFailed]] = {}
        self._listing = asyncio.Lock()
        self._walk = Walk()
        self._read: dict[str, str] = {}
        """The names read so far, while Slack holds back the rest of the list."""

    async def find(self, recipient: str) -> str:
        """Return the id of the conversation. Raises NoSuchChannel or CallFailed."""
        if CHANNEL_ID.fullmatch(recipient):
            return recipient
        if not is_people(recipient):
            return await self._channel(recipient.removeprefix("#").lower())
        if recipient not in self._people:
            self._people[recipient] = await self._once(recipient, self._open)
        return self._people[recipient]

    def forget(self, recipient: str) -> None:
        """Forget the id of a recipient, so that the next message looks it up again."""
        self._people.pop(recipient, None)
        self._names.pop(recipient.removeprefix("#").lower(), None)
        self._listed_at = min(self._listed_at, self._clock() - LISTED_FOR_S + FAILED_S)

    async def _once(self, key: str, look_up: Callable[[str], Awaitable[str]]) -> str:
        """Ask Slack, or fail as it failed a moment ago."""
        until, failed = self._failed.get(key, (0.0, None))
        if failed is not None and self._clock() < until:
            raise CallFailed(failed.method, failed.failure)
        try:
            return await look_up(key)
        except CallFailed as error:
            if error.failure.kind is not FailureKind.DOWN:  # that may be over at once
                self._remember(key, error)
            raise

    def _remember(self, key: str, error: CallFailed) -> None:
        if len(self._failed) >= MOST_KEPT:
            self._failed.clear()
        self._failed[key] = self._clock() + FAILED_S, error

    async def _open(self, people: str) -> str:
        opening = self._calls.client.conversations_open
        opened = await self._calls.call("conversations.open", opening, users=people)
        return str(opened["channel"]["id"])

    async def _channel(self, name: str) -> str:
        async with self._listing:
            old = self._clock() - self._listed_at
            if old >= BELIEVED_S or (name not in self._names and old >= LISTED_FOR_S):
                await self._list_again(known=name in self._names)
        found = self._names.get(name)
        if found is None:
            raise NoSuchChannel(f"there is no channel #{name} that the bot is in")
        return found

    async def _list_again(self, *, known: bool) -> None:
        try:
            await self._once(LIST, self._list)
        except CallFailed:
            if not known:
                raise

    async def _list(self, _: str) -> str:
        """Read the names of the channels that the bot is in: the only ones it may post to."""
        try:
            async for page in pages(
                self._calls,
                LIST,
                self._calls.client.users_conversations,
                self._walk,
                types="public_channel,private_channel",
                exclude_archived=True,
            ):
                self._read |= {str(each["name"]).lower(): str(each["id"]) for each in page["channels"]}
        except CallFailed as failed:
            if failed.failure.kind is not FailureKind.LIMITED:  # else reading continues there
                self._walk, self._read = Walk(), {}
            raise
        self._names, self._listed_at = self._read, self._clock()
        self._walk, self._read = Walk(), {}
        return ""


def is_people(recipient: str) -> bool:
    """Whether a recipient is a person, or several, and no channel."""
    return all(USER_ID.fullmatch(one) for one in recipient.split(","))


def permalink(workspace_url: str, channel_id: str | None, ts: str | None) -> str | None:
    """Return the link to a message as Slack writes it; None if the message is nowhere."""
    if not channel_id or not ts:
        return None
    return f"{workspace_url.rstrip('/')}/archives/{channel_id}/p{ts.replace('.', '')}"
