"""Where messages go: the ids behind "#names" and people, and links to messages."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from bot.domain.people import USER_ID
from bot.errors import MembraneError
from bot.slack.calls import Calls

CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,20}")
LISTED_FOR_S = 60.0
"""How long a list of channels is believed when a name is not in it."""
PAGES = 50
PAGE = 200
GROUP = 8
"""People in one group message, besides the bot."""


class NoSuchChannel(MembraneError):
    """There is no channel of that name that the bot is in."""


class Places:
    """Finds the conversation that a recipient stands for.

    A recipient is a channel's name or id, a person, or several people with commas between them, who get a
    group message.
    """

    def __init__(self, calls: Calls, clock: Callable[[], float] = time.time) -> None:
        self._calls = calls
        self._clock = clock
        self._ids: dict[str, str] = {}
        self._listed_at = -LISTED_FOR_S
        self._listing = asyncio.Lock()

    async def find(self, recipient: str) -> str:
        """Return the id of the conversation. Raises NoSuchChannel or CallFailed."""
        if CHANNEL_ID.fullmatch(recipient):
            return recipient
        if recipient in self._ids:
            return self._ids[recipient]
        if is_people(recipient):
            opening = self._calls.client.conversations_open
            opened = await self._calls.ask("conversations.open", opening, users=recipient)
            self._ids[recipient] = str(opened["channel"]["id"])
        else:
            await self._find_channel(recipient)
        return self._ids[recipient]

    def forget(self, recipient: str) -> None:
        """Look a recipient up again the next time."""
        self._ids.pop(recipient, None)
        self._ids.pop(f"#{recipient.removeprefix('#').lower()}", None)
        self._listed_at = -LISTED_FOR_S

    async def _find_channel(self, recipient: str) -> None:
        name = recipient.removeprefix("#").lower()
        async with self._listing:
            if f"#{name}" not in self._ids and self._clock() - self._listed_at >= LISTED_FOR_S:
                await self._list()
        found = self._ids.get(f"#{name}")
        if found is None:
            raise NoSuchChannel(f"there is no channel #{name} that the bot is in")
        self._ids[recipient] = found

    async def _list(self) -> None:
        """Read the names of the channels that the bot is in: the only ones it may post to."""
        cursor = ""
        for _ in range(PAGES):
            page = await self._calls.ask(
                "users.conversations",
                self._calls.client.users_conversations,
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=PAGE,
                cursor=cursor,
            )
            for channel in page["channels"]:
                self._ids[f"#{channel['name']}"] = str(channel["id"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        self._listed_at = self._clock()


def is_people(recipient: str) -> bool:
    """Whether a recipient is a person, or several, and no channel."""
    return all(USER_ID.fullmatch(one) for one in recipient.split(","))


def permalink(workspace_url: str, channel_id: str | None, ts: str | None) -> str | None:
    """Return the link to a message, as Slack writes it; None while it is nowhere."""
    if not channel_id or not ts:
        return None
    return f"{workspace_url.rstrip('/')}/archives/{channel_id}/p{ts.replace('.', '')}"
