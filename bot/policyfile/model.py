"""The shape of a policy file, as pydantic models. The JSON Schema that editors use is made from these.

What one part says of another (a name that exists, a rule that can fire, a quorum that can be reached) is in
`checks.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from bot.domain.operators import ArgType
from bot.domain.policy_model import REPORT_WITHIN_S
from bot.domain.risk import COST_THRESHOLD_USD, BlastRadius
from bot.policyfile.fields import (
    AgentName,
    Argument,
    ArgumentRef,
    Bound,
    Day,
    Directory,
    Domain,
    Duration,
    GraphName,
    Instant,
    KindName,
    ListRef,
    Money,
    NoRepeats,
    Pattern,
    Scalar,
    StepDelay,
    Text,
    Tool,
    problem,
)
from bot.policyfile.slack_ids import Channel, Name, UserGroupId, UserId

Names = Annotated[list[Name], Field(min_length=1), NoRepeats]
Users = Annotated[list[UserId], Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_alias=True)


class RotationModel(_Model):
    """People who take turns."""

    users: Users
    every: Duration = Field(description="how long a turn is")
    start: Instant = Field(alias="from", description="when the first turn began, with its offset")


class PeopleModel(_Model):
    """People: exactly one of users, usergroup and rotation."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})
    users: Annotated[Users, NoRepeats] | None = Field(None, description="Slack user ids")
    usergroup: UserGroupId | None = Field(None, description="a Slack user group, asked when it matters")
    rotation: RotationModel | None = Field(None, description="whoever's turn it is: one person at a time")

    @model_validator(mode="after")
    def _one_of_three(self) -> PeopleModel:
        if len(self.model_fields_set) != 1:
            raise problem("people are named in one way", "keep one of users, usergroup and rotation")
        return self


def _list_or(other: str) -> Discriminator:
    return Discriminator(lambda value: "list" if isinstance(value, list) else other)


PeopleEntry = Annotated[
    Annotated[list[UserId], Field(min_length=1), NoRepeats, Tag("list")]
    | Annotated[PeopleModel, Tag("mapping")],
    _list_or("mapping"),
]


class StepModel(_Model):
    """One step of a chain: people to page, a channel to post to, or both."""

    after: StepDelay = Field(description="since the review opened: 90s, 30m, or a share of its window, 25%")
    page: Names | None = Field(None, description="names from people; a page is a direct message")
    post: Channel | None = None

    @model_validator(mode="after")
    def _reaches_somebody(self) -> StepModel:
        if self.page is None and self.post is None:
            raise problem("a step that reaches nobody", 'add page: [a-name] or post: "#a-channel"')
        return self


class RepeatModel(_Model):
    """What the chain does after its last step: page everybody again."""

    every: Duration
    times: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="how often; only a chain of mandated sign-offs may leave it out"
    )


class EscalationModel(_Model):
    """Whom to tell, in what order, while nobody answers."""

    steps: Annotated[list[StepModel], Field(min_length=1, max_length=20)]
    repeat: RepeatModel | None = None
    ack_for: Duration | None = Field(
        None, description='how long "I am on it" quiets the chain; 30m if left out'
    )


class DigestModel(_Model):
    """Tier 1: passes, and is looked at afterwards."""

    digest: Channel = Field(description="where the digest is posted")
    every: Duration


class GatedModel(_Model):
    """Tier 2 or 3: waits for a person."""

    channel: Channel
    approvers: Names
    quorum: Annotated[int, Field(ge=1, le=20)] = Field(1, description="how many distinct people must approve")
    expires_in: Duration = Field(description="the window: how long a review waits")
    escalation: Name


class TiersModel(_Model):
    """What holds at each tier. Tier 0 passes; there is nothing to set."""

    one: DigestModel = Field(alias="1")
    two: GatedModel = Field(alias="2")
    three: GatedModel = Field(alias="3")


