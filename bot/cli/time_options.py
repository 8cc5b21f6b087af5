"""Instants in the past, as people write them on a command line."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

_AGE = re.compile(r"([1-9][0-9]{0,5})([hd])")
_SECONDS = {"h": 3600.0, "d": 86400.0}


def before(_: click.Context, __: click.Parameter, value: str) -> float:
    """Read an age such as `90d`, or a date or instant (UTC) such as `2026-06-01`, into seconds since 1970.

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
