"""What agents send and what they are told, as the OpenAPI page shows it. Instants are UTC, RFC 3339."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from bot.domain.action import KIND, MAX_BYTES, MAX_DESCRIPTION
from bot.domain.expiry import ExpiryReason
from bot.domain.following import Next
from bot.domain.labels import MOST_LABEL, PATTERN, what_is_wrong
from bot.domain.people import USER_ID
from bot.domain.review import ActionState, Receipt, ReviewState
from bot.domain.risk import BlastRadius, Risk
from bot.domain.ruling import AbsentDefault
from bot.membrane.claims import MAX_DETAIL

MOST_BATCH = 50
"""Actions that one request may propose together."""
EXAMPLE_ID = "act_019c8f3a2b4d5e6f708192a3b4c"
EXAMPLE_DIGEST = "2.1f0c9a3b." + "6f1c" * 16

SlackUser = Annotated[str, Field(pattern=f"^{USER_ID.pattern}$", examples=["U0AAA"])]


def _label(value: str) -> str:
    if (wrong := what_is_wrong(value)) is not None:
        raise ValueError(wrong)
    return value


Label = Annotated[
    str,
    AfterValidator(_label),
    Field(json_schema_extra={"minLength": 1, "maxLength": MOST_LABEL, "pattern": PATTERN}),
]
"""Printable text of any script, as `bot.domain.labels` has it."""
IdempotencyKey = Annotated[
    Label,
    Field(
        description="the same key and action again returns what the first did; printable text of any script, "
        f"at most {MOST_LABEL} characters, compared as it is"
    ),
]


def _instant(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value  # pydantic says what is wrong with it


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
"""An instant with its offset, RFC 3339, as JSON writes it: a text."""


class _Asked(BaseModel):
    """A request. An unknown field is an error: misspelt, it would silently do nothing."""

    model_config = ConfigDict(extra="forbid")


class RiskHint(_Asked):
    """The agent's own view of the risk. It can only raise the tier."""

    reversible: bool
    blast_radius: Literal["low", "medium", "high"]
    cost_usd: float = Field(0.0, ge=0, allow_inf_nan=False)

    def risk(self) -> Risk:
        """Return it as the policy takes it."""
        return Risk(self.reversible, BlastRadius(self.blast_radius), self.cost_usd)


class Proposal(_Asked):
    """An action that an agent wants to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "payment.refund",
                    "args": {"amount": 900, "recipient": "sam@acme.example"},
                    "on_behalf_of": "U0AAA",
                    "description": "Refund order 1042, which arrived broken.",
                    "idempotency_key": "order-1042-refund",
                }
            ]
        }
    )

    kind: str = Field(
        pattern=f"^{KIND.pattern}$", description="dotted words; one the policy does not name is Tier 3"
    )
    args: dict[str, Any] = Field(
        default_factory=dict, description=f"what the action is done with; at most {MAX_BYTES} bytes of JSON"
    )
    on_behalf_of: SlackUser | None = Field(
        None, description="the Slack user in whose name it is done; they cannot vote on it"
    )
    description: str | None = Field(
        None, max_length=MAX_DESCRIPTION, description="the agent's own words; shown as such, never ruled on"
    )
    risk: RiskHint | None = None
    reference: Label | None = Field(
        None,
        description="what you call it: a session, a run, a call. People see it; lists can be asked for it",
    )
    idempotency_key: IdempotencyKey | None = None


class Batch(_Asked):
    """The actions that an agent wants to do in one turn."""

    actions: list[Proposal] = Field(
        min_length=1, max_length=MOST_BATCH, description="each with an `idempotency_key` of its own, if any"
    )


class ClaimRequest(_Asked):
    """The wish to start an action now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"args_digest": EXAMPLE_DIGEST}]})

    args_digest: str = Field(max_length=128, description="as the proposal's answer had it")
    args: dict[str, Any] | None = Field(
        None,
        description="the arguments as they were proposed; needed only where the policy redacts some and was "
        "changed since, as what cannot be judged again is asked about",
    )
    rerun: bool = Field(
        default=False,
        description="run an effect again that was claimed and never reported; only for kinds that the "
        "policy calls idempotent",
    )
    claimant: Label | None = Field(
        None,
        description="what this process calls itself. Until the effect is reported, the same token, digest "
        "and claimant get the same claim again. Processes that share a token give themselves different "
        "names, so that one of them starts the effect",
    )


