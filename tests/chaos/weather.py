"""The faults between the bot and Slack during the bot's lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Literal, get_args

from bot.localslack import LocalSlack
from bot.localslack.faults import DeliveryKind

Front = Callable[[LocalSlack, Random], None]


def _limited(slack: LocalSlack, rng: Random) -> None:
    slack.faults.arm(method="chat.*", kind="rate_limit", times=rng.randint(1, 3), retry_after=1)


def _server_error(slack: LocalSlack, rng: Random) -> None:
    slack.faults.arm(
        method="chat.*", kind="http", status=rng.choice((500, 502)), times=2, after=rng.random() < 0.5
    )


def _posted_all_the_same(slack: LocalSlack, rng: Random) -> None:
    slack.faults.arm(
        method="chat.postMessage", kind="error", error="internal_error", times=rng.randint(1, 3), after=True
    )


def _never_posted(slack: LocalSlack, rng: Random) -> None:
    slack.faults.arm(method="chat.postMessage", kind="error", error="fatal_error", times=rng.randint(1, 2))


def _dropped(slack: LocalSlack, rng: Random) -> None:
    slack.faults.arm(method="chat.*", kind="drop", times=rng.randint(1, 3), after=rng.random() < 0.7)


def _slow(slack: LocalSlack, rng: Random) -> None:
    slack.faults.arm(
        method="chat.*", kind="delay", times=3, seconds=rng.uniform(0.2, 0.8), after=rng.random() < 0.5
    )


def _lands_late(slack: LocalSlack, rng: Random) -> None:
    slack.faults.arm(method="chat.postMessage", kind="lands_late", seconds=rng.uniform(0.1, 0.6))


def _blind(slack: LocalSlack, rng: Random) -> None:
    method = rng.choice(("conversations.history", "users.info", "usergroups.users.list", "conversations.*"))
    slack.faults.arm(method=method, kind="http", status=503, times=2)


def _clicks_astray(slack: LocalSlack, rng: Random) -> None:
    how: DeliveryKind = rng.choice(get_args(DeliveryKind))
    slack.faults.arm(method="interactions", kind=how, seconds=rng.uniform(0.3, 1.0), times=rng.randint(2, 3))


def _not_to_be_changed(slack: LocalSlack, rng: Random) -> None:
    error = rng.choice(("edit_window_closed", "cant_update_message"))
    slack.faults.arm(method="chat.update", kind="error", error=error, times=rng.randint(1, 2))
    if rng.random() < 0.3:
        slack.faults.arm(method="chat.delete", kind="http", status=503, times=1, after=rng.random() < 0.5)


def _no_handshake(slack: LocalSlack, rng: Random) -> None:
    slack.faults.arm(method="sockets", kind="refuse", times=rng.randint(1, 2))


FRONTS: tuple[Front, ...] = (
    _limited,
    _server_error,
    _posted_all_the_same,
    _never_posted,
    _dropped,
    _slow,
    _lands_late,
    _blind,
    _clicks_astray,
    _no_handshake,
    _not_to_be_changed,
)


NEEDED: dict[str, Front] = {"delete": _not_to_be_changed}
"""What has to go wrong for a seam to be crossed at all."""


class Weather:
    """Arms some faults for each life, and breaks sockets now and then."""

    def __init__(self, slack: LocalSlack, seed: str) -> None:
        self._slack = slack
        self._rng = Random(f"weather {seed}")
        self._breaking: asyncio.Task[None] | None = None
        self.armed = 0

    def change(self, point: str | None) -> None:
        """Let the weather change for the next life, which is to end at this crash point if at any."""
        rng = self._rng
        self._slack.faults.clear()
        needed = NEEDED.get((point or "").partition(".")[0])
        if needed is not None:
            needed(self._slack, rng)
            self.armed += 1
        for front in rng.sample(FRONTS, rng.choice((0, 1, 1, 2, 3))):
            front(self._slack, rng)
            self.armed += 1
        if rng.random() < 0.2:
            self._end_sockets(rng.uniform(0.2, 1.5), rng.choice(("drop", "warning", "refresh_requested")))
            self.armed += 1

    def clear_up(self) -> None:
        """Let nothing go wrong any more."""
        self._slack.faults.clear()
        if self._breaking is not None:
            self._breaking.cancel()

    def _end_sockets(self, after_s: float, how: Literal["drop", "warning", "refresh_requested"]) -> None:
        async def work() -> None:
            await asyncio.sleep(after_s)
            if how == "drop":
                self._slack.sockets.drop()
            else:
                await self._slack.sockets.announce(how)

        self.clear_sockets()
        self._breaking = asyncio.create_task(work())

    def clear_sockets(self) -> None:
        """Cancel the planned breaks of sockets."""
        if self._breaking is not None:
            self._breaking.cancel()
            self._breaking = None
