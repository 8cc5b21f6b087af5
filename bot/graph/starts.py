"""Which tools a run has started, and in which step: what tells whether a step may be run again by itself."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import register_configure_hook

STEP = "langgraph_checkpoint_ns"
"""Where LangGraph says in a call's metadata which task it belongs to: `node:task`, and what is inside it."""


class Starts(BaseCallbackHandler):
    """Notes the task in which each tool starts. Safe to use from any thread."""

    run_inline = True

    def __init__(self) -> None:
        self._tasks: list[frozenset[str]] = []
        self._lock = threading.Lock()

    def on_tool_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002 - LangChain's signature
        input_str: str,  # noqa: ARG002
        *,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Note the tasks that a tool starts in, the graph's own and those of sub-graphs in it."""
        places = str((metadata or {}).get(STEP, "")).split("|")
        with self._lock:
            self._tasks.append(frozenset(place.rpartition(":")[2] for place in places if ":" in place))

    def in_any(self, tasks: Collection[str]) -> bool:
        """Whether a tool started in one of these tasks, or may have; of no tasks, whether any started."""
        with self._lock:
            return any(not tasks or not places or places & set(tasks) for places in self._tasks)


_STARTS: ContextVar[Starts | None] = ContextVar("membrane_starts", default=None)
# LangChain looks here at every call, so a tool that is called with callbacks of its own is seen too.
register_configure_hook(_STARTS, inheritable=True)


@contextmanager
def noting_starts() -> Iterator[Starts]:
    """Note the tools that start inside."""
    starts = Starts()
    token = _STARTS.set(starts)
    try:
        yield starts
    finally:
        _STARTS.reset(token)
