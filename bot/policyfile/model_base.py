"""What the models of a policy file share: strictness, and lists of names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field

from bot.policyfile.fields import NoRepeats
from bot.policyfile.slack_ids import Name, UserId

Names = Annotated[list[Name], Field(min_length=1), NoRepeats]
Users = Annotated[list[UserId], Field(min_length=1)]


class PolicyModel(BaseModel):
    """A mapping in a policy file. Unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_alias=True)


def list_or(other: str) -> Discriminator:
    """Tell a list (tag `list`) from any other value (tag `other`)."""
    return Discriminator(lambda value: "list" if isinstance(value, list) else other)
