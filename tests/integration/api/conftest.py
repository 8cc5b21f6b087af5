"""The API over the real membrane and a real database; only the people and the clock are fakes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from bot.api import Health, build_api
from bot.api.connections import Connections
from bot.api.http_server import Server
from bot.domain.hosting import ThreadRecord
from bot.domain.policy import Policy
from bot.domain.record import Standing
from bot.domain.states import ThreadState
from bot.errors import NotFound
from bot.membrane import Membrane
from bot.metrics import Metrics
from bot.slack.outbound.places import permalink
from bot.store.database import Database, open_database
from tests import fakes
from tests.waiting import PATIENCE_S


class FakeHost:
    """Records wanted threads as the graph host does, without running them."""

    def __init__(self, membrane: Membrane) -> None:
        self._membrane = membrane

    async def start_thread(self, graph: str, given: dict[str, Any], **asked: Any) -> ThreadRecord:
        if graph != "refunds":
            raise NotFound(f"there is no graph {graph!r}; there is refunds")
        return await self._membrane.threads.start(graph, given, graph_version="1", **asked)

    async def end_thread(self, thread_id: str, why: str) -> None:
        await self._membrane.threads.set_state(thread_id, ThreadState.GONE, why)


@dataclass
class Bot:
    """Gives a test the API from outside and the membrane from inside."""

    membrane: Membrane
    db: Database
    clock: fakes.Clock
    people: fakes.FakeDirectory
    token: str
    token_id: str
    api: FastAPI
    closing: asyncio.Event
    in_force: list[Policy]
    sweeps: dict[str, float] = field(default_factory=dict)
    unwell: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, **options: Any) -> httpx2.AsyncClient:
        """A client in this process, with the token unless `headers` differ."""
        options.setdefault("headers", self.headers)
        transport = httpx2.ASGITransport(self.api, raise_app_exceptions=options.pop("raises", True))
        return httpx2.AsyncClient(transport=transport, base_url="http://membrane", **options)

    def caller(self, address: str) -> httpx2.AsyncClient:
        """A client of a served bot, with the token."""
        return httpx2.AsyncClient(base_url=address, headers=self.headers, timeout=2 * PATIENCE_S)

    @asynccontextmanager
    async def served(self, connections: Connections | None = None) -> AsyncIterator[str]:
        """Serve on a loopback port; yields the address."""
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        server = Server(self.api, connections or Connections(100, 50))
        serving = asyncio.create_task(server.serve([listening]))
        await server.up.wait()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            self.closing.set()
            server.should_exit = True
            await serving
            listening.close()

    async def vote(self, standing: dict[str, Any], *, approve: bool = True, note: str | None = None,
                   voters: tuple[str, ...] = (fakes.CLEO, fakes.DIA)) -> Standing:  # fmt: skip
        """Vote on an action's latest review, as Slack's listeners do, until it is decided."""
        found = await self.membrane.proposals.standing(standing["id"])
        for voter in voters:
            review = found.review
            if review is None or not review.pending:
                break
            found = await self.membrane.votes.cast(
                review.id, voter, approve=approve, args_digest=standing["args_digest"], note=note
            )
        return found

    async def pass_time(self, seconds: float) -> None:
        """Move the clock and run the sweeps."""
        self.clock.forward(seconds)
        await self.membrane.deadlines.expire_due()
        await self.membrane.deadlines.unknown_due()


MakeBot = Callable[..., Any]


@pytest.fixture
async def make_bot(tmp_path: Path) -> AsyncIterator[MakeBot]:
    opened: list[Database] = []

    async def make(*, policy: Policy | None = None, rate: float = 0.0) -> Bot:
        db = open_database(tmp_path / f"membrane{len(opened)}.db")
        opened.append(db)
        clock, people, closing = fakes.Clock(), fakes.FakeDirectory(), asyncio.Event()
        in_force = [policy or fakes.policy(graphs={"refunds": ("mailer",), "nix": ("mailer",)})]
        membrane = Membrane(db, lambda: in_force[-1], people, secret=fakes.SECRET, clock=clock)
        record, token = await membrane.tokens.create("mailer", fakes.GUS)
        sweeps, unwell = {"expire": clock.now}, {"slack": ""}

        async def slack() -> str | None:
            return unwell["slack"] or None

        health = Health(lambda: sweeps, {"slack": slack}, clock=clock)
        metrics = Metrics(membrane, db, lambda: sweeps, clock=clock)
        api = build_api(
            membrane, health=health, metrics=metrics, host=FakeHost(membrane), rate=rate, closing=closing,
            version="1.2.3", clock=clock, card_link=lambda channel, ts: permalink("https://t", channel, ts),
        )  # fmt: skip
        return Bot(membrane, db, clock, people, token, record.id, api, closing, in_force, sweeps, unwell)

    yield make
    for db in opened:
        await db.close()


@pytest.fixture
async def bot(make_bot: MakeBot) -> Bot:
    made: Bot = await make_bot()
    return made


@pytest.fixture
async def agent(bot: Bot) -> AsyncIterator[httpx2.AsyncClient]:
    async with bot.client() as client:
        yield client
