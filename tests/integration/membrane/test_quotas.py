"""Each agent may store a daily share, and nothing once the disk is nearly full."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.disk import MB, Disk
from bot.domain.action import Action
from bot.domain.notices import Notice
from bot.errors import DiskLow, TooMany
from bot.membrane import Membrane
from bot.membrane.quotas import HOUR_S, OVERHEAD, Quotas
from bot.store.database import Database
from tests import fakes
from tests.integration.membrane.conftest import Room

SHARE = 20 * 1024


@pytest.fixture
def db(room: Room) -> Database:
    return room.db


def membrane_with(db: Database, intake: Quotas, clock: fakes.Clock) -> Membrane:
    rules = fakes.policy()
    return Membrane(db, lambda: rules, fakes.FakeDirectory(), secret=fakes.SECRET, clock=clock, quotas=intake)


def read(agent: str, size: int) -> Action:
    return Action.of("db.read", {"text": "x" * size}, agent=agent)


async def test_an_agent_stores_no_more_than_its_daily_share(db: Database) -> None:
    clock = fakes.Clock()
    membrane = membrane_with(db, Quotas(SHARE), clock)
    for _ in range(3):
        await membrane.proposals.propose(read("greedy", 5000))
    with pytest.raises(TooMany, match="MEMBRANE_AGENT_MB_A_DAY") as told:
        await membrane.proposals.propose(read("greedy", 5000))
    assert 23 * HOUR_S <= told.value.retry_after <= 24 * HOUR_S
    with pytest.raises(TooMany):
        await membrane.threads.start("g", {"text": "x" * 5000}, graph_version="1", agent="greedy")
    await membrane.proposals.propose(read("modest", 5000))
    clock.forward(told.value.retry_after)
    await membrane.proposals.propose(read("greedy", 5000))


async def test_the_used_share_survives_a_restart(db: Database) -> None:
    clock = fakes.Clock()
    for _ in range(3):
        await membrane_with(db, Quotas(SHARE), clock).proposals.propose(read("greedy", 5000))
    clock.forward(HOUR_S)
    again = membrane_with(db, Quotas(SHARE), clock)
    with pytest.raises(TooMany):
        await again.proposals.propose(read("greedy", 5000))


async def test_many_small_actions_count_with_their_overhead(db: Database) -> None:
    membrane = membrane_with(db, Quotas(10 * OVERHEAD), fakes.Clock())
    for _ in range(10):
        await membrane.proposals.propose(Action.of("db.read", {}, agent="small"))
    with pytest.raises(TooMany):
        await membrane.proposals.propose(Action.of("db.read", {}, agent="small"))


async def test_results_count_and_are_never_refused(db: Database) -> None:
    clock = fakes.Clock()
    membrane = membrane_with(db, Quotas(SHARE), clock)
    made = [
        await membrane.proposals.propose(Action.of("db.read", {"n": n}, agent="mailer")) for n in range(2)
    ]
    for each in made:
        await membrane.claims.start(each.action.id, each.action.args_digest)
        await membrane.reports.record(each.action.id, executed=True, result="x" * 15_000)
    with pytest.raises(TooMany):
        await membrane.proposals.propose(Action.of("db.read", {}, agent="mailer"))


async def test_a_nearly_full_disk_stops_agents_but_not_votes(db: Database, tmp_path: Path) -> None:
    clock, room = fakes.Clock(), [500 * MB]
    disk = Disk(tmp_path, 200 * MB, free=lambda _: room[0], clock=clock)
    membrane = membrane_with(db, Quotas(disk=disk.trouble), clock)
    waiting = await membrane.proposals.propose(Action.of("money.wire", {}, agent="mailer"))
    running = await membrane.proposals.propose(Action.of("db.read", {}, agent="mailer"))
    await membrane.claims.start(running.action.id, running.action.args_digest)

    room[0] = 100 * MB
    clock.forward(2)
    with pytest.raises(DiskLow, match="has 100 MB left; 200 must stay free"):
        await membrane.proposals.propose(Action.of("db.read", {}, agent="mailer"))
    with pytest.raises(DiskLow):
        await membrane.threads.start("g", {}, graph_version="1", agent="mailer")
    assert waiting.review
    digest = waiting.action.args_digest
    for voter in (fakes.CLEO, fakes.DIA):
        after = await membrane.votes.cast(waiting.review.id, voter, approve=True, args_digest=digest)
    assert after.action.state == "approved"
    await membrane.claims.start(waiting.action.id, digest)
    assert (await membrane.reports.record(running.action.id, executed=True)).action.receipt == "executed"

    room[0] = 300 * MB
    clock.forward(2)
    await membrane.proposals.propose(Action.of("db.read", {}, agent="mailer"))


async def test_the_admins_are_told_once_of_a_full_disk_and_once_of_free_space(tmp_path: Path) -> None:
    clock, room, told = fakes.Clock(), [100 * MB], []
    disk = Disk(tmp_path, 200 * MB, free=lambda _: room[0], clock=clock)

    async def tell(notice: Notice) -> None:
        told.append(str(notice))

    for left in (100, 100, 150, 300, 300, 100):
        room[0] = left * MB
        clock.forward(2)
        await disk.look(tell)
    assert ["space again" in words for words in told] == [False, True, False]
    assert "MEMBRANE_DISK_FLOOR_MB" in told[0]
