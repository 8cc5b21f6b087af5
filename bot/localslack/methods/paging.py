"""Cursors of lists. As with Slack, a page may be shorter than requested, or empty, before the end."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from bot.localslack.method import Call
from bot.localslack.refusals import SlackRefusal
from bot.localslack.workspace import Json

Item = TypeVar("Item")

MOST = 999
"""Slack wants limits "under 1000"."""
SPARSE = 3
"""Items per page if pages are sparse."""


def page(
    call: Call, items: Sequence[Item], *, default: int = 100, most: int = MOST
) -> tuple[list[Item], Json]:
    """Return one page of `items`, and the ``response_metadata`` that leads to the next.

    Raises:
        SlackRefusal: ``invalid_cursor`` or ``invalid_limit``.
    """
    given, limit = call.args.text("cursor"), call.args.number("limit", default, most + 1)
    if limit > most:
        raise SlackRefusal("invalid_limit")
    first = int(from_cursor(given, "filled" if is_filled(given) else "offset")) if given else 0
    if call.state.sparse_pages:
        if not is_filled(given):
            return [], next_page(to_cursor("filled", str(first)) if first < len(items) else "")
        limit = min(limit, SPARSE)
    after = first + limit
    more = after < len(items) or call.state.sparse_pages
    return list(items[first:after]), next_page(to_cursor("offset", str(after)) if more else "")


def next_page(cursor: str) -> Json:
    """Return the part of an answer that leads to the next page."""
    return {"response_metadata": {"next_cursor": cursor}}


def is_filled(cursor: str) -> bool:
    """Whether the next page has items, if every other page is empty."""
    return cursor.startswith(to_cursor("filled", "")[:8])


def to_cursor(kind: str, value: str) -> str:
    """Return an opaque cursor."""
    return base64.b64encode(f"{kind}:{value}".encode()).decode()


def from_cursor(cursor: str, kind: str) -> str:
    """Return the value in a cursor.

    Raises:
        SlackRefusal: ``invalid_cursor``.
    """
    try:
        found, value = base64.b64decode(cursor, validate=True).decode().split(":", 1)
        float(value)
    except ValueError:
        raise SlackRefusal("invalid_cursor") from None
    if found != kind:
        raise SlackRefusal("invalid_cursor")
    return value
