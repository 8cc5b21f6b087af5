"""Freezes: nothing of what is frozen passes, is claimed or is started, whatever was approved before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain.escalation import Instant

EVERYTHING = "all"
"""The name that freezes everything."""
LOOK_AGAIN_S = 60.0
"""Seconds after which to ask again if a freeze has no end, or a far one."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """One freeze of EVERYTHING, or of each agent, kind and graph called `name`.

    `by` gave the command. Without `until` it lasts until somebody thaws it.
    """

    id: str
    name: str
    why: str
    by: str
    since: Instant
    until: Instant | None = None
    thawed_at: Instant | None = None
    thawed_by: str | None = None

    def holds(self, now: Instant) -> bool:
        """Whether it is in force."""
        return self.thawed_at is None and (self.until is None or now < self.until)

    def retry_after(self, now: Instant) -> float:
        """Return the seconds after which it makes sense to ask again."""
        return LOOK_AGAIN_S if self.until is None else max(1.0, min(LOOK_AGAIN_S, self.until - now))

    def __str__(self) -> str:
        """Return the sentence for agents and people, without a full stop."""
        end = "" if self.until is None else f" until {_utc(self.until)}"
        what = "everything is" if self.name == EVERYTHING else f"{self.name} is"
        return f"{what} frozen by {self.by}{end}: {self.why}"


def covering(freezes: Iterable[Freeze], names: Iterable[str | None], now: Instant) -> Freeze | None:
    """Return the longest freeze in force for something with these names, or None.

    Names are compared exactly: an agent's, a kind's and a graph's are each frozen under their own.
    """
    borne = {EVERYTHING, *names}
    found = [freeze for freeze in freezes if freeze.name in borne and freeze.holds(now)]
    return max(found, key=lambda each: float("inf") if each.until is None else each.until, default=None)


def _utc(at: Instant) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
