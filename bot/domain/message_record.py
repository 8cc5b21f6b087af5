"""A message as the store keeps it: its kind, and what is known of it in Slack.

Instants are seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.escalation import Instant
from bot.domain.message_order import Priority


class MessageKind(StrEnum):
    """What a message is for."""

    CARD = "card"
    """Shows a review in its channel."""
    PAGE = "page"
    """Calls one person to a review."""
    POST = "post"
    """Calls a channel to a review."""
    TOLD = "told"
    """Tells the requester how a review ended."""
    RECEIPT = "receipt"
    """Asks what happened to an action whose receipt is unknown."""
    DIGEST = "digest"
    """Names the Tier 1 actions of a period."""
    NOTICE = "notice"
    """Is only its text."""


ASKING = frozenset({MessageKind.CARD, MessageKind.RECEIPT})
"""Somebody is to answer these: they are never dropped while they ask."""
COPIES = frozenset({MessageKind.PAGE, MessageKind.POST})
"""These repeat a card's buttons beside the card."""
ABOUT_A_QUESTION = ASKING | COPIES
"""Nobody needs these in another place once their question is closed."""
REPOSTED = ASKING | {MessageKind.TOLD}
"""These are posted again if they cannot be edited."""
TOLD_TO_ADMINS = ABOUT_A_QUESTION | {MessageKind.DIGEST}
"""The admins hear of it if one of these cannot be delivered."""
TO_A_PERSON = frozenset({MessageKind.PAGE, MessageKind.TOLD})
"""The recipient of these is one person, and nobody else in their place."""
SHOWS = frozenset({MessageKind.CARD, MessageKind.PAGE, MessageKind.POST})
"""These show a review, with its arguments and its buttons."""


class Obstacle(StrEnum):
    """What keeps a message from being posted or edited like others."""

    CLOSED = "closed"
    UNEDITABLE = "uneditable"


@dataclass(frozen=True, slots=True)
class Message:
    """One message that Slack should show. It is due while `shown` is behind `wanted`.

    `action_id` is set if the message is about an unknown receipt, whose number is its `position`.
    `attempt_at` is when the last post was tried, while nobody knows whether it landed. `doubted_since` is
    when an earlier post was made that may still land beside a later one. `unsure_since` is when a redraw
    broke that may still land over a later one. `owed_since` is since when Slack lacks what is wanted.
    """

    id: str
    kind: MessageKind
    recipient: str
    review_id: str | None
    digest_id: str | None
    position: int
    body: str | None
    wanted: int
    shown: int
    priority: Priority
    due_at: Instant | None
    attempts: int
    attempt_at: Instant | None
    error: str | None
    channel_id: str | None
    ts: str | None
    created_at: Instant
    posted_at: Instant | None
    action_id: str | None = None
    doubted_since: Instant | None = None
    owed_since: Instant | None = None
    unsure_since: Instant | None = None
    given_up_at: Instant | None = None
    obstacle: Obstacle | None = None
    leased_by: str | None = None
    leased_until: Instant | None = None

    @property
    def in_doubt_since(self) -> Instant | None:
        """When the first post was made that may still land; None if there is none."""
        return self.doubted_since if self.doubted_since is not None else self.attempt_at

    def held_by(self, worker: str, now: Instant) -> bool:
        """Whether a worker's lease is good: once it ended, the worker changes nothing."""
        return self.leased_by == worker and self.leased_until is not None and self.leased_until > now
