"""A real membrane, a courier, and a Slack workspace on this machine between them and the people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.action import Action
from bot.domain.message import Timing
from bot.domain.message_order import Priority
from bot.domain.message_record import Message, MessageKind
from bot.domain.policy import Policy
from bot.domain.record import Standing
from bot.localslack import Channel, LocalSlack, Person, User, UserGroup, Workspace
from bot.membrane import Directory, Membrane
from bot.slack.identity import Identity, identify, web_client
from bot.slack.inbound import listeners
from bot.slack.inbound.bolt_app import build_app
from bot.slack.outbound.courier import Courier
from bot.slack.outbound.pace import Rates
from bot.slack.people import SlackPeople
from bot.slack.web_api import Calls
from bot.store import messages
from bot.store.database import Database, open_database
from tests.fakes import ADA, BEN, CLEO, DIA, GUS, SECRET, FakeDirectory, policy
from tests.integration.slack.ways import by_http, by_socket
from tests.waiting import PATIENCE_S

EVERYBODY = (ADA, BEN, CLEO, DIA, GUS, "U0GST", "U0OLD")
SEED = Workspace(
    team_id="T0HOME",
    users=(
        User(id=ADA, name="ada"),
        User(id=BEN, name="ben"),
        User(id=CLEO, name="cleo"),
        User(id=DIA, name="dia"),
        User(id=GUS, name="gus"),
        User(id="U0GST", name="guest", is_restricted=True),
        User(id="U0OLD", name="old", deleted=True),
        User(id="U0STR", name="stranger", is_stranger=True),
        User(id="U0BOT", name="otherbot", is_bot=True),
    ),
    channels=(
        Channel(id="C0APPR", name="agent-approvals", members=EVERYBODY),
        Channel(id="C0ADMIN", name="membrane-admin", members=(CLEO, DIA)),
        Channel(id="C0INC", name="incidents", members=EVERYBODY),
        Channel(id="C0DIG", name="agent-digest", members=EVERYBODY),
        Channel(id="C0AWAY", name="elsewhere", members=(ADA,), has_bot=False),
    ),
    usergroups=(
        UserGroup(id="S0FIN", handle="finance", members=(BEN,)),
        UserGroup(id="S0OFF", handle="gone", is_disabled=True),
    ),
)
UNPACED = Rates(channel_s=0.0, workspace_s=0.0, update_s=0.0)
QUICK = Timing(settle_s=0.3, recheck_s=(0.2,))


ACK_S = PATIENCE_S
"""The workspace's time limit for an acknowledgement. Slack's 3 s is too short for a busy machine."""


class Clock:
    """The time of day, seconds since the epoch. It stands still unless a test moves it or lets it run."""

    def __init__(self) -> None:
        self._start = time.time()
        self._runs = False
        self.ahead = 0.0

    def __call__(self) -> float:
        return (time.time() if self._runs else self._start) + self.ahead

    def run(self) -> None:
        """Follow the real clock from now on, for code that waits in real time."""
        self._runs = True


@dataclass
class Room:
    """The bot's core, without listeners."""

    membrane: Membrane
    db: Database
    people: FakeDirectory
    clock: Clock
    in_force: list[Policy]
    slack: LocalSlack
    web: AsyncWebClient
    identity: Identity
    courier: Courier

    async def propose(self, kind: str = "data.delete", agent: str = "ops-agent", **more: Any) -> Standing:
        args = more.pop("args", {"id": 1})
        return await self.membrane.proposals.propose(Action.of(kind, args, agent=agent, **more))

    async def rows(self, standing: Standing) -> list[Message]:
        """The messages about the action's latest review, as the store has them."""
        assert standing.review
        review_id = standing.review.id
        return await self.db.read(lambda connection: messages.of_review(connection, review_id))

    async def card(self, standing: Standing) -> Message:
        return next(row for row in await self.rows(standing) if row.kind == "card")

    async def notice(self, recipient: str, text: str, key: str) -> bool:
        """Want a message that is only text. Return False if it is wanted already."""
        more: dict[str, Any] = {"now": self.clock(), "priority": Priority.REST, "body": text}
        return await self.db.write(
            lambda tx: messages.want(tx.connection, f"msg_{key}", MessageKind.NOTICE, recipient, **more)
        )

    async def waits(self, for_s: float = 30.0) -> bool:
        """Whether a message is due, or will be soon."""
        soon = self.clock() + for_s
        due = await self.db.read(
            lambda connection: connection.exec_driver_sql("SELECT min(due_at) FROM messages").scalar()
        )
        return due is not None and due < soon

    def said(self, channel_id: str) -> list[str]:
        """The fallback texts in a conversation, oldest first."""
        return [message.text for message in self.slack.state.conversations[channel_id].messages.values()]

    def blocks(self, channel_id: str) -> list[dict[str, Any]]:
        """The blocks of the newest message in a conversation."""
        return next(self.slack.state.conversations[channel_id].newest_first()).blocks or []

    def dm(self, *users: str) -> str:
        """The id of the bot's conversation with these people."""
        found = self.slack.state.find_dm(frozenset({self.slack.bot_user_id, *users}))
        return found.id if found else ""

    def new_courier(self, **changes: Any) -> Courier:
        """A courier without memory, as after a restart."""
        return make_courier(self.membrane, self.web, self.identity, self.people, self.clock, **changes)


