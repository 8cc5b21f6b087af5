"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """The bot runs, but something will not work as meant."""
    FAIL = "fail"
    """The bot does not start, or a review would go wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and how to mend it where it is not well."""

    part: str
    status: Status
    what: str
    mend: str = ""


def ok(part: str, what: str) -> Finding:
    """Return that something is well."""
    return Finding(part, Status.OK, what)


def warn(part: str, what: str, mend: str = "") -> Finding:
    """Return that something will not work as meant."""
    return Finding(part, Status.WARN, what, mend)


def fail(part: str, what: str, mend: str = "") -> Finding:
    """Return that something has to be mended."""
    return Finding(part, Status.FAIL, what, mend)
