"""Tells the admins of the policy that something needs their hand, once a day for each thing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import structlog

from bot.membrane.core import Core
from bot.store import messages
from bot.store.database import Transaction

DAY_S = 86_400

_log = structlog.get_logger(__name__)


class Admins:
    """The admin channel of the policy in force; where it has none, its admins one by one."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def recipients(self) -> list[str]:
        """Return whom to tell: one channel, or people. May be empty, where nobody can be told now."""
        policy = self._core.policy()
        return [policy.admin_channel] if policy.admin_channel else await self.persons()

    async def persons(self) -> list[str]:
        """Return the admins' Slack ids, as far as they can be told now."""
        found = await self._core.people.resolve(self._core.policy().admins)
        return sorted(found.users)

    async def tell(self, words: str, *, about: str, urgent: bool = False) -> None:
        """Want a notice, unless one about the same thing was wanted today. Logs it in any case."""
        recipients = await self.recipients()
        await self._core.db.write(lambda tx: self.want(tx, recipients, words, about=about, urgent=urgent))
        self._core.bells.ring()

    def want(
        self, tx: Transaction, recipients: Sequence[str], words: str, *, about: str, urgent: bool = False
    ) -> bool:
        """Want a notice as part of something else; `urgent` ones go out with the pages.

        Returns whether somebody is told who was not told of it today.
        """
        _log.warning("admins_told" if recipients else "admins_not_told", about=about, words=words)
        now = self._core.clock()
        new = False
        for recipient in recipients:
            key = hashlib.sha256(f"{about}\n{recipient}\n{int(now // DAY_S)}".encode()).hexdigest()[:24]
            new |= messages.want(
                tx.connection,
                f"msg_{key}",
                "notice",
                recipient,
                now=now,
                priority=messages.PAGE if urgent else messages.REST,
                body=words,
            )
        return new
