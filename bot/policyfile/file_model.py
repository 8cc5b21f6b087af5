"""The shape of a whole policy file. The JSON Schema that editors use is made from these models.

Relations between parts (a name that exists, a rule that can fire, a quorum that can be reached) are checked
in `cross_checks.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.domain.risk import COST_THRESHOLD_USD
from bot.policyfile.action_model import ActionModel
from bot.policyfile.fields import AgentName, Duration, GraphName, KindName, Money, NoRepeats, Scalar, Tool
from bot.policyfile.model_base import Names, PolicyModel
from bot.policyfile.people_model import EscalationModel, PeopleEntry
from bot.policyfile.slack_ids import Channel, Name


class DigestModel(PolicyModel):
    """Tier 1: passes, and is reviewed afterwards."""

    digest: Channel = Field(description="where the digest is posted")
    every: Duration


class GatedModel(PolicyModel):
    """Tier 2 or 3: waits for a person."""

    channel: Channel
    approvers: Names
    quorum: Annotated[int, Field(ge=1, le=20)] = Field(1, description="how many distinct people must approve")
    expires_in: Duration = Field(description="the window: how long a review waits")
    escalation: Name


class TiersModel(PolicyModel):
    """The settings of each tier. Tier 0 passes and has no settings."""

    one: DigestModel = Field(alias="1")
    two: GatedModel = Field(alias="2")
    three: GatedModel = Field(alias="3")


class LimitsModel(PolicyModel):
    """Limits against a flood of actions."""

    open_per_agent: Annotated[int, Field(ge=1, le=10_000)] = Field(
        20, description="open reviews of one agent; those withdrawn within 10 minutes count too"
    )
    remember_rejection_for: Duration | None = Field(None, description="1h if omitted")
    remember_expiry_for: Duration | None = Field(
        None,
        description="how long an expiry that people were shown answers the same action without asking again, "
        "and how long pages about a withdrawn action are not repeated; 1h if omitted",
    )
    threads_per_agent: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1000, description="unfinished threads of hosted graphs that one agent may have"
    )


class GraphModel(PolicyModel):
    """One hosted graph."""

    agents: Annotated[list[AgentName], NoRepeats] = Field(
        description="agents whose tokens may start its threads (POST /v1/threads)"
    )


class ChannelModel(PolicyModel):
    """One Slack channel of the policy."""

    allow_external: bool = Field(
        default=False,
        description="post arguments here even if the channel is shared with another company (Slack Connect)",
    )


class PolicyFile(PolicyModel):
    """A policy: which actions a person must see, which person, until when, and what happens then."""

    version: Literal[1]
    people: Annotated[dict[Name, PeopleEntry], Field(min_length=1)]
    escalations: Annotated[dict[Name, EscalationModel], Field(min_length=1)]
    lists: dict[Name, list[Scalar]] = Field(default_factory=dict)
    admins: Annotated[list[Name], NoRepeats] = Field(default_factory=list)
    admin_channel: Channel | None = Field(None, description="where admins are told about reloads and errors")
    cost_threshold_usd: Money = COST_THRESHOLD_USD
    strict: bool = Field(
        default=False,
        description="refuse kinds and arguments that do not fit `actions` with 422, without asking anybody; "
        "if false they are doubt: Tier 3",
    )
    limits: LimitsModel = Field(default_factory=LimitsModel)
    tiers: TiersModel
    tools: dict[Tool, KindName] = Field(default_factory=dict, description="tool name to action kind")
    actions: Annotated[dict[KindName, ActionModel], Field(min_length=1)]
    channels: dict[Channel, ChannelModel] = Field(
        default_factory=dict, description="settings of channels that the policy names elsewhere"
    )
    graphs: dict[GraphName, GraphModel] = Field(
        default_factory=dict,
        description="which agents may start which hosted graph; nobody may start a graph that is not listed",
    )
