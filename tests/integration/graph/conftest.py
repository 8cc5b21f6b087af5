"""A real membrane, a real host on real files, and graphs whose effects can be seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from bot.domain.hosting import InterruptRecord, ThreadRecord
from bot.domain.policy import Policy
from bot.domain.record import ActionRecord, Standing
from bot.graph.host import Host
from bot.membrane import Membrane
from bot.store.database import Database, open_database
from tests.fakes import CLEO, SECRET, Clock, FakeDirectory, policy, send
from tests.integration.graph import agents
from tests.waiting import PATIENCE_S

HOSTED = Path(__file__).parent / "hosted.py"


@dataclass
class House:
    """A host with its membrane; `again` is the same data folder after a restart."""

    folder: Path
    db: Database
    membrane: Membrane
    clock: Clock
    in_force: list[Policy]
    host: Host = field(init=False)

    async def open(self, *graphs: str, file: Path = HOSTED, **settings: Any) -> Host:
        names = [f"{name}={file}:{name}" for name in graphs]
        self.host = Host(self.membrane, names, self.folder / "threads.db", clock=self.clock, **settings)
        await self.host.start()
        return self.host

    async def settle(self) -> None:
        """Sweep until nothing is due."""
        while await self.host.sweep() or self.host.running:
            assert await self.host.drain(PATIENCE_S)

    async def run(self, graph: str, given: dict[str, Any], **who: Any) -> str:
        """Start a thread and run it until it waits or ends."""
        thread = await self.host.start_thread(graph, given, agent="ops-agent", **who)
        await self.settle()
        return thread.id

    async def thread(self, thread_id: str) -> ThreadRecord:
        return await self.membrane.threads.get(thread_id)

    async def actions(self, thread_id: str) -> list[ActionRecord]:
        return await self.membrane.interrupts.actions_of(thread_id)

    async def interrupts(self, thread_id: str) -> list[InterruptRecord]:
        return await self.membrane.interrupts.of_thread(thread_id)

    async def states(self, thread_id: str) -> list[str]:
        return [str(action.state) for action in await self.actions(thread_id)]

    async def standing(self, thread_id: str, index: int = 0) -> Standing:
        return await self.membrane.proposals.standing((await self.actions(thread_id))[index].id)

    async def vote(
        self, thread_id: str, index: int = 0, *, approve: bool = True, note: str | None = None
    ) -> None:
        """Vote on the open review of a thread's action, without resuming the thread."""
        review = (await self.standing(thread_id, index)).review
        assert review is not None
        await self.membrane.votes.cast(
            review.id, CLEO, approve=approve, args_digest=review.args_digest, note=note
        )

    async def expire(self, seconds: float = 1001, *, shown: bool = True) -> None:
        """Let Slack show the cards, unless it is unreachable, and let the windows pass."""
        if shown:
            await send(self.membrane)
        self.clock.forward(seconds)
        await self.membrane.deadlines.expire_due()

    async def values(self, thread_id: str) -> dict[str, Any]:
        graph = self.host._graphs[(await self.thread(thread_id)).graph].graph
        return (await graph.aget_state({"configurable": {"thread_id": thread_id}})).values

    async def said(self, thread_id: str) -> list[tuple[str, str]]:
        """Return what a thread's tools answered: status and text."""
        messages = (await self.values(thread_id))["messages"]
        return [(each.status, each.text) for each in messages if each.type == "tool"]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    db = open_database(tmp_path / "membrane.db", exclusive=True)
    clock, in_force = Clock(), [policy(tools=agents.KINDS)]
    membrane = Membrane(db, lambda: in_force[-1], FakeDirectory(), secret=SECRET, clock=clock)
    made = House(tmp_path, db, membrane, clock, in_force)
    yield made
    for event in agents.HOLD.values():
        event.set()
    if hasattr(made, "host"):
        await made.host.stop(grace_s=1.0)
    await db.close()


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    """Capture the log instead of rendering it: coloured tracebacks take seconds."""
    agents.ran.clear()
    agents.BROKEN.clear()
    agents.HOLD.clear()
    with capture_logs() as entries:
        yield entries
