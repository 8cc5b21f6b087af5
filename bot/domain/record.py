"""Records: rows of the store as values. Instants are seconds since the epoch, UTC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.domain.escalation import Instant
from bot.domain.freezing import Freeze
from bot.domain.review import Review
from bot.domain.risk import Risk, Tier
from bot.domain.ruling import Ruling
from bot.domain.states import RECEIPTS, ActionState, Receipt, ReviewState


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """An action as it was proposed, its ruling and where it stands.

    `remembers` is the earlier action whose outcome answered this one. `hint` is the agent's own view of the
    risk, and `reference` its own name for the action. Actions that were proposed together share `turn_id`.
    """

    id: str
    kind: str
    args: dict[str, Any]
    args_digest: str
    agent: str
    owner: str | None
    on_behalf_of: str | None
    description: str | None
    tier: Tier
    ruling: Ruling
    state: ActionState
    proposed_at: Instant
    settled_at: Instant | None = None
    detail: str | None = None
    result: Any = None
    thread_id: str | None = None
    interrupt_id: str | None = None
    place: int | None = None
    call_id: str | None = None
    digest_id: str | None = None
    remembers: str | None = None
    hint: Risk | None = None
    reference: str | None = None
    turn_id: str | None = None

    @property
    def passed_at(self) -> Instant:
        """When it passed, or passed again because a person said that its first start came to nothing."""
        return self.settled_at or self.proposed_at

    @property
    def receipt(self) -> Receipt | None:
        """What happened to it in the end; None while that is open, and for a withdrawn one."""
        return RECEIPTS.get(self.state)


@dataclass(frozen=True, slots=True)
class ActionLine:
    """An action in short, as a list shows it: without its arguments, its ruling and its result.

    `review` is the state of its latest review, and `card` where that is shown: a channel and a time stamp.
    """

    id: str
    kind: str
    tier: Tier
    state: ActionState
    detail: str | None
    proposed_at: Instant
    settled_at: Instant | None
    reference: str | None = None
    thread_id: str | None = None
    review: ReviewState | None = None
    expires_at: Instant | None = None
    card: tuple[str, str] | None = None
    frozen: bool = False
    lapsed: bool = False
    """Whether it passed too long ago to start."""
    asked_about: bool = False
    """Whether a person is asked if it happened."""

    @property
    def receipt(self) -> Receipt | None:
        """What happened to it in the end; None while that is open, and for a withdrawn one."""
        return RECEIPTS.get(self.state)


@dataclass(frozen=True, slots=True)
class Listing:
    """A filter for lists of actions or threads: these states (all if empty), a reference, ids before one."""

    states: tuple[str, ...] = ()
    reference: str | None = None
    before: str | None = None


ALL = Listing()
"""The filter that lets everything through."""


@dataclass(frozen=True, slots=True)
class DigestedGroup:
    """What one agent did of one kind in a digest: counts, and the few actions most worth a look."""

    agent: str
    kind: str
    count: int
    cost_usd: float
    failed: int
    unknown: int
    examples: tuple[ActionRecord, ...]


@dataclass(frozen=True, slots=True)
class Digested:
    """The contents of a digest: `count` actions in `groups_in_all` groups. It shows `groups`."""

    groups: tuple[DigestedGroup, ...] = ()
    groups_in_all: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """An action with its reviews, oldest first. A second one is a successor, or it was asked again."""

    action: ActionRecord
    reviews: tuple[Review, ...] = ()
    frozen: Freeze | None = None
    """The freeze that keeps it from starting, whatever people decide."""
    asked_about: bool = False
    """Whether a person is asked if it happened: it was claimed, and never reported in time."""
    merged: bool = False
    """Whether this answers another, equal proposal, which was made while this one was open."""
    remembered: Review | None = None
    """The expired review of an earlier, equal action, with which this one was answered."""

    @property
    def review(self) -> Review | None:
        """The latest review."""
        return self.reviews[-1] if self.reviews else None

    @property
    def decided(self) -> Review | None:
        """The latest review that is closed."""
        return next((review for review in reversed(self.reviews) if not review.pending), None)

    @property
    def valid_until(self) -> Instant | None:
        """Until when it may be claimed; None if it may not."""
        if self.action.state is ActionState.APPROVED and self.review is not None:
            return self.review.valid_until
        if self.action.state is ActionState.PASSED:
            return self.action.passed_at + self.action.ruling.valid_for_s
        return None


@dataclass(frozen=True, slots=True)
class Clicked:
    """A message in Slack that somebody clicked."""

    channel_id: str
    ts: str


NOT_TOLD = Clicked("", "")
"""Sentinel: the clicked message is unknown."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run an action once.

    `key` is the idempotency key of the effect; `attempt` counts from 1. `repeated`: the caller made this
    claim before, and is given it again. `report_within_s` are the seconds that are left for its report.
    """

    key: str
    attempt: int
    action: ActionRecord
    report_within_s: float
    repeated: bool = False


class Verdict(StrEnum):
    """A person's answer about an action that started and never reported."""

    HAPPENED = "happened"
    DID_NOT = "did_not"
    """It did not happen, so it may run, or be proposed again."""
    LEFT = "left"
    """Nobody will find out: it stays unknown, and nobody is asked again."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """One *unknown* receipt: a claim that was not reported within its time. `number` counts from 1.

    It is open until a person says what happened, it is reported late, or the action is claimed again.
    """

    action_id: str
    number: int
    claimed_at: Instant
    noted_at: Instant
    closed_at: Instant | None = None
    verdict: Verdict | None = None
    said_by: str | None = None
    restored_from: Instant | None = None
    """The time of the backup since which it may have run; None if a claim was not reported."""

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to say what happened."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token: which agent it is and which Slack user answers for it. Never the token itself.

    An `operator`'s token stops and starts things. It belongs to no agent, and cannot propose, claim or vote.
    `acts_for` are Slack users who are told of what the agent does in their name.
    """

    id: str
    agent: str
    owner: str
    created_at: Instant
    revoked_at: Instant | None = None
    last_used_at: Instant | None = None
    operator: bool = False
    unconfirmed_since: Instant | None = None
    """Since when it is refused because the database was restored; None if it is good."""
    acts_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of a writer's chain. `body` is canonical JSON, as it was hashed."""

    writer: str
    seq: int
    at: Instant
    event: str
    action_id: str | None
    review_id: str | None
    body: bytes
    hash: str