def _item_type(kind: ArgType) -> ArgType:
    if kind is ArgType.LIST:
        raise problem("a list of lists has no type here", "write {type: list, of: object}, or flatten it")
    return kind


ItemType = Annotated[
    ArgType,
    Field(strict=False),
    AfterValidator(_item_type),
    WithJsonSchema({"enum": [kind.value for kind in ArgType if kind is not ArgType.LIST], "type": "string"}),
]


class ArgModel(_Model):
    """One argument of an action kind."""

    type: Annotated[ArgType, Field(strict=False)] = Field(
        description="email, url, hostname, path, identifier and datetime are texts of one strict form; "
        "what is not of that form is doubt: Tier 3"
    )
    of: ItemType | None = Field(None, description="of a list: the type of its items")
    required: bool = Field(True, description="a required argument that is missing is doubt: Tier 3")  # noqa: FBT003
    unit: Annotated[str, Field(min_length=1, max_length=20)] | None = Field(
        None, description="USD, for a cost"
    )
    describe: Text | None = Field(None, description="what it is, for whoever reads this file")

    @model_validator(mode="after")
    def _of_belongs_to_lists(self) -> ArgModel:
        if (self.type is ArgType.LIST) != (self.of is not None):
            raise problem(
                "a list says what its items are, and only a list does", "write {type: list, of: string}"
            )
        return self


ScalarList = Annotated[
    Annotated[list[Scalar], Tag("list")] | Annotated[ListRef, Tag("name")], _list_or("name")
]
DomainList = Annotated[
    Annotated[list[Domain], Tag("list")] | Annotated[ListRef, Tag("name")], _list_or("name")
]
DirectoryList = Annotated[
    Annotated[list[Directory], Field(min_length=1), Tag("list")]
    | Annotated[ListRef, Tag("name")]
    | Annotated[Directory, Tag("one")],
    Discriminator(
        lambda value: (
            "list"
            if isinstance(value, list)
            else "name"
            if isinstance(value, str) and value.startswith("$")
            else "one"
        )
    ),
]
Patterns = Annotated[
    Annotated[list[Pattern], Field(min_length=1, max_length=20), Tag("list")]
    | Annotated[Pattern, Tag("one")],
    _list_or("one"),
]
Part = Annotated[str, Field(min_length=1)]


class ItemConditionModel(_Model):
    """Operators on one value. All of them must hold."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    eq: Scalar | None = None
    ne: Scalar | None = None
    gt: Bound | None = None
    gte: Bound | None = None
    lt: Bound | None = None
    lte: Bound | None = None
    in_: ScalarList | None = Field(None, alias="in")
    not_in: ScalarList | None = None
    prefix: Part | None = None
    suffix: Part | None = None
    contains: Part | None = None
    matches: Patterns | None = Field(
        None, description="*, ? and [a-z] against the whole text, in either case"
    )
    domain_in: DomainList | None = Field(
        None, description="of an e-mail address, URL or host; *.x is all below x"
    )
    domain_not_in: DomainList | None = None
    under: DirectoryList | None = Field(
        None, description="the path is one of these directories or below one; for {type: path}"
    )
    not_under: DirectoryList | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ItemConditionModel:
        if not self.model_fields_set:
            raise problem("a condition without an operator", "write one, as {gt: 500}")
        return self


class ConditionModel(ItemConditionModel):
    """Operators on one argument. All of them must hold; a missing or ill-typed argument counts as matched."""

    exists: bool | None = None
    any_: ItemConditionModel | None = Field(
        None, alias="any", description="some item of the list; none if empty"
    )
    all_: ItemConditionModel | None = Field(
        None, alias="all", description="every item of the list, also if empty"
    )


class RaiseModel(_Model):
    """A rule that raises the tier. Rules never lower it, and their order does not matter."""

    id: Name
    to: Annotated[int, Field(ge=1, le=3)]
    when: Annotated[dict[Argument, ConditionModel], Field(min_length=1)]
    because: Text = Field(description="shown on the card")


class ReviewedModel(_Model):
    """Who answers for an action that is declared below Tier 3."""

    by: UserId
    on: Day
    why: Text


CostOrArgument = Annotated[
    Annotated[Money, Tag("number")] | Annotated[ArgumentRef, Tag("name")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "number"),
]


class RiskModel(_Model):
    """What the permeability key looks at."""

    reversible: bool = Field(description="by practice, not by technique: a sent mail has been read")
    blast_radius: Annotated[BlastRadius, Field(strict=False)]
    cost_usd: CostOrArgument | None = Field(None, description="a number, or $argument")


class ActionModel(_Model):
    """One action kind. Settings hold at its own tier; when it is raised, the higher tier's do."""

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
        description="arguments that nobody is shown and that are not kept, as card_number or customer.ssn",
    )
    raise_: list[RaiseModel] = Field(default_factory=list, alias="raise")
    tools: Annotated[list[Tool], NoRepeats] = Field(
        default_factory=list, description="tools that stand for this"
    )
    approvers: Names | None = None
    quorum: Annotated[int, Field(ge=1, le=20)] | None = None
    channel: Channel | None = None
    expires_in: Duration | None = None
    escalation: Name | None = None
    valid_for: Duration | None = Field(
        None, description="how long an approval is good for; the window if left out"
    )
    report_within: Duration | None = Field(
        None, description=f"after that a started action is unknown; {REPORT_WITHIN_S / 60:g}m if left out"
    )
    idempotent: bool = Field(False, description="may be run again with the same key")  # noqa: FBT003


