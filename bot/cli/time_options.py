"""Times as people write them on a command line: ages, durations, dates and instants."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from bot.domain.durations import read_duration


def before(_: click.Context, __: click.Parameter, value: str) -> float:
    """Convert an age such as `90d`, or a date or instant (UTC) such as `2026-06-01`, to epoch seconds.

    For an option's `callback`. Raises BadParameter.
    """
    now = time.time()
    if value.endswith(("h", "d")) and (age := read_duration(value)) is not None:
        return now - age
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is neither an age such as 90d or 12h nor a date such as 2026-06-01"
        ) from error
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if at > now:
        raise click.BadParameter(f"{value!r} is in the future")
    return at


def until(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Convert a duration from now such as `2h`, or an instant such as `2026-06-01T09:00Z`, to epoch seconds.

    For an option's `callback`. Raises BadParameter.
    """
    if value is None:
        return None
    if (duration := read_duration(value)) is not None:
        return time.time() + duration
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is neither a duration such as 30m, 2h or 1d nor an instant such as "
            "2026-06-01T09:00:00Z"
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
