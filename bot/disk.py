"""The free space on the data folder's disk, compared with the space that must stay free."""

from __future__ import annotations

import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.domain.notices import NOTHING_TO_DO, Notice, Subject

MB = 1024 * 1024
KNOWN_FOR_S = 1.0


class Disk:
    """Reports when less than `floor` bytes are free. Asks the system at most once a second."""

    def __init__(
        self,
        folder: Path,
        floor: int,
        *,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._floor = floor
        self._free = free
        self._clock = clock
        self._asked_at = -KNOWN_FOR_S
        self._found: str | None = None
        self._told = False

    def trouble(self) -> str | None:
        """Return the problem, or None."""
        now = self._clock()
        if self._floor and now - self._asked_at >= KNOWN_FOR_S:
            self._asked_at = now
            left, floor = self._free(self._folder), self._floor
            words = f"the disk of {self._folder} has {left // MB:,} MB left; {floor // MB:,} must stay free"
            self._found = words if left < floor else None
        return self._found

    async def ready(self) -> str | None:
        """Return the problem for `/readyz`, or None."""
        return self.trouble()

    async def look(self, tell: Callable[[Notice], Awaitable[object]]) -> None:
        """Tell the admins when space runs short, and when it is back."""
        trouble = self.trouble()
        if (trouble is not None) == self._told:
            return
        self._told = trouble is not None
        where, at = f"the disk of {self._folder}", f"{self._asked_at:.0f}"
        if trouble is not None:
            what = f"{trouble[0].upper()}{trouble[1:]}. New actions of agents are refused; votes still count."
            todo = "Free some space, or set a lower limit (MEMBRANE_DISK_FLOOR_MB)."
            await tell(Notice(Subject.DISK_LOW, what, where, todo, at))
        else:
            what = "The disk has space again. Agents' actions are accepted."
            await tell(Notice(Subject.DISK_HAS_ROOM, what, where, NOTHING_TO_DO, at))
