"""Channels that another company is in, or is invited to: no arguments go there unless the policy allows it.

https://docs.slack.dev/apis/slack-connect/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.message_answers import FailureKind
from bot.domain.notices import Notice, Subject
from bot.domain.policy import Policy
from bot.slack.cached import Kept
from bot.slack.failures import CallFailed, Failure
from bot.slack.outbound.places import NoSuchChannel, Places
from bot.slack.web_api import Calls

METHOD = "conversations.info"
SIGNS = ("is_ext_shared", "is_pending_ext_shared", "pending_shared", "pending_connected_team_ids")
"""Fields of a channel. If one is true or not empty, another company is in it or invited."""
LOOK_S = 60.0
"""How often the policy's channels are looked at: one may be shared while the bot runs."""


def is_shared(channel: Mapping[str, Any]) -> bool:
    """Whether a channel, as Slack describes it, is shared with another company, or about to be."""
    return any(channel.get(sign) for sign in SIGNS)


def todo(name: str) -> str:
    """Return what an admin can do about a shared channel."""
    return (
        "Name a channel of your own workspace in the policy, or end the sharing in Slack. To post arguments "
        f'there all the same, write in the policy: channels: {{"{name}": {{allow_external: true}}}}'
    )


def notice(name: str) -> Notice:
    """Return the notice to the admins about a shared channel."""
    return Notice(
        Subject.CHANNEL_SHARED,
        f"{name} is shared with another company, or an invitation to it is open, so nothing with arguments "
        "is posted there. It goes another way meanwhile.",
        where=f"{name} in Slack",
        todo=todo(name),
        about=name,
    )


class Sharing:
    """Asks Slack whether channels are shared, and the policy whether that is allowed."""

    def __init__(
        self,
        calls: Calls,
        places: Places,
        policy: Callable[[], Policy],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._calls = calls
        self._places = places
        self._policy = policy
        self._clock = clock
        self._shared: Kept[bool] = Kept(clock)
        self._look_at = 0.0
        self._known: set[str] = set()

    async def check(self, recipient: str, channel_id: str) -> None:
        """Raise CallFailed if arguments must not be posted to a channel."""
        if await self._shared_with_others(channel_id) and not await self._allowed(recipient, channel_id):
            raise CallFailed(METHOD, Failure(FailureKind.SHARED, "shared_with_another_company"))

    async def look(self) -> list[tuple[str, str]]:
        """Return the channels, name and id, that are shared against the policy. Looks once a minute."""
        if self._clock() < self._look_at:
            return []
        self._look_at = self._clock() + LOOK_S
        return [found for name in sorted(self._policy().channels) if (found := await self._found(name))]

    def is_news(self, channel_id: str) -> bool:
        """Whether it is news that a channel is shared. Asking makes it known."""
        news = channel_id not in self._known
        self._known.add(channel_id)
        return news

    async def _found(self, name: str) -> tuple[str, str] | None:
        try:
            channel_id = await self._places.find(name)
            await self.check(name, channel_id)
        except NoSuchChannel:
            return None
        except CallFailed as failed:
            return (name, channel_id) if failed.failure.kind is FailureKind.SHARED else None
        self._known.discard(channel_id)
        return None

    async def _shared_with_others(self, channel_id: str) -> bool:
        return await self._shared.get(channel_id, lambda: self._ask(channel_id))

    async def _ask(self, channel_id: str) -> bool:
        info = self._calls.client.conversations_info
        return is_shared((await self._calls.call(METHOD, info, channel=channel_id))["channel"])

    async def _allowed(self, recipient: str, channel_id: str) -> bool:
        """Whether the policy allows arguments there, by the channel's name or its id."""
        for name in self._policy().external_channels:
            try:
                if name in (recipient, channel_id) or await self._places.find(name) == channel_id:
                    return True
            except NoSuchChannel:
                continue
        return False
