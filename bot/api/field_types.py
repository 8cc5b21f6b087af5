"""Types of request fields that pydantic does not have: labels, Slack users, instants."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from bot.domain.labels import MOST_LABEL, PATTERN, what_is_wrong
from bot.domain.people import USER_ID

SlackUser = Annotated[str, Field(pattern=f"^{USER_ID.pattern}$", examples=["U0AAA"])]


def _label(value: str) -> str:
    if (wrong := what_is_wrong(value)) is not None:
        raise ValueError(wrong)
    return value


Label = Annotated[
    str,
    AfterValidator(_label),
    Field(json_schema_extra={"minLength": 1, "maxLength": MOST_LABEL, "pattern": PATTERN}),
]
"""Printable text in any script; `bot.domain.labels` has the rules."""
IdempotencyKey = Annotated[
    Label,
    Field(
        description="a repeat with the same key and action returns the same answer; printable text in any "
        f"script, at most {MOST_LABEL} characters, compared exactly"
    ),
]


def _instant(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value  # pydantic says what is wrong with it


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
"""An RFC 3339 instant with its offset, sent as a JSON string."""
