"""A fair queue of requests: a few run at a time, and the tokens take turns.

All requests run in one event loop, so otherwise a burst of one token would delay the next request of another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from bot.errors import TooMany

ROOM = 16
"""Total weight of the requests that run at once."""
BYTES_A_WEIGHT = 4 * 1024
VALUES_A_WEIGHT = 150
"""A request weighs 1, plus 1 for each of these portions of its body's bytes and values."""
MOST_WAITING = 200
"""Requests of one token that may wait for their turn; their bodies stay in memory meanwhile."""
RETRY_S = 1.0


class FairQueue:
    """Hands out turns, round robin over the tokens."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = self._free = room
        self._queues: dict[str, deque[tuple[asyncio.Future[None], int]]] = {}

    async def take(self, token_id: str, size: int = 0, values: int = 0) -> Callable[[], None]:
        """Wait for a turn for a request with a body of `size` bytes and `values` values.

        Returns a function that ends the turn. It may be called several times. Raises TooMany if too many of
        the token's requests wait already.
        """
        weight = min(self._room, 1 + size // BYTES_A_WEIGHT + values // VALUES_A_WEIGHT)
        if self._queues or weight > self._free:
            await self._wait(token_id, weight)
        else:
            self._free -= weight
        held = [weight]

        def end() -> None:
            if held:
                self._free += held.pop()
                self._hand_out()

        return end

    async def _wait(self, token_id: str, weight: int) -> None:
        queue = self._queues.setdefault(token_id, deque())
        if len(queue) >= MOST_WAITING:
            raise TooMany(f"{MOST_WAITING} requests of this token wait already", retry_after=RETRY_S)
        turn = asyncio.get_running_loop().create_future()
        queue.append((turn, weight))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn came in the same moment
                self._free += weight
            self._hand_out()
            raise

    def _hand_out(self) -> None:
        while self._queues:
            token_id, queue = next(iter(self._queues.items()))
            while queue and queue[0][0].done():
                queue.popleft()
            if queue:
                turn, weight = queue[0]
                if weight > self._free:
                    return
                queue.popleft()
                self._free -= weight
                turn.set_result(None)
            del self._queues[token_id]
            if queue:
                self._queues[token_id] = queue  # behind the others
