"""How tests wait: for something to be true, never for time to pass.

A busy machine takes seconds for what an idle one does in milliseconds, so no test relies on how fast
anything is. `tests/unit/test_waiting.py` keeps shorter bounds and measured times out of the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
"""How long a test waits for anything, in seconds. Only a hang takes longer."""
STEP_S = 0.01


def patience() -> asyncio.Timeout:
    """Return a block that fails, rather than hangs, after `PATIENCE_S` seconds."""
    return asyncio.timeout(PATIENCE_S)


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true. Raises TimeoutError after `PATIENCE_S` seconds."""
    async with patience():
        while not condition():
            await asyncio.sleep(STEP_S)


async def eventually(
    look: Callable[[], Awaitable[T | None]], what: str = "", *, within: float = PATIENCE_S
) -> T:
    """Look until something true is seen, and return it. Fails after `within` seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        if seen := await look():
            return seen
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"{what or look} was not seen within {within:g} s; the last was {seen!r}")
        await asyncio.sleep(STEP_S)