class Report(_Asked):
    """What became of a claimed action."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"receipt": "executed", "result": {"refund_id": "re_91"}}]}
    )

    receipt: Literal["executed", "failed"]
    detail: str | None = Field(None, max_length=MAX_DETAIL, description="the error, where it failed")
    result: Any = Field(None, description=f"plain JSON, at most {MAX_BYTES} bytes")


class Withdrawal(_Asked):
    """Why an action, or a thread, is taken back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"why": "the order was cancelled"}]})

    why: str = Field(min_length=1, max_length=MAX_DETAIL)


class ThreadRequest(_Asked):
    """The wish to start a thread of a hosted graph."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"graph": "refunds", "input": {"order": 1042}}]}
    )

    graph: str = Field(min_length=1, max_length=200, description="the name that the operator gave it")
    input: dict[str, Any] = Field(default_factory=dict, description="the graph's input")
    on_behalf_of: SlackUser | None = None
    idempotency_key: IdempotencyKey | None = None


class FreezeRequest(_Asked):
    """The wish to stop something."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "payment.refund", "why": "the ledger is wrong"}]}
    )

    name: str = Field(min_length=1, max_length=200, description="of an agent, a kind or a graph; or `all`")
    why: str = Field(min_length=1, max_length=500, description="agents, reviewers and admins read it")
    until: Instant | None = Field(None, description="when it ends by itself; null: at the thaw")


class ThawRequest(_Asked):
    """The wish to end every freeze of a name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "payment.refund"}]})

    name: str = Field(min_length=1, max_length=200)


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
    """The question that people are asked about the action; the latest one."""

    model_config = ConfigDict(extra="forbid")

    id: str
    state: ReviewState
    opened_at: datetime
    shown_at: datetime | None = Field(
        description="when it was first shown to somebody who may decide it: its window starts then"
    )
    expires_at: datetime | None = Field(
        description="when it expires, fixed once it is shown; before, the latest time that this can be. "
        "null after a safe-halt: it waits without a window"
    )
    overdue_at: datetime | None = Field(description="when the window of a mandated sign-off passed")
    approvers: list[str] = Field(description="names from the policy")
    quorum: int
    approvals: int
    channel: str | None = Field(description="where its card is")
    if_nobody_answers: AbsentDefault
    if_nobody_answers_text: str


class ActionAnswer(BaseModel):
    """Where an action stands.

    `outcome` is what people, or the window, made of it. `expired` is not a refusal by a person, and
    `decided_by` then is empty; `outcome_reason` says whether nobody answered, too few approved in time, or
    nobody who may decide it was ever shown it.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": EXAMPLE_ID,
                    "kind": "payment.refund",
                    "reference": "run-8121",
                    "turn": None,
                    "args_digest": EXAMPLE_DIGEST,
                    "tier": 3,
                    "tier_name": "sync approval",
                    "rule": "large-refund",
                    "reason": "large refunds need two people",
                    "policy_version": "sha256:9b2e",
                    "state": "waiting",
                    "message": "It waits for release-leads (0 of 2 approvals).",
                    "done": False,
                    "next": "wait",
                    "may_start": False,
                    "frozen": None,
                    "valid_until": None,
                    "outcome": None,
                    "outcome_reason": None,
                    "nobody_answered": False,
                    "decided_by": [],
                    "decided_at": None,
                    "note": None,
                    "remembers": None,
                    "merged": False,
                    "receipt": None,
                    "detail": None,
                    "result": None,
                    "proposed_at": "2026-11-03T09:12:44Z",
                    "settled_at": None,
                    "review": {
                        "id": "rev_019c8f3a2b4d5e6f708192a3b4d",
                        "state": "pending",
                        "opened_at": "2026-11-03T09:12:44Z",
                        "shown_at": "2026-11-03T09:12:46Z",
                        "expires_at": "2026-11-03T09:42:46Z",
                        "overdue_at": None,
                        "approvers": ["release-leads"],
                        "quorum": 2,
                        "approvals": 0,
                        "channel": "#agent-approvals",
                        "if_nobody_answers": "abort",
                        "if_nobody_answers_text": "it is aborted and does not run",
                    },
                }
            ]
        },
    )

    id: str
    kind: str
    reference: str | None = Field(description="what its agent calls it")
    turn: str | None = Field(description="the same for actions that one request proposed together")
    args_digest: str = Field(description="binds the answer to exactly these arguments; claim with it")
    tier: Literal[0, 1, 2, 3]
    tier_name: str
    rule: str = Field(description="what in the policy put it in this tier")
    reason: str
    policy_version: str
    state: ActionState
    message: str = Field(description="how it stands, in words that a model can be told")
    done: bool = Field(description="whether nothing more comes of it; a halted one can still be answered")
    next: Next = Field(
        description="`claim`: it may start. `wait`: for people, the thaw, or the report of who claimed it. "
        "`stop`: there is nothing to do or to wait for"
    )
    may_start: bool = Field(description="whether a claim would succeed now")
    frozen: str | None = Field(description="the freeze that keeps it from starting, in a sentence")
    valid_until: datetime | None = Field(description="until when it may be claimed")
    outcome: Literal["approved", "rejected", "expired"] | None
    outcome_reason: ExpiryReason | None = Field(
        description="why it expired: `nobody_answered`; `quorum_short` where some approved, and too few; "
        "`never_shown` where Slack showed it to nobody who may decide it"
    )
    nobody_answered: bool = Field(
        description="whether it expired without a single approval that counts, though people were shown it"
    )
    decided_by: list[str] = Field(description="Slack user ids")
    decided_at: datetime | None
    note: str | None = Field(description="what the person who decided it said")
    remembers: str | None = Field(
        description="the earlier action whose rejection or expiry answered this one: nobody was asked again"
    )
    merged: bool = Field(
        description="whether it answers an equal proposal without a key, made while this one was open: "
        "there is one claim and one effect"
    )
    receipt: Receipt | None = Field(description="what happened to it in the end")
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
    thread_id: str | None = Field(description="the hosted thread that it belongs to, and that starts it")
    proposed_at: datetime
    expires_at: datetime | None = Field(description="when the review that waits expires")
    settled_at: datetime | None
    card: str | None = Field(description="the link to its latest card in Slack")


