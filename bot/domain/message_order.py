"""Whose message goes next: the most urgent first, and among equally urgent ones every agent in turn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Priority(IntEnum):
    """How soon a message goes, the most urgent first."""

    CLICKED = 0
    """The redraw of a card that somebody just clicked."""
    PAGE_3 = 1
    """Pages of Tier 3, and urgent notices."""
    CARD_3 = 2
    """New cards of Tier 3."""
    PAGE = 3
    """Other pages."""
    CARD_2 = 4
    """New cards of Tier 2."""
    REDRAW = 5
    REST = 6
    """Digests, notices and posts."""


URGENCY = {
    Priority.CLICKED: 0,
    Priority.PAGE_3: 1,
    Priority.CARD_3: 1,
    Priority.PAGE: 2,
    Priority.CARD_2: 2,
    Priority.REDRAW: 3,
    Priority.REST: 4,
}
"""Pages and cards of one tier are equally urgent: an agent's pages do not delay another agent's card."""
UPDATES = ""
"""The place of all messages that are in Slack and are to be drawn again."""
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class QueueHead:
    """The first message of a queue that is due. `place` is its recipient, or UPDATES."""

    id: str
    place: str
    priority: Priority
    agent: str
    due_at: float


class Turns:
    """Remembers which agent was served when, as a count. A new process starts at zero, which costs a turn."""

    def __init__(self) -> None:
        self._count = 0
        self._served: dict[tuple[str, str], int] = {}
        self._agents: dict[str, int] = {}

    def choose(self, heads: list[QueueHead], most: int, *, one_each: bool) -> list[QueueHead]:
        """Return the queues whose turn it is, at most `most`, in order; with `one_each` one for each place.

        In a place, the agent goes first that was served there longest ago. Among places, the agent goes first
        that was served anywhere longest ago.
        """
        left, chosen = list(heads), list[QueueHead]()
        while left and len(chosen) < most:
            firsts: dict[str, QueueHead] = {}
            for head in sorted(left, key=self._in_place):
                firsts.setdefault(head.place, head)
            head = min(firsts.values(), key=self._anywhere)
            self._serve(head)
            chosen.append(head)
            left = [each for each in left if each is not head and not (one_each and each.place == head.place)]
        return chosen

    def _in_place(self, head: QueueHead) -> tuple[Any, ...]:
        served = self._served.get((head.place, head.agent), 0)
        return URGENCY[head.priority], served, head.priority, head.due_at, head.id

    def _anywhere(self, head: QueueHead) -> tuple[Any, ...]:
        return URGENCY[head.priority], self._agents.get(head.agent, 0), head.priority, head.due_at, head.id

    def _serve(self, head: QueueHead) -> None:
        if len(self._served) > MOST_REMEMBERED:
            self._served.clear()
            self._agents.clear()
        self._count += 1
        self._served[head.place, head.agent] = self._agents[head.agent] = self._count


def every(_: QueueHead) -> bool:
    """Let any queue go."""
    return True
