"""Tells waiting readers that the workspace has changed."""

import asyncio


class ChangeCounter:
    """A counter of changes that readers can wait on."""

    def __init__(self) -> None:
        self.version = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def note(self) -> None:
        """Count a change."""
        self.version += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def after(self, version: int, *, timeout: float) -> int:  # noqa: ASYNC109  (a quiet wait is an answer, not an error)
        """Wait until the counter is above `version`, for at most `timeout` seconds. Return the counter."""
        if self.version <= version and timeout > 0:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await asyncio.wait([waiter], timeout=timeout)
            finally:
                self._waiters.discard(waiter)
        return self.version
