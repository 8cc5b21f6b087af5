"""Which tools a run has started, and in which step: what tells whether a step may be run again by itself."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Any

STEP = "langgraph_checkpoint_ns"
"""Where LangGraph says in a call's metadata which task it belongs to: `node:task`, and what is inside it."""


class StartedTools:
    """The tasks in which tools started. The guard notes them. Safe to use from any thread."""

    def __init__(self) -> None:
        self._places: list[str] = []
        self._lock = threading.Lock()

    def note(self, metadata: Mapping[str, Any] | None) -> None:
        """Note the tasks that a tool starts in, the graph's own and those of sub-graphs in it."""
        with self._lock:
            self._places.append(str((metadata or {}).get(STEP, "")))

    def in_any(self, tasks: Collection[str]) -> bool:
        """Whether a tool started in one of these tasks, or may have; of no tasks, whether any started."""
        with self._lock:
            found = [_tasks_of(place) for place in self._places]
        return any(not tasks or not places or places & set(tasks) for places in found)


def _tasks_of(place: str) -> set[str]:
    return {part.rpartition(":")[2] for part in place.split("|") if ":" in part}
