"""The findings of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARN = "warn"
    """The bot runs, but something does not work as intended."""
    FAIL = "fail"
    """The bot does not start, or reviews would fail."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, and how to fix the problem if there is one."""

    part: str
    status: Status
    what: str
    fix: str = ""


def ok(part: str, what: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(part, Status.OK, what)


def warn(part: str, what: str, fix: str = "") -> Finding:
    """Return a finding about something that does not work as intended."""
    return Finding(part, Status.WARN, what, fix)


def fail(part: str, what: str, fix: str = "") -> Finding:
    """Return a finding about something that must be fixed."""
    return Finding(part, Status.FAIL, what, fix)
