"""Tells by Slack's count of connections whether another bot uses the same Slack app.

Slack hands each click to one connection of an app. If two bots share its tokens, each gets clicks on the
other's cards. Slack greets a new connection with the number of connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.domain.notices import Notice, Subject

CONFIRM_S = 120.0
"""How long a count must stay too high: Slack may count broken connections."""
FORGET_S = 60.0
"""How long Slack may go on counting a connection that was closed here."""
LOOK_S = 1800.0
"""How often Slack's count is read while another bot is there, by replacing a connection."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """Durations in seconds, for tests that do not wait as long."""

    confirm_s: float = CONFIRM_S
    forget_s: float = FORGET_S
    look_s: float = LOOK_S


USUAL = Waits()
WHAT_TO_DO = (
    "Stop the other bot, or give each its own Slack app, made from manifest.yml, with tokens of its own. "
    "Until then, people whose click had no effect have to click again."
)


class Others:
    """Compares Slack's count of an app's connections with this bot's own, which may overlap for a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, waits: Waits = USUAL) -> None:
        self._clock = clock
        self._waits = waits
        self._own: set[int] = set()
        self._closed: list[float] = []
        self._suspected_at: float | None = None
        self._greeted_at = clock()
        self.count = 0
        """How many connections certainly belong to another bot."""

    def opened(self, connection: object) -> None:
        """Note that this bot opens a connection."""
        self._own.add(id(connection))

    def closed(self, connection: object) -> None:
        """Note that this bot closed a connection."""
        if id(connection) in self._own:
            self._own.discard(id(connection))
            self._closed.append(self._clock())

    def greeted(self, counted: int) -> None:
        """Note how many connections Slack counts now."""
        now = self._greeted_at = self._clock()
        self._closed = [at for at in self._closed if now - at < self._waits.forget_s]
        more = counted - len(self._own) - len(self._closed)
        if more <= 0:
            self._suspected_at, self.count = None, 0
            return
        if self._suspected_at is None:
            self._suspected_at = now
            _log.warning("another_bot_may_be_connected", slack_counts=counted, own=len(self._own))
        if now - self._suspected_at >= self._waits.confirm_s:
            self.count = more

    def wants_greeting(self) -> bool:
        """Whether it is time to read Slack's count again. Asking starts the next period.

        It is only if the count was too high. Otherwise the connections that Slack itself replaces every few
        hours tell: closing one for nothing could lose a click.
        """
        wait_s = self._waits.look_s if self.count else self._waits.confirm_s
        if self._suspected_at is None or self._clock() - self._greeted_at < wait_s:
            return False
        self._greeted_at = self._clock()
        return True


def in_words(count: int) -> str:
    """Say that another bot is connected."""
    return (
        f"Another bot is connected with the same Slack app: Slack counts {count} "
        f"connection{'s' * (count != 1)} beside this bot's, and hands each click to one of them all, so "
        "clicks on this bot's cards go to the other, and clicks on its cards come here"
    )


def notice(count: int) -> Notice:
    """Return the notice to the admins that another bot is connected."""
    where = "the bot's Slack app, and every machine that has its tokens"
    return Notice(Subject.ANOTHER_BOT, f"{in_words(count)}.", where, WHAT_TO_DO, about="connections")