def make_courier(
    membrane: Membrane,
    web: AsyncWebClient,
    identity: Identity,
    people: Directory,
    clock: Callable[[], float],
    **changes: Any,
) -> Courier:
    more: dict[str, Any] = {"rates": UNPACED, "timing": QUICK, **changes}
    return Courier(
        membrane.outbox,
        Calls(web, clock),
        identity,
        policy=lambda: membrane.policy,
        people=people,
        admins=membrane.admins,
        wakeups=membrane.wakeups,
        clock=clock,
        **more,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[LocalSlack]:
    """The workspace without rate limits."""
    async with LocalSlack(SEED, rate_scale=None, retry_scale=0, ack_timeout=ACK_S, clock=clock) as server:
        yield server


@pytest.fixture
async def room(tmp_path: Path, slack: LocalSlack, clock: Clock) -> AsyncIterator[Room]:
    db = open_database(tmp_path / "membrane.db", exclusive=True)
    people, in_force = FakeDirectory(), [policy()]
    membrane = Membrane(db, lambda: in_force[-1], people, secret=SECRET, clock=clock)
    web = web_client(slack.bot_token, slack.api_url, timeout_s=int(PATIENCE_S))
    identity = await identify(web)
    courier = make_courier(membrane, web, identity, people, clock)
    yield Room(membrane, db, people, clock, in_force, slack, web, identity, courier)
    await db.close()


def asks_slack(room: Room, in_force: Policy) -> None:
    """Let the room's membrane ask Slack who people are, in place of the fake directory."""
    room.in_force[:] = [in_force]

    async def known() -> Identity:
        return room.identity

    calls = Calls(room.web, room.clock)
    people = SlackPeople(calls, lambda: room.in_force[-1], known, room.clock)
    room.membrane = Membrane(room.db, lambda: room.in_force[-1], people, secret=SECRET, clock=room.clock)
    admins = room.membrane.admins
    people.tell = admins.tell
    room.courier = make_courier(room.membrane, room.web, room.identity, room.membrane.people, room.clock)


@pytest.fixture
def limit_s() -> float:
    """The bot's time limit for a click. Beyond it the person is told that it took too long."""
    return PATIENCE_S


@pytest.fixture(autouse=True)
def no_check_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "CHECK_S", PATIENCE_S)


@pytest.fixture(params=["socket", "http"])
async def live(room: Room, limit_s: float, request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    """The room with listeners, a running courier and a running clock."""
    room.clock.run()
    secret = room.slack.signing_secret
    app = build_app(room.web, room.identity, room.membrane, signing_secret=secret, limit_s=limit_s)
    way = by_socket if request.param == "socket" else by_http
    async with way(app, room.slack):
        running = asyncio.create_task(room.courier.run())
        yield room
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def cleo(slack: LocalSlack) -> AsyncIterator[Person]:
    async with Person(slack.base_url, CLEO) as person:
        yield person


@pytest.fixture
async def dia(slack: LocalSlack) -> AsyncIterator[Person]:
    async with Person(slack.base_url, DIA) as person:
        yield person


@pytest.fixture
async def ada(slack: LocalSlack) -> AsyncIterator[Person]:
    async with Person(slack.base_url, ADA) as person:
        yield person
