"""Reads Slack's lists page by page.

A page may hold fewer items than requested, or none, and still not be the last: only a missing cursor ends the
list. https://docs.slack.dev/apis/web-api/pagination
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from bot.slack.web_api import Calls

PAGE = 200
"""Slack recommends no more, and refuses 1000."""
MOST_PAGES = 1000

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Walk:
    """How far a list was read. After Slack cut it short, reading continues there."""

    cursor: str = ""
    pages: int = 0
    ended: bool = False

    def turn(self, page: Any) -> None:
        """Note that a page was read."""
        following = str((page.get("response_metadata") or {}).get("next_cursor") or "")
        self.pages += 1
        self.ended = following in ("", self.cursor) or self.pages >= MOST_PAGES
        if following and self.ended:
            _log.warning("slack_list_cut_short", pages=self.pages)
        self.cursor = following


async def pages(
    calls: Calls, method: str, call: Callable[..., Awaitable[Any]], walk: Walk, **arguments: Any
) -> AsyncIterator[Any]:
    """Read the remaining pages of a list. Raises CallFailed."""
    while not walk.ended:
        page = await calls.call(method, call, limit=PAGE, cursor=walk.cursor, **arguments)
        walk.turn(page)
        yield page
