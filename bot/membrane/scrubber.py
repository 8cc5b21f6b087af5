"""Cuts redacted values out of texts and results about an action before they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from bot.domain.fingerprints import cut_out, kept_in
from bot.membrane.core import Core
from bot.store import actions

T = TypeVar("T")


class Scrubber:
    """Cuts the values that the policy redacts of actions out of later text and JSON."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def scrub_for_action(self, action_id: str, value: T) -> T:
        """Return a value without the redacted values of an action and of the others in its thread."""
        return await self._scrubbed(actions.kept_beside, action_id, value)

    async def scrub_for_thread(self, thread_id: str, value: T) -> T:
        """Return a value without the redacted values of the actions in a thread."""
        return await self._scrubbed(actions.kept_in_thread, thread_id, value)

    async def text_scrubber(self, thread_id: str) -> Callable[[str], str]:
        """Return a function that cuts the redacted values of a thread's present actions out of text."""
        kept = await self._core.db.read(lambda connection: actions.kept_in_thread(connection, thread_id))
        return partial(cut_out, self._core.keyring, kept_in(kept))

    async def _scrubbed(self, kept: Callable[[Connection, str], list[str]], of: str, value: T) -> T:
        if value is None:
            return value
        marks = kept_in(await self._core.db.read(lambda connection: kept(connection, of)))
        if not marks:
            return value
        cleaned: T = await asyncio.to_thread(cut_out, self._core.keyring, marks, value)
        return cleaned
