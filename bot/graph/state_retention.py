"""Deletes the saved state of threads that ended. Their records in the store and the journal stay."""

from __future__ import annotations

from collections.abc import Callable

from bot.errors import NotFound
from bot.graph.saver import GroupedSaver
from bot.membrane import Membrane

EVERY_S = 60.0
"""Seconds between two passes."""
AT_ONCE = 200
"""Threads that one pass looks at; the next pass continues there."""


class StateRetention:
    """Walks through `threads.db` in the order of ids, a part in each pass, then starts again."""

    def __init__(
        self, membrane: Membrane, saver: GroupedSaver, retain_s: float, clock: Callable[[], float]
    ) -> None:
        self._membrane = membrane
        self._saver = saver
        self._retain_s = retain_s
        self._clock = clock
        self._after = ""
        self._next_at = 0.0

    async def sweep(self) -> int:
        """Delete state that has been kept long enough. Returns for how many threads."""
        now = self._clock()
        if now < self._next_at:
            return 0
        self._next_at = now + EVERY_S
        deleted = 0
        for _ in range(AT_ONCE):
            thread_id = await self._saver.next_thread(self._after)
            if thread_id is None:
                self._after = ""
                break
            self._after = thread_id
            if await self._is_over(thread_id, now):
                await self._saver.adelete_thread(thread_id)
                deleted += 1
        return deleted

    async def _is_over(self, thread_id: str, now: float) -> bool:
        try:
            thread = await self._membrane.threads.get(thread_id)
        except NotFound:
            return False  # not this bot's thread, or of another store
        return thread.settled_at is not None and now >= thread.settled_at + self._retain_s
