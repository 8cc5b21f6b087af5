"""Two bots with one app's tokens and two data folders: Slack hands some clicks to the wrong one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from bot.domain.action import Action
from bot.localslack import LocalSlack, Person
from bot.membrane import Membrane
from bot.slack import facade
from bot.slack.inbound import other_bots
from bot.slack.inbound.bolt_app import build_app
from bot.slack.inbound.other_bots import Others, Waits
from bot.slack.inbound.sockets import SOON_S, SocketDelivery
from bot.store.database import open_database
from tests.fakes import SECRET, Clock, FakeDirectory, policy
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_facade import running, settings
from tests.integration.slack.test_listeners import CARD, shown, whisper
from tests.waiting import eventually, until

QUICK = Waits(confirm_s=0.3, forget_s=0.1, look_s=2.0)
UNFORGETTING = Waits(confirm_s=0.3, forget_s=600.0, look_s=2.0)
"""Slack may count closed connections for longer than the test takes."""


@asynccontextmanager
async def another(room: Room, folder: Path) -> AsyncIterator[SocketDelivery]:
    """A bot with the same tokens and a folder of its own."""
    folder.mkdir(exist_ok=True)
    db = open_database(folder / "other.db", exclusive=True)
    in_force = policy()
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)
    async with connected(room, membrane) as delivery:
        yield delivery
    await db.close()


@asynccontextmanager
async def connected(
    room: Room, membrane: Membrane, waits: Waits = QUICK, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[SocketDelivery]:
    """The listeners of a bot, with short delays."""
    made: list[SocketDelivery] = []
    app = build_app(room.web, room.identity, membrane, others=lambda: sum(each.others() for each in made))
    delivery = SocketDelivery(
        app, room.slack.app_token, check_s=0.05, patience_s=0.5, drain_s=0.3, waits=waits, clock=clock
    )
    made.append(delivery)
    before = room.slack.sockets.count
    await delivery.start()
    await until(lambda: room.slack.sockets.count >= before + 2)
    try:
        yield delivery
    finally:
        await delivery.stop()


async def test_slack_counts_the_connections_of_both(room: Room, tmp_path: Path) -> None:
    async with connected(room, room.membrane) as ours:
        assert ours.others() == 0
        async with another(room, tmp_path / "other") as theirs:
            await until(lambda: theirs.others() > 0)
            await room.slack.sockets.announce("warning")
            await until(lambda: ours.others() > 0)
            assert ours.healthy()
            assert theirs.healthy()
        await until(lambda: ours.others() == 0)


async def test_own_connections_that_overlap_are_no_other_bot(room: Room) -> None:
    sockets = room.slack.sockets
    old: set[Any] = set()

    def replaced() -> bool:
        """Whether new connections have taken over and the old ones are closed."""
        assert ours.others() == 0
        return sockets.count == 2 and old.isdisjoint(sockets._open)

    reasons: tuple[Literal["warning", "refresh_requested"], ...] = ("warning", "refresh_requested", "warning")
    room.clock.run()
    async with connected(room, room.membrane, UNFORGETTING, room.clock) as ours:
        for reason in reasons:
            room.clock.ahead += SOON_S  # an early end makes the next connection wait longer
            old = set(sockets._open)
            await sockets.announce(reason)
            await until(replaced)
        room.clock.ahead += SOON_S
        old = set(sockets._open)
        sockets.drop()
        await until(replaced)


async def test_the_clicker_and_the_admins_are_told_of_another_bot(
    room: Room, cleo: Person, tmp_path: Path
) -> None:
    """The click reaches the bot that did not post the card."""
    await room.propose()
    await room.courier.sweep()
    folder = tmp_path / "other"
    folder.mkdir()
    db = open_database(folder / "other.db", exclusive=True)
    in_force = policy()
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET)
    async with connected(room, membrane):
        assert (await cleo.click(CARD, await shown(cleo), "approve")).acked
        assert "another bot may be connected with the same Slack app" in await whisper(cleo)
    told = await db.read(
        lambda connection: connection.exec_driver_sql("SELECT body FROM messages").scalars().all()
    )
    assert len(told) == 1
    assert "Another bot with a data folder of its own" in told[0]
    await db.close()


async def test_an_old_card_is_no_sign_of_another_bot(room: Room, cleo: Person) -> None:
    """The bot forgets old reviews, so a click on an old card raises no alarm."""
    old = Action.of("data.delete", {"id": 1}, agent="ops-agent")
    standing = await room.membrane.proposals.propose(old)
    await room.courier.sweep()
    review = standing.review
    assert review
    message = next(room.slack.state.conversations["C0APPR"].newest_first())
    text = str(message.blocks).replace(standing.action.id, f"act_{'0' * 11}{'1' * 16}")
    message.blocks = eval(text)
    async with connected(room, room.membrane):
        assert (await cleo.click(CARD, message.ts, "approve")).acked
        await whisper(cleo)
    told = await room.db.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT count(*) FROM messages WHERE kind = 'notice'"
        ).scalar()
    )
    assert told == 0


async def test_a_clicker_reads_that_another_bot_is_connected_once_it_is_certain(
    room: Room, cleo: Person, tmp_path: Path
) -> None:
    await room.propose()
    await room.courier.sweep()
    async with another(room, tmp_path / "one") as one, another(room, tmp_path / "two") as two:
        await until(lambda: two.others() > 0)
        await room.slack.sockets.announce("warning")
        await until(lambda: one.others() > 0)
        assert (await cleo.click(CARD, await shown(cleo), "approve")).acked
        assert "Slack handed your click to the wrong one" in await whisper(cleo)


async def test_the_admins_and_health_are_told_of_another_bot(
    slack: LocalSlack, room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facade, "SocketDelivery", partial(SocketDelivery, waits=QUICK, check_s=0.05))
    theirs, mine = another(room, tmp_path / "other"), running(settings(slack), tmp_path / "mine")
    async with theirs, mine as (side, _, _task):
        await eventually(side.other_bots)
        await side.look_out()
        await until(lambda: any("Another bot is connected" in words for words in room.said("C0ADMIN")))
        assert "beside this bot's" in str(await side.other_bots())


def test_one_greeting_is_no_proof_of_another_bot() -> None:
    """A bot that was killed leaves connections that Slack counts for a while."""
    clock = Clock()
    mine, first, second = Others(clock), object(), object()
    mine.opened(first)
    mine.opened(second)
    mine.greeted(3)
    mine.greeted(4)
    assert mine.count == 0
    clock.forward(119.0)
    assert not mine.wants_greeting()
    clock.forward(2.0)
    assert mine.wants_greeting()
    assert not mine.wants_greeting(), "the bot asks once"
    relief = object()
    mine.opened(relief)
    mine.greeted(5)
    assert mine.count == 2
    mine.closed(first)
    clock.forward(1800.0)
    assert mine.wants_greeting()
    mine.greeted(2)
    assert mine.count == 0


def test_no_connection_is_given_up_while_all_is_well() -> None:
    """Closing it would lose a click that Slack is about to send there."""
    clock = Clock()
    mine, line = Others(clock), object()
    mine.opened(line)
    mine.greeted(1)
    clock.forward(86_400.0)
    assert not mine.wants_greeting()


def test_connections_that_were_closed_a_moment_ago_may_still_be_counted() -> None:
    clock = Clock()
    mine = Others(clock, replace(other_bots.USUAL, confirm_s=0.0))
    lines = [object() for _ in range(4)]
    for line in lines:
        mine.opened(line)
    for line in lines[:2]:
        mine.closed(line)
    mine.greeted(4)
    assert mine.count == 0
    clock.forward(61.0)
    mine.greeted(4)
    assert mine.count == 2