class ActionList(BaseModel):
    """Actions, the newest first."""

    model_config = ConfigDict(extra="forbid")

    actions: list[ActionLine]
    next_cursor: str | None = Field(
        description="ask again with the same filters and `cursor` set to this; null at the end"
    )
    next_before: str | None = Field(description="the same as an id, for `before`; null at the end")


class ClaimAnswer(BaseModel):
    """The right to start the action, once."""

    model_config = ConfigDict(extra="forbid")

    id: str
    key: str = Field(description="the effect's idempotency key; hand it to whoever carries out the effect")
    attempt: int
    repeated: bool = Field(
        description="whether this claim was given before: you ask again, or another process of your token did"
    )
    kind: str
    args: dict[str, Any] = Field(
        description="what was ruled and shown; what the policy redacts stands here as `redacted`"
    )
    args_digest: str
    report_within_s: float = Field(description="seconds from now, after which its receipt is unknown")


class ThreadLine(BaseModel):
    """One thread of a list."""

    model_config = ConfigDict(extra="forbid")

    id: str
    graph: str
    graph_version: str
    state: Literal["wanted", "running", "parked", "stalled", "finished", "failed", "gone"]
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
        description="what its graph gave out when it finished, as JSON, without what the policy redacts of "
        "its actions; null before. Messages are objects with `type` and `content`"
    )
    result_cut: bool = Field(
        description=f"whether the result was longer than {MAX_BYTES} bytes of JSON; the end of a list stays"
    )
    actions: list[ActionLine]


class HealthAnswer(BaseModel):
    """Whether the bot lives, or can serve; and if not, why."""

    model_config = ConfigDict(extra="forbid")

    ok: bool
    problems: dict[str, str] = Field(description="what is wrong, by part", examples=[{"slack": "no socket"}])
    notes: dict[str, str] = Field(
        default_factory=dict,
        description="what an operator should know of, though it keeps the bot from nothing",
        examples=[{"clock": "the machine's clock was ahead; pulled back to its window: 3 reviews"}],
    )
