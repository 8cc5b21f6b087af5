"""The current place of hosted code, from its call stack: the line, the tool and the hosted thread."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from langchain_core.tools import BaseTool


def stack_of(ident: int | None) -> FrameType | None:
    """Return the innermost frame of an OS thread of this process, or None if the thread has ended."""
    return sys._current_frames().get(ident or 0)  # noqa: SLF001 - documented for this purpose


def place_in(frame: FrameType | None, folders: Collection[Path]) -> dict[str, str]:
    """Return the place of a stack: `at`, and `tool` and `thread` if the stack shows them.

    `at` is the innermost line of code in `folders`, or the innermost line of all if there is none.
    """
    found: dict[str, str] = {}
    for each in _outwards(frame):
        if "at" not in found and _is_own(each, folders):
            found["at"] = _line(each)
        # Local variables are looked up by name and never printed, because they may hold arguments.
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
