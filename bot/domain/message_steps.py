"""The steps of a message's life, as values: requests to Slack, and outcomes that the store keeps.

`bot.domain.message.next_step` chooses them. Instants are seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from bot.domain.escalation import Instant


@dataclass(frozen=True, slots=True)
class Look:
    """Look for copies of an earlier post, made at `since`. A history that was read at `good_from` will do."""

    since: Instant
    good_from: Instant


@dataclass(frozen=True, slots=True)
class Post:
    """Post the message. `doubted_since` is when an earlier post was made that may still land."""

    doubted_since: Instant | None


@dataclass(frozen=True, slots=True)
class Redraw:
    """Draw the message again where it is."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the message, which Slack lets nobody edit."""


Request = Look | Post | Redraw | Delete


class Tell(StrEnum):
    """Which notice the admins get about a message."""

    SHARED = "shared"
    """Its channel is shared with another company."""

    NOT_DELIVERED = "not delivered"
    """Its place takes no message."""
    NOT_DRAWN = "not drawn"
    """Slack takes it in no form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of an attempt. `refused`: Slack certainly did not take the post."""

    refused: bool = False
    tell: Tell | None = None
    goes_on: ClassVar[bool] = False
    """Whether the worker keeps its lease and takes the next step at once."""


@dataclass(frozen=True, slots=True)
class Release(Kept):
    """Let go of the message, which keeps its turn."""


@dataclass(frozen=True, slots=True)
class Try(Kept):
    """Note that a post is about to be made. From now on it may be in Slack."""

    doubted_since: Instant | None
    goes_on: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Place(Kept):
    """Note where the message is. Version 0 is an earlier post's, which was found. `extra` copies go."""

    channel_id: str
    ts: str
    version: int
    shows: str = ""
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Show(Kept):
    """Note what the message at `ts` shows. If an earlier redraw may still land, draw again at `again_at`."""

    ts: str
    version: int
    again_at: Instant
    shows: str = ""


@dataclass(frozen=True, slots=True)
class Leave(Kept):
    """Leave the message as it is until more is wanted."""

    version: int
    again_at: Instant
    error: str


@dataclass(frozen=True, slots=True)
class Wait(Kept):
    """Try again at an instant.

    `unsure`: a redraw broke, and may still land. `blocked`: no place takes the message. `tries` and `terse`
    are the circumstances of the next attempt.
    """

    at: Instant
    error: str
    unsure: bool = False
    blocked: bool = False
    tries: int = 0
    terse: bool = False


@dataclass(frozen=True, slots=True)
class Replace(Kept):
    """Note that nobody can edit the message, and delete it next."""

    at: Instant
    error: str
    goes_on: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class PostAgain(Kept):
    """Note that the message at `seen` is gone, so that it is posted again."""

    seen: str
    error: str


@dataclass(frozen=True, slots=True)
class Readdress(Kept):
    """Send the message to another recipient, at `at`. `blocked`: that one does not take it either, yet."""

    recipient: str
    at: Instant
    error: str
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp(Kept):
    """Never try again; `error` says why. `closed`: not before its place is open again."""

    error: str
    closed: bool = False


Outcome = Release | Try | Place | Show | Leave | Wait | Replace | PostAgain | Readdress | GiveUp
Step = Request | Outcome
