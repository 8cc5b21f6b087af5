"""The bodies that the API answers with, as the OpenAPI page shows them. Instants are UTC, RFC 3339."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.api import examples
from bot.domain.action import MAX_BYTES
from bot.domain.agent_steps import Next
from bot.domain.expiry import ExpiryReason
from bot.domain.ruling import AbsentDefault
from bot.domain.states import ActionState, Receipt, ReviewState, ThreadState


class FreezeAnswer(BaseModel):
    """A freeze."""

    id: str
    name: str
    why: str
    by: str
    since: datetime
    until: datetime | None


class FreezesAnswer(BaseModel):
    """Freezes."""

    freezes: list[FreezeAnswer]


class ReviewAnswer(BaseModel):
    """The action's latest review."""

    model_config = ConfigDict(extra="forbid")

    id: str
    state: ReviewState
    opened_at: datetime
    shown_at: datetime | None = Field(
        description="when it was first shown to somebody who may decide it: its window starts then"
    )
    expires_at: datetime | None = Field(
        description="when it expires. Before anybody is shown it, this is the latest possible time. "
        "null after a safe-halt: it waits without a window"
    )
    overdue_at: datetime | None = Field(description="when the window of a mandated sign-off passed")
    approvers: list[str] = Field(description="names from the policy")
    quorum: int
    approvals: int
    channel: str | None = Field(description="the channel of its card")
    if_nobody_answers: AbsentDefault
    if_nobody_answers_text: str


class ActionAnswer(BaseModel):
    """Where an action stands.

    `outcome` is the decision of people, or `expired`. `expired` is not a refusal by a person: `decided_by` is
    empty, and `outcome_reason` says whether nobody answered, too few approved in time, or nobody who may
    decide it was ever shown it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [examples.WAITING_ACTION]},
    )

    id: str
    kind: str
    reference: str | None = Field(description="the agent's own name for it")
    turn: str | None = Field(description="an id that the actions of one batch share")
    args_digest: str = Field(
        description="binds the outcome to exactly these arguments; send it with the claim"
    )
    tier: Literal[0, 1, 2, 3]
    tier_name: str
    rule: str = Field(description="the part of the policy that put it in this tier")
    reason: str
    policy_version: str
    state: ActionState
    message: str = Field(description="where the action stands, in words for a model")
    done: bool = Field(
        description="whether nothing more happens to it; a halted action can still be answered"
    )
    next: Next = Field(
        description="`claim`: it may start. `wait`: people, a thaw or the claimant's report come first. "
        "`stop`: there is nothing to do or to wait for"
    )
    may_start: bool = Field(description="whether a claim would succeed now")
    frozen: str | None = Field(description="the freeze that keeps it from starting, in a sentence")
    valid_until: datetime | None = Field(description="the last moment at which it may be claimed")
    outcome: Literal["approved", "rejected", "expired"] | None
    outcome_reason: ExpiryReason | None = Field(
        description="why it expired. `nobody_answered`; `quorum_short`: some approved, but too few; "
        "`never_shown`: Slack showed it to nobody who may decide it"
    )
    nobody_answered: bool = Field(
        description="whether it expired without any valid approval although people were shown it"
    )
    decided_by: list[str] = Field(description="Slack user ids")
    decided_at: datetime | None
    note: str | None = Field(description="the note of the person who decided it")
    remembers: str | None = Field(
        description="the earlier action whose rejection or expiry answered this one: nobody was asked again"
    )
    merged: bool = Field(
        description="whether this answers an equal proposal without a key, sent while the action was open: "
        "there is one claim and one effect"
    )
    receipt: Receipt | None = Field(description="what happened in the end")
    detail: str | None
    result: Any
    proposed_at: datetime
    settled_at: datetime | None
    review: ReviewAnswer | None


class BatchAnswer(BaseModel):
    """Where the actions of a batch stand, in its order."""

    model_config = ConfigDict(extra="forbid")

    actions: list[ActionAnswer]


class ActionLine(BaseModel):
    """One action of a list."""

    model_config = ConfigDict(extra="forbid")

    id: str
    kind: str
    tier: Literal[0, 1, 2, 3]
    state: ActionState
    done: bool
    next: Next
    outcome: Literal["approved", "rejected", "expired"] | None
    receipt: Receipt | None
    detail: str | None
    reference: str | None
    thread_id: str | None = Field(
        description="the hosted thread that it belongs to; only the thread starts it"
    )
    proposed_at: datetime
    expires_at: datetime | None = Field(description="when its open review expires")
    settled_at: datetime | None
    card: str | None = Field(description="a link to its latest card in Slack")


class ActionList(BaseModel):
    """Actions, the newest first."""

    model_config = ConfigDict(extra="forbid")

    actions: list[ActionLine]
    next_cursor: str | None = Field(
        description="ask again with the same filters and `cursor` set to this; null at the end"
    )
    next_before: str | None = Field(description="the same position as an id, for `before`; null at the end")


class ClaimAnswer(BaseModel):
    """The right to start the action, once."""

    model_config = ConfigDict(extra="forbid")

    id: str
    key: str = Field(
        description="the effect's idempotency key; pass it to the system that carries out the effect"
    )
    attempt: int
    repeated: bool = Field(
        description="whether this claim was given before, to you or to another process with your token"
    )
    kind: str
    args: dict[str, Any] = Field(
        description="the arguments that were ruled and shown; a redacted value reads `redacted`"
    )
    args_digest: str
    report_within_s: float = Field(description="seconds from now until its receipt becomes unknown")


class ThreadLine(BaseModel):
    """One thread of a list."""

    model_config = ConfigDict(extra="forbid")

    id: str
    graph: str
    graph_version: str
    state: ThreadState
    done: bool = Field(description="whether it has ended: finished, failed or gone")
    error: str | None
    on_behalf_of: str | None
    wanted_at: datetime
    settled_at: datetime | None


class ThreadList(BaseModel):
    """Threads, the newest first."""

    model_config = ConfigDict(extra="forbid")

    threads: list[ThreadLine]
    next_cursor: str | None = Field(
        description="ask again with the same filters and `cursor` set to this; null at the end"
    )


class ThreadAnswer(ThreadLine):
    """Where a hosted thread stands."""

    result: Any = Field(
        description="the finished graph's output as JSON, without the values that the policy redacts; null "
        "before. Messages are objects with `type` and `content`"
    )
    result_cut: bool = Field(
        description=f"whether the result was cut to {MAX_BYTES} bytes of JSON; a list keeps its end"
    )
    actions: list[ActionLine]


class HealthAnswer(BaseModel):
    """Whether the bot is alive, or ready to serve; and if not, why."""

    model_config = ConfigDict(extra="forbid")

    ok: bool
    problems: dict[str, str] = Field(description="what is wrong, by part", examples=[{"slack": "no socket"}])
    notes: dict[str, str] = Field(
        default_factory=dict,
        description="conditions that an operator should know about although the bot works",
        examples=[{"clock": "the machine's clock was ahead; deadlines moved back: 3 reviews"}],
    )
