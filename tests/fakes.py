"""Fakes that ship with their seams: a directory of people, a clock that is set by hand, small policies."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Mapping, Sequence
from datetime import date
from typing import Any

import orjson
from sqlalchemy import text

from bot.domain.escalation import Chain, Delay, Repeat, Step
from bot.domain.message_record import Message
from bot.domain.message_steps import Place, Show, Wait
from bot.domain.people import Users
from bot.domain.policy import Policy
from bot.domain.policy_model import DeclaredRisk, GatedTier, Kind, Limits, OwnSettings, Reviewed
from bot.domain.risk import BlastRadius, Tier
from bot.errors import MembraneError
from bot.membrane import Facts, Membrane, Resolved
from bot.store.database import Database, Transaction

SECRET = b"a secret of thirty-two characters"
ADA, BEN, CLEO, DIA, GUS = "U0ADA", "U0BEN", "U0CLEO", "U0DIA", "U0GUS"

PEOPLE = {"oncall": (ADA, BEN), "leads": (CLEO, DIA), "finance": (BEN,)}

CHAIN = Chain(
    "platform",
    (
        Step(Delay(share=0.25), page=("oncall",)),
        Step(Delay(share=0.5), page=("leads",)),
        Step(Delay(share=0.9), post="#incidents"),
    ),
    Repeat(every_s=60.0, times=2),
    ack_for_s=300.0,
)

REVIEWED = Reviewed(by=CLEO, on=date(2026, 6, 1), why="seen to be small")


class Clock:
    """A clock that stands still until it is told to move. Seconds since the epoch."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class FakeDirectory:
    """People without Slack. `outsiders` are not full members; `away` names cannot be told."""

    def __init__(self, people: Mapping[str, Sequence[str]] = PEOPLE) -> None:
        self.people = {name: tuple(users) for name, users in people.items()}
        self.outsiders: set[str] = set()
        self.away: set[str] = set()
        self.down = False

    async def resolve(self, names: Sequence[str], *, fresh: bool = False) -> Resolved:
        known = [name for name in names if name in self.people and name not in self.away]
        users = frozenset(user for name in known for user in self.people[name])
        return Resolved(users, tuple(name for name in names if name not in known))

    async def full_member(self, user: str, team: str | None = None, *, fresh: bool = False) -> bool:
        if self.down:
            raise MembraneError("Slack does not answer")
        return user not in self.outsiders and team in {None, "T0HOME"}


def policy(
    *,
    open_per_agent: int = 20,
    window_s: float = 1000.0,
    quorum_2: int = 1,
    quorum_3: int = 2,
    **changes: object,
) -> Policy:
    """Return a small policy over all tiers, with one kind for each way an action can go."""
    low = DeclaredRisk(reversible=True, blast_radius=BlastRadius.LOW)
    medium = DeclaredRisk(reversible=True, blast_radius=BlastRadius.MEDIUM)
    high = DeclaredRisk(reversible=False, blast_radius=BlastRadius.HIGH)
    kinds = [
        Kind("db.read", low, REVIEWED, more_args=True),
        Kind("report.make", DeclaredRisk(True, BlastRadius.LOW, cost_usd=5.0), REVIEWED, more_args=True),
        Kind("mail.send", medium, REVIEWED, more_args=True, valid_for_s=100.0),
        Kind("data.delete", high, more_args=True, settings=OwnSettings(quorum=1)),
        Kind("money.wire", high, more_args=True),
        Kind("job.run", high, more_args=True, idempotent=True, settings=OwnSettings(quorum=1)),
        Kind("release.sign", high, mandated=True, more_args=True, settings=OwnSettings(quorum=1)),
    ]
    return Policy(
        people={name: Users(users) for name, users in PEOPLE.items()},
        digest_channel="#agent-digest",
        digest_every_s=60.0,
        tiers={
            Tier.ASYNC_APPROVAL: GatedTier(
                "#agent-approvals", ("oncall", "leads"), quorum_2, window_s, CHAIN
            ),
            Tier.SYNC_APPROVAL: GatedTier("#agent-approvals", ("leads",), quorum_3, window_s, CHAIN),
        },
        actions={kind.name: kind for kind in kinds},
        admins=("leads",),
        admin_channel="#membrane-admin",
        limits=Limits(open_per_agent=open_per_agent),
        **changes,  # type: ignore[arg-type]
    )


async def send(membrane: Membrane) -> None:
    """Let Slack show everything that is due, as its courier does."""
    outbox = membrane.outbox
    for message in await outbox.lease(500):
        if message.ts is not None:
            await redrawn(membrane, message)
        elif (facts := await outbox.attempting(message.id)) is not None:
            version = facts.message.wanted
            await placed(membrane, message.id, version=version, ts=message.id)


async def placed(
    membrane: Membrane, message_id: str, *, version: int = 1, channel_id: str = "C1", ts: str = "1.1"
) -> None:
    """Let Slack take the post of a message that the membrane's worker holds."""
    step = Place(channel_id=channel_id, ts=ts, version=version)
    assert await membrane.outbox.apply(message_id, step) is not None, "its lease has ended"


async def redrawn(membrane: Membrane, message: Message) -> None:
    """Let Slack take the redraw of a message that the membrane's worker holds."""
    step = Show(ts=str(message.ts), version=message.wanted, again_at=0.0)
    assert await membrane.outbox.apply(message.id, step) is not None, "its lease has ended"


async def put_off(membrane: Membrane, message_id: str, at: float) -> None:
    """Let the membrane's worker try a message that it holds again at an instant."""
    step = Wait(at=at, error="not sent in this test")
    assert await membrane.outbox.apply(message_id, step) is not None, "its lease has ended"


async def attempting(membrane: Membrane, message_id: str) -> Facts | None:
    """Let the membrane's worker take every due message, and begin to post one."""
    await membrane.outbox.lease(500)
    return await membrane.outbox.attempting(message_id)


def as_of_version_1(db: Database, *args: dict[str, Any]) -> Awaitable[None]:
    """Replace the stored args digests with those of the release before versions.

    `args` are what the actions, in order, were proposed with, where the store does not keep all of it.
    """

    def work(tx: Transaction) -> None:
        rows = tx.connection.execute(text("SELECT id, kind, args FROM actions ORDER BY id")).all()
        for place, row in enumerate(rows):
            canonical = orjson.dumps(args[place], option=orjson.OPT_SORT_KEYS) if args else row.args
            data = canonical.encode() if isinstance(canonical, str) else canonical
            digest = hmac.digest(SECRET, row.kind.encode() + b"\n" + data, "sha256").hex()
            for table, column in (("actions", "id"), ("reviews", "action_id"), ("executions", "action_id")):
                change = f"UPDATE {table} SET args_digest = :digest WHERE {column} = :id"
                tx.connection.execute(text(change), {"digest": digest, "id": row.id})

    return db.write(work)
