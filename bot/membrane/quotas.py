"""How much agents may store: a number of bytes a day each, and nothing while the disk is nearly full.

Votes, claims, reports, expiry and pages are never refused: they take little space, and people rely on them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from bot.errors import DiskLow, TooMany
from bot.store import actions
from bot.store.database import Database

HOUR_S = 3600.0
HOURS = 24
OVERHEAD = 1024
"""Bytes that an action takes besides what the agent sent: its ruling, its rows, its journal entries."""
RETRY_DISK_S = 60.0


class Quotas:
    """Counts the bytes that each agent stores, by the hour.

    `most` is the limit in bytes for one agent in a day; 0 means no limit. `disk` returns what is wrong with
    the disk, or None. Counts from before this process are read from the store, once for each agent.
    """

    def __init__(self, most: int = 0, disk: Callable[[], str | None] = lambda: None) -> None:
        self._most = most
        self._disk = disk
        self._used: dict[str, dict[int, int]] = {}
        self._reading = asyncio.Lock()

    async def admit(self, db: Database, agent: str, size: int, now: float, *, count: int = 1) -> None:
        """Count `size` more bytes in `count` actions against an agent's share.

        Raises DiskLow, or TooMany if its share is used up.
        """
        if (trouble := self._disk()) is not None:
            words = (
                f"{trouble}; nothing new is accepted until there is room; open reviews can still be decided"
            )
            raise DiskLow(words, retry_after=RETRY_DISK_S)
        if not self._most:
            return
        hours = await self._of(db, agent, now)
        hour = int(now // HOUR_S)
        for old in [each for each in hours if each <= hour - HOURS]:
            del hours[old]
        size += (count - 1) * OVERHEAD
        if sum(hours.values()) + size > self._most:
            raise TooMany(
                f"{agent} has stored {sum(hours.values()):,} bytes within a day, and an agent may store "
                f"{self._most:,} (MEMBRANE_AGENT_MB_A_DAY); send less, or references to data kept elsewhere",
                retry_after=_until_room(hours, now),
            )
        self._add(agent, size, now)

    def count(self, agent: str, size: int, now: float) -> None:
        """Count bytes that are never refused, such as those of a report."""
        if self._most and agent in self._used:
            self._add(agent, size, now)

    def _add(self, agent: str, size: int, now: float) -> None:
        hours, hour = self._used[agent], int(now // HOUR_S)
        hours[hour] = hours.get(hour, 0) + size + OVERHEAD

    async def _of(self, db: Database, agent: str, now: float) -> dict[int, int]:
        async with self._reading:
            if agent not in self._used:
                since = now - HOURS * HOUR_S
                found = await db.read(lambda connection: actions.stored(connection, agent, since, HOUR_S))
                self._used[agent] = {hour: size + count * OVERHEAD for hour, size, count in found}
        return self._used[agent]


def _until_room(hours: Mapping[int, int], now: float) -> float:
    """Return the seconds until the oldest hour no longer counts."""
    oldest = min(hours, default=int(now // HOUR_S))
    return max(60.0, (oldest + HOURS) * HOUR_S - now)
