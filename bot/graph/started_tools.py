"""The tasks in which a run started tools. They decide whether a failed step may be retried."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any

STEP = "langgraph_checkpoint_ns"
"""The metadata key in which LangGraph names a call's tasks: `node:task`, then those of sub-graphs in it."""


class StartedTools:
    """The tasks in which tools started, as noted by the guard. Safe to use from any OS thread."""

    def __init__(self) -> None:
        self._places: list[str] = []
        self._lock = threading.Lock()

    def note(self, metadata: Mapping[str, Any] | None) -> None:
        """Note the tasks in which a tool starts, of the graph and of its sub-graphs."""
        with self._lock:
            self._places.append(str((metadata or {}).get(STEP, "")))

    def in_any(self, tasks: Collection[str]) -> bool:
        """Whether a tool started, or may have, in one of these tasks. Without tasks: whether any did."""
        with self._lock:
            found = [_tasks_of(place) for place in self._places]
        return any(not tasks or not places or places & set(tasks) for places in found)


def _tasks_of(place: str) -> set[str]:
    return {part.rpartition(":")[2] for part in place.split("|") if ":" in part}
