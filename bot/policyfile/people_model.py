"""The shape of `people` and `escalations` in a policy file."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, Tag, model_validator

from bot.policyfile.fields import Duration, Instant, NoRepeats, StepDelay, problem
from bot.policyfile.model_base import Names, PolicyModel, Users, list_or
from bot.policyfile.slack_ids import Channel, UserGroupId, UserId


class RotationModel(PolicyModel):
    """People who take turns."""

    users: Users
    every: Duration = Field(description="how long a turn is")
    start: Instant = Field(alias="from", description="when the first turn began, with its offset")


class PeopleModel(PolicyModel):
    """People: exactly one of users, usergroup and rotation."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})
    users: Annotated[Users, NoRepeats] | None = Field(None, description="Slack user ids")
    usergroup: UserGroupId | None = Field(
        None, description="a Slack user group; its members are looked up when needed"
    )
    rotation: RotationModel | None = Field(None, description="people in turn: one person at a time")

    @model_validator(mode="after")
    def _one_of_three(self) -> PeopleModel:
        if len(self.model_fields_set) != 1:
            raise problem("people are given in exactly one way", "keep one of users, usergroup and rotation")
        return self


PeopleEntry = Annotated[
    Annotated[list[UserId], Field(min_length=1), NoRepeats, Tag("list")]
    | Annotated[PeopleModel, Tag("mapping")],
    list_or("mapping"),
]


class StepModel(PolicyModel):
    """One step of a chain: people to page, a channel to post to, or both."""

    after: StepDelay = Field(description="since the review opened: 90s, 30m, or a share of its window, 25%")
    page: Names | None = Field(None, description="names from people; a page is a direct message")
    post: Channel | None = None

    @model_validator(mode="after")
    def _reaches_somebody(self) -> StepModel:
        if self.page is None and self.post is None:
            raise problem("a step that reaches nobody", 'add page: [a-name] or post: "#a-channel"')
        return self


class RepeatModel(PolicyModel):
    """After its last step, the chain pages everybody again."""

    every: Duration
    times: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="how often; only a chain of mandated sign-offs may omit it"
    )


class EscalationModel(PolicyModel):
    """Whom to page, in which order, while nobody answers."""

    steps: Annotated[list[StepModel], Field(min_length=1, max_length=20)]
    repeat: RepeatModel | None = None
    ack_for: Duration | None = Field(
        None, description='how long "I am on it" quiets the chain; 30m if left out'
    )
