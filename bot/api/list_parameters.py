"""The query parameters of lists and long polls: states, a reference, the page, and how long to wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from bot.api import cursors
from bot.api.field_types import Label
from bot.api.problems import ApiError
from bot.api.suggestions import unknown
from bot.domain.record import Listing
from bot.domain.states import OPEN, ActionState, ThreadState

MAX_PAGE = 200
MAX_WAIT_S = 60.0
OPEN_WORD = "open"
"""Stands for every state in which somebody still has to do something."""


def one_of(known: Iterable[str]) -> AfterValidator:
    """Return a validator that accepts one of these words, or `open`."""
    words = (OPEN_WORD, *known)

    def check(given: str) -> str:
        if given not in words:
            raise ValueError(unknown(given, words, "a state"))
        return given

    return AfterValidator(check)


ActionStates = Annotated[
    list[Annotated[str, one_of(ActionState)]] | None,
    Query(
        description="only actions in this state; may be repeated. `open`: somebody still has to do something "
        "about it (an action that only passed is in `passed`)",
        json_schema_extra={"items": {"type": "string", "enum": [OPEN_WORD, *ActionState]}},
    ),
]
ThreadStates = Annotated[
    list[Annotated[str, one_of(ThreadState)]] | None,
    Query(
        description="only threads in this state; may be repeated. `open`: it has not ended",
        json_schema_extra={"items": {"type": "string", "enum": [OPEN_WORD, *ThreadState]}},
    ),
]
Wait = Annotated[
    float, Query(ge=0, le=MAX_WAIT_S, description="seconds to wait for a change before answering")
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Before = Annotated[str | None, Query(max_length=64, description="an id; only older actions are listed")]
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="`next_cursor` of the page before; send the same filters with it"),
]
Reference = Annotated[Label | None, Query(description="only actions with exactly this reference")]


def wanted(
    prefix: str,
    *,
    states: Iterable[str] | None,
    open_states: Iterable[str] = OPEN,
    reference: str | None = None,
    cursor: str | None = None,
    before: str | None = None,
) -> Listing:
    """Return the filters and the start of a list. Raises ApiError for a cursor that does not fit."""
    asked = set(states or ())
    if OPEN_WORD in asked:
        asked = (asked - {OPEN_WORD}) | set(open_states)
    if cursor is not None:
        if before is not None:
            raise ApiError(422, "invalid", "query.before: give it or cursor, not both")
        before = cursors.read(cursor, prefix, sorted(asked), reference)
    return Listing(tuple(sorted(asked)), reference, before)


def next_cursor(last_id: str, listing: Listing) -> str:
    """Return the cursor that follows the last line of a page."""
    return cursors.cursor(last_id, list(listing.states), listing.reference)
