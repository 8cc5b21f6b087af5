"""What an attempt to show a message in Slack came to, as values.

`bot.domain.message.next_step` says which step follows. Instants are seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.escalation import Instant


class FailureKind(StrEnum):
    """What a failed call to Slack means."""

    UNSURE = "unsure"
    """It may have worked: look before it is made again."""
    DOWN = "down"
    """Slack was never reached, or a look-up failed; nothing has happened."""
    LIMITED = "limited"
    """Too fast; nothing has happened."""
    TOKEN = "token"  # noqa: S105 - the name of a failure, not a token
    """Slack refuses the bot's token, so nothing at all can be sent."""
    CLOSED = "closed"
    """The bot cannot reach the channel or the person: archived, not invited, deactivated."""
    SHARED = "shared"
    """The channel is shared with another company, and the policy allows no arguments there."""
    GONE = "gone"
    """Somebody deleted the message."""
    UNEDITABLE = "uneditable"
    """The message is there, and Slack lets nobody edit it."""
    TOO_LONG = "too_long"
    """Slack finds the message too long or malformed."""
    REFUSED = "refused"
    """Something else, which an admin has to look at."""


TRANSIENT = frozenset({FailureKind.UNSURE, FailureKind.DOWN, FailureKind.LIMITED, FailureKind.TOKEN})
"""Failures that say nothing about the message: the next attempt may well succeed."""


class Call(StrEnum):
    """What an attempt asks of Slack."""

    LOOK_UP = "look up"
    """It changes nothing: a channel's id, its history, who is in it."""
    POST = "post"
    REDRAW = "redraw"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Taken:
    """A worker took the message; Slack was asked nothing yet."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Slack's pace does not allow the call now."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The last look at the store before a post.

    `moot`: the review is closed, and this message asks about it. `late`: the review is about to expire
    because nobody was shown it in time.
    """

    moot: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Unwelcome:
    """The recipient must not get the message, as `why` says."""

    why: str


@dataclass(frozen=True, slots=True)
class Posted:
    """Slack took the post. `shows` is a digest of what was drawn, of version `version`."""

    channel_id: str
    ts: str
    version: int
    shows: str = ""


@dataclass(frozen=True, slots=True)
class Redrawn:
    """Slack took the redraw of the message at `ts`."""

    ts: str
    version: int
    shows: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The channel has these copies of a message whose post was in doubt, oldest first; at least one."""

    channel_id: str
    copies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotFound:
    """The channel had no copy at `read_at`. `blind`: the bot may not read its history."""

    read_at: Instant
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Deleted:
    """The copy that Slack lets nobody edit is gone."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is true when a call fails, besides the message itself.

    `asks`: somebody is still to answer what the message is about. `home` is the channel where it belongs,
    `fallback` the recipient to try instead; None if there is none. `tries` counts the failures in a row
    before this one, and `terse` says that the message was drawn short.
    """

    asks: bool = False
    home: str | None = None
    fallback: str | None = None
    tries: int = 0
    terse: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """A call failed. `error` is Slack's word for it, for people; `retry_after_s` is Slack's, in seconds."""

    call: Call
    kind: FailureKind
    error: str
    retry_after_s: float = 0.0
    given: Circumstances = Circumstances()

    @property
    def may_have_landed(self) -> bool:
        """Whether the call may have changed something in Slack."""
        return self.kind is FailureKind.UNSURE


Answer = Taken | Busy | Checked | Unwelcome | Posted | Redrawn | Found | NotFound | Deleted | Failed
