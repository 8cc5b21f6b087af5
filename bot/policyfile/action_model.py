"""The shape of one action kind in a policy file: its risk, rules and settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from bot.domain.policy_model import REPORT_WITHIN_S
from bot.domain.risk import BlastRadius
from bot.policyfile.condition_model import ArgModel, ConditionModel
from bot.policyfile.fields import Argument, ArgumentRef, Day, Duration, Money, NoRepeats, Text, Tool
from bot.policyfile.model_base import Names, PolicyModel
from bot.policyfile.slack_ids import Channel, Name, UserId


class RaiseModel(PolicyModel):
    """A rule that raises the tier. Rules never lower it, and their order does not matter."""

    id: Name
    to: Annotated[int, Field(ge=1, le=3)]
    when: Annotated[dict[Argument, ConditionModel], Field(min_length=1)]
    because: Text = Field(description="shown on the card")


class ReviewedModel(PolicyModel):
    """The person who answers for declaring an action below Tier 3."""

    by: UserId
    on: Day
    why: Text


CostOrArgument = Annotated[
    Annotated[Money, Tag("number")] | Annotated[ArgumentRef, Tag("name")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "number"),
]


class RiskModel(PolicyModel):
    """The input of the permeability key."""

    reversible: bool = Field(description="by practice, not by technique: a sent mail has been read")
    blast_radius: Annotated[BlastRadius, Field(strict=False)]
    cost_usd: CostOrArgument | None = Field(None, description="a number, or $argument")


class ActionModel(PolicyModel):
    """One action kind. Its settings hold at its own tier; when raised, the higher tier's settings hold."""

    risk: RiskModel
    reviewed: ReviewedModel | None = Field(None, description="needed below Tier 3")
    tier: Annotated[int, Field(ge=1, le=3)] | None = Field(
        None, description="at least this; never below the risk's"
    )
    sign_off: Literal["mandated"] | None = Field(None, description="Tier 3 only: waits until a person acts")
    args: dict[Argument, ArgModel] | None = Field(
        None, description="if given, any other argument is doubt: Tier 3"
    )
    more_args: bool = Field(False, description="allow arguments that are not declared")  # noqa: FBT003
    redact: Annotated[list[Argument], NoRepeats] = Field(
        default_factory=list,
        description="arguments that are neither shown nor stored, as card_number or customer.ssn",
    )
    raise_: list[RaiseModel] = Field(default_factory=list, alias="raise")
    tools: Annotated[list[Tool], NoRepeats] = Field(default_factory=list, description="tools of this kind")
    approvers: Names | None = None
    quorum: Annotated[int, Field(ge=1, le=20)] | None = None
    channel: Channel | None = None
    expires_in: Duration | None = None
    escalation: Name | None = None
    valid_for: Duration | None = Field(
        None, description="how long an approval is valid; the window if omitted"
    )
    report_within: Duration | None = Field(
        None, description=f"after that a started action is unknown; {REPORT_WITHIN_S / 60:g}m if omitted"
    )
    idempotent: bool = Field(False, description="may be run again with the same key")  # noqa: FBT003
