"""Alerts when messages reach Slack late: in the log while it lasts, to the admins once it is over."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import structlog

from bot.domain.durations import in_sentence
from bot.domain.escalation import Instant
from bot.domain.notices import Notice, Subject
from bot.membrane import Admins

LATE_S = 60.0
"""A message is late after this time: people do not see the question that waits for them."""
LATE = "messages to Slack are late: people do not see what waits for them"
CAUGHT_UP_S = 5.0
EVERY_S = 60.0
"""How often the log says so while it lasts."""

_log = structlog.get_logger(__name__)


class Lateness:
    """Watches how many seconds the courier is behind: `behind_s`."""

    def __init__(
        self,
        behind_s: Callable[[], Awaitable[float]],
        admins: Admins,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._behind_s = behind_s
        self._admins = admins
        self._clock = clock
        self._since: Instant | None = None
        self._worst_s = 0.0
        self._said_at = -EVERY_S

    async def look(self) -> None:
        """Look once. A restart forgets nothing: the waiting messages say since when they are late."""
        now, behind_s = self._clock(), await self._behind_s()
        if behind_s > LATE_S:
            self._since = min(self._since or now, now - behind_s)
            self._worst_s = max(self._worst_s, behind_s)
            if now - self._said_at >= EVERY_S:
                self._said_at = now
                _log.error(LATE, behind_s=round(behind_s))
        elif self._since is not None and behind_s < CAUGHT_UP_S:
            since, worst_s = self._since, self._worst_s
            self._since, self._worst_s, self._said_at = None, 0.0, -EVERY_S
            await self._admins.tell(
                Notice(
                    Subject.MESSAGES_LATE,
                    f"From {_clock_time(since)} to {_clock_time(now)} UTC messages came late, by up to "
                    f"{in_sentence(worst_s)}: Slack could not be reached, or not as fast as things happened. "
                    "All of them are shown now; windows that ran out meanwhile were handled in time.",
                    where="the bot's way to Slack",
                    todo="Nothing now. If it comes often: look at the network, or at who proposes so much.",
                    about=f"{since:.0f}",
                )
            )


def _clock_time(at: Instant) -> str:
    return time.strftime("%H:%M", time.gmtime(at))
