"""Where hosted code stands right now: the line, and which tool of which thread, as far as the stack tells."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from langchain_core.tools import BaseTool


def stack_of(ident: int | None) -> FrameType | None:
    """Return the innermost frame of a thread of this process, or None where it has ended."""
    return sys._current_frames().get(ident or 0)  # noqa: SLF001 - documented, for just this


def place_in(frame: FrameType | None, folders: Collection[Path]) -> dict[str, str]:
    """Return where a stack stands: `at`, and `tool` and `thread` where they can be told.

    `at` is the innermost line of the code in `folders`; where there is none, the innermost line of all.
    """
    found: dict[str, str] = {}
    for each in _outwards(frame):
        if "at" not in found and _is_own(each, folders):
            found["at"] = _line(each)
        # A local variable is looked up by name, and never printed: it may hold arguments.
        tool, config = each.f_locals.get("self"), each.f_locals.get("config")
        if isinstance(tool, BaseTool):
            found.setdefault("tool", tool.name)
        if isinstance(config, dict) and (thread := _thread_of(config)):
            found.setdefault("thread", thread)
    if frame is not None:
        found.setdefault("at", _line(frame))
    return found


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_own(frame: FrameType, folders: Collection[Path]) -> bool:
    path = Path(frame.f_code.co_filename)
    return "site-packages" not in path.parts and any(path.is_relative_to(folder) for folder in folders)


def _line(frame: FrameType) -> str:
    return f"{frame.f_code.co_name} ({frame.f_code.co_filename}:{frame.f_lineno})"


def _thread_of(config: dict[str, Any]) -> str | None:
    configurable = config.get("configurable")
    found = configurable.get("thread_id") if isinstance(configurable, dict) else None
    return found if isinstance(found, str) else None
