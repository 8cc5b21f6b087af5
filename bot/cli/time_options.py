"""Times as people write them on a command line: ages, durations, dates and instants."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

_AGE = re.compile(r"([1-9][0-9]{0,5})([hd])")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def before(_: click.Context, __: click.Parameter, value: str) -> float:
    """Convert an age such as `90d`, or a date or instant (UTC) such as `2026-06-01`, to epoch seconds.

    For an option's `callback`. Raises BadParameter.
    """
    now = time.time()
    if age := _AGE.fullmatch(value):
        return now - int(age[1]) * _SECONDS[age[2]]
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no age such as 90d or 12h, and no date such as 2026-06-01"
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
    if duration := _DURATION.fullmatch(value):
        return time.time() + int(duration[1]) * _SECONDS[duration[2]]
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r} is no duration such as 30m, 2h or 1d, and no instant such as 2026-06-01T09:00:00Z"
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
