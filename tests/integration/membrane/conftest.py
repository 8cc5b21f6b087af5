"""A real membrane on a real database, with people and a clock that tests move by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.domain.action import Action
from bot.domain.message_record import Message
from bot.domain.policy import Policy
from bot.domain.record import JournalEntry
from bot.membrane import Membrane
from bot.store import journal, messages
from bot.store.database import Database, open_database
from tests.fakes import SECRET, Clock, FakeDirectory, policy, send


@dataclass
class Room:
    """A membrane with its people, clock and Slack."""

    membrane: Membrane
    db: Database
    people: FakeDirectory
    clock: Clock
    in_force: list[Policy]

    def action(self, kind: str, agent: str = "ops-agent", **args: Any) -> Action:
        return Action.of(kind, args or {"id": 1}, agent=agent)

    async def send(self) -> None:
        """Have Slack show every due message."""
        await send(self.membrane)

    async def messages(self, review_id: str) -> list[Message]:
        return await self.db.read(lambda connection: messages.of_review(connection, review_id))

    async def pages(self) -> list[tuple[str, int]]:
        found = await self.db.read(messages.pages)
        return sorted((page.recipient, page.position) for page in found)

    async def journal(self) -> list[JournalEntry]:
        return await self.db.read(lambda connection: list(journal.entries(connection)))

    async def events(self) -> list[str]:
        return [entry.event for entry in await self.journal()]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    db = open_database(tmp_path / "membrane.db", exclusive=True)
    clock, people, in_force = Clock(), FakeDirectory(), [policy()]
    membrane = Membrane(db, lambda: in_force[-1], people, secret=SECRET, clock=clock)
    yield Room(membrane, db, people, clock, in_force)
    await db.close()
