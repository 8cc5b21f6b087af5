"""Tells the admins of the policy that something needs their hand, once a day for each thing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import structlog

from bot.domain.policy import Policy
from bot.membrane import Directory, Outbox

DAY_S = 86_400

_log = structlog.get_logger(__name__)


class Admins:
    """The admin channel of the policy in force; where it has none, its admins one by one."""

    def __init__(
        self,
        outbox: Outbox,
        policy: Callable[[], Policy],
        people: Directory,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._policy = policy
        self._people = people
        self._clock = clock

    async def recipients(self) -> list[str]:
        """Return whom to tell: one channel, or people. May be empty, where nobody can be told now."""
        policy = self._policy()
        return [policy.admin_channel] if policy.admin_channel else await self.persons()

    async def persons(self) -> list[str]:
        """Return the admins' Slack ids, as far as they can be told now."""
        found = await self._people.resolve(self._policy().admins)
        return sorted(found.users)

    async def tell(self, words: str, *, about: str) -> None:
        """Want a notice, unless one about the same thing was wanted today. Logs it in any case."""
        _log.warning("admins_told", about=about, words=words)
        day = int(self._clock() // DAY_S)
        for recipient in await self.recipients():
            key = hashlib.sha256(f"{about}\n{recipient}\n{day}".encode()).hexdigest()[:24]
            await self._outbox.notice(recipient, words, key=key)
