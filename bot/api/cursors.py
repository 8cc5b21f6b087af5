"""Cursors, which say where the next page of a list begins. Opaque to agents, and refused on another list.

A cursor holds the id of the last line and a hash of the filters. It grants no access: a list shows only the
caller's own lines.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from bot.api.problems import ApiError

_CHECK = 8
"""Length of the hash of a list's filters, in characters."""
_NOT_ONE = "it is not a cursor; send `next_cursor` of an answer unchanged"


def cursor(last_id: str, *filters: object) -> str:
    """Return the cursor that follows a line of a list with these filters."""
    text = f"{_hash(filters)}{last_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(given: str, prefix: str, *filters: object) -> str:
    """Return the id of the line before a cursor. Raises ApiError."""
    try:
        text = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _bad(_NOT_ONE) from error
    check, last_id = text[:_CHECK], text[_CHECK:]
    if not re.fullmatch(rf"{prefix}_[0-9a-f]{{1,40}}", last_id) or cursor(last_id, *filters) != given:
        if re.fullmatch(r"[0-9a-f]{8}[a-z]{3}_[0-9a-f]{1,40}", text) and check != _hash(filters):
            raise _bad("it is of another list; send the same filters as for the page before")
        raise _bad(_NOT_ONE)
    return last_id


def _hash(filters: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(filters).encode()).hexdigest()[:_CHECK]


def _bad(why: str) -> ApiError:
    return ApiError(
        422, "invalid", f"query.cursor: {why}", {"errors": [{"where": "query.cursor", "what": why}]}
    )
