"""The bodies that agents and operators send, as the OpenAPI page shows them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.api import examples
from bot.api.field_types import IdempotencyKey, Instant, Label, SlackUser
from bot.domain.action import KIND, MAX_BYTES, MAX_DESCRIPTION
from bot.domain.risk import BlastRadius, Risk
from bot.membrane.reports import MAX_DETAIL

MOST_BATCH = 50
"""Actions that one request may propose together."""


class _Request(BaseModel):
    """Base of all requests. An unknown field is an error: a misspelt one would silently do nothing."""

    model_config = ConfigDict(extra="forbid")


class RiskHint(_Request):
    """The agent's own view of the risk. It can only raise the tier."""

    reversible: bool
    blast_radius: Literal["low", "medium", "high"]
    cost_usd: float = Field(0.0, ge=0, allow_inf_nan=False)

    def risk(self) -> Risk:
        """Return the hint in the policy's own type."""
        return Risk(self.reversible, BlastRadius(self.blast_radius), self.cost_usd)


class Proposal(_Request):
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
        pattern=f"^{KIND.pattern}$",
        description="dotted words; a kind that the policy does not name is Tier 3",
    )
    args: dict[str, Any] = Field(
        default_factory=dict, description=f"the arguments; at most {MAX_BYTES} bytes of JSON"
    )
    on_behalf_of: SlackUser | None = Field(
        None, description="the Slack user whom the action is for; they cannot vote on it"
    )
    description: str | None = Field(
        None,
        max_length=MAX_DESCRIPTION,
        description="the agent's own words; cards show them as such, the policy ignores them",
    )
    risk: RiskHint | None = None
    reference: Label | None = Field(
        None,
        description="your own name for it: a session, a run, a call. Cards show it; lists can filter by it",
    )
    idempotency_key: IdempotencyKey | None = None


class Batch(_Request):
    """The actions that an agent wants to do in one turn."""

    actions: list[Proposal] = Field(
        min_length=1, max_length=MOST_BATCH, description="each may have its own `idempotency_key`"
    )


class ClaimRequest(_Request):
    """A request to start an action now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"args_digest": examples.ARGS_DIGEST}]})

    args_digest: str = Field(max_length=128, description="from the answer to the proposal")
    args: dict[str, Any] | None = Field(
        None,
        description="the arguments that were proposed. Needed only if the policy redacts some and has "
        "changed since: without them the action cannot be ruled again, and people are asked",
    )
    rerun: bool = Field(
        default=False,
        description="run an effect again that was claimed and never reported; only for kinds that the "
        "policy declares idempotent",
    )
    claimant: Label | None = Field(
        None,
        description="the name of this process. Until the effect is reported, the same token, digest and "
        "claimant get the same claim again. Processes that share a token need different names, so that "
        "only one of them starts the effect",
    )


class Report(_Request):
    """What happened to a claimed action."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"receipt": "executed", "result": {"refund_id": "re_91"}}]}
    )

    receipt: Literal["executed", "failed"]
    detail: str | None = Field(None, max_length=MAX_DETAIL, description="the error, if it failed")
    result: Any = Field(None, description=f"plain JSON, at most {MAX_BYTES} bytes")


class Withdrawal(_Request):
    """Why an action or a thread is withdrawn."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"why": "the order was cancelled"}]})

    why: str = Field(min_length=1, max_length=MAX_DETAIL)


class ThreadRequest(_Request):
    """A request to start a thread of a hosted graph."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"graph": "refunds", "input": {"order": 1042}}]}
    )

    graph: str = Field(min_length=1, max_length=200, description="the graph's name in MEMBRANE_GRAPHS")
    input: dict[str, Any] = Field(default_factory=dict, description="the graph's input")
    on_behalf_of: SlackUser | None = None
    idempotency_key: IdempotencyKey | None = None


class FreezeRequest(_Request):
    """A request to freeze an agent, a kind, a graph or everything."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "payment.refund", "why": "the ledger is wrong"}]}
    )

    name: str = Field(
        min_length=1, max_length=200, description="the name of an agent, a kind or a graph; or `all`"
    )
    why: str = Field(min_length=1, max_length=500, description="shown to agents, reviewers and admins")
    until: Instant | None = Field(None, description="when it ends by itself; null: it lasts until the thaw")


class ThawRequest(_Request):
    """A request to end every freeze of a name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "payment.refund"}]})

    name: str = Field(min_length=1, max_length=200)
