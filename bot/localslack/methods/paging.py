"""Cursors, as Slack's lists have them."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from bot.localslack.args import Args
from bot.localslack.errors import SlackRefusal
from bot.localslack.workspace import Json

Item = TypeVar("Item")


def page(
    args: Args, items: Sequence[Item], *, default: int = 100, most: int = 1000
) -> tuple[list[Item], Json]:
    """One page of `items`, and the ``response_metadata`` that leads to the next.

    Raises:
        SlackRefusal: ``invalid_cursor`` or ``invalid_limit``.
    """
    start = from_cursor(args.text("cursor"), "offset") if args.text("cursor") else "0"
    limit = args.number("limit", default, most)
    first = int(start)
    after = first + limit
    cursor = to_cursor("offset", str(after)) if after < len(items) else ""
    return list(items[first:after]), {"response_metadata": {"next_cursor": cursor}}


def to_cursor(kind: str, value: str) -> str:
    """An opaque cursor."""
    return base64.b64encode(f"{kind}:{value}".encode()).decode()


def from_cursor(cursor: str, kind: str) -> str:
    """What the cursor holds.

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