class LimitsModel(_Model):
    """What keeps a flood of actions out of people's way."""

    open_per_agent: Annotated[int, Field(ge=1, le=10_000)] = Field(
        20, description="reviews of one agent that wait at once; those withdrawn within 10 minutes count too"
    )
    remember_rejection_for: Duration | None = Field(None, description="1h if left out")
    remember_expiry_for: Duration | None = Field(
        None,
        description="how long an expiry that people were shown answers the same action, unasked, and pages "
        "about what was withdrawn are not sent once more; 1h if left out",
    )
    threads_per_agent: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1000, description="threads of hosted graphs that one agent may have at once, until they end"
    )


class GraphModel(_Model):
    """One hosted graph."""

    agents: Annotated[list[AgentName], NoRepeats] = Field(
        description="names of the agents whose tokens may start its threads (POST /v1/threads)"
    )


class ChannelModel(_Model):
    """One Slack channel that the policy names."""

    allow_external: bool = Field(
        default=False,
        description="post arguments here though the channel is shared with another company (Slack Connect)",
    )


class PolicyFile(_Model):
    """A policy: which actions of agents a person must see, who that is, until when, and what happens then."""

    version: Literal[1]
    people: Annotated[dict[Name, PeopleEntry], Field(min_length=1)]
    escalations: Annotated[dict[Name, EscalationModel], Field(min_length=1)]
    lists: dict[Name, list[Scalar]] = Field(default_factory=dict)
    admins: Annotated[list[Name], NoRepeats] = Field(default_factory=list)
    admin_channel: Channel | None = Field(None, description="where admins are told of reloads and errors")
    cost_threshold_usd: Money = COST_THRESHOLD_USD
    strict: bool = Field(
        default=False,
        description="refuse kinds and arguments that do not fit `actions` at the door (422), unasked; "
        "if left out they are doubt: Tier 3",
    )
    limits: LimitsModel = Field(default_factory=LimitsModel)
    tiers: TiersModel
    tools: dict[Tool, KindName] = Field(default_factory=dict, description="tool name to action kind")
    actions: Annotated[dict[KindName, ActionModel], Field(min_length=1)]
    channels: dict[Channel, ChannelModel] = Field(
        default_factory=dict, description="what is special about a channel that the policy names elsewhere"
    )
    graphs: dict[GraphName, GraphModel] = Field(
        default_factory=dict,
        description="which agents may start which hosted graph; one that is not named nobody may start",
    )
