"""The shape of declared arguments, and of the conditions on them, in a policy file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

from bot.domain.operators import ArgType
from bot.policyfile.fields import Bound, Directory, Domain, ListRef, Pattern, Scalar, Text, problem
from bot.policyfile.model_base import PolicyModel, list_or


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


class ArgModel(PolicyModel):
    """One argument of an action kind."""

    type: Annotated[ArgType, Field(strict=False)] = Field(
        description="email, url, hostname, path, identifier and datetime are texts of one strict form; "
        "a value of another form is doubt: Tier 3"
    )
    of: ItemType | None = Field(None, description="of a list: the type of its items")
    required: bool = Field(True, description="a required argument that is missing is doubt: Tier 3")  # noqa: FBT003
    unit: Annotated[str, Field(min_length=1, max_length=20)] | None = Field(
        None, description="USD, for a cost"
    )
    describe: Text | None = Field(None, description="what it is, for readers of this file")

    @model_validator(mode="after")
    def _of_belongs_to_lists(self) -> ArgModel:
        if (self.type is ArgType.LIST) != (self.of is not None):
            raise problem(
                "a list, and only a list, declares the type of its items", "write {type: list, of: string}"
            )
        return self


ScalarList = Annotated[
    Annotated[list[Scalar], Tag("list")] | Annotated[ListRef, Tag("name")], list_or("name")
]
DomainList = Annotated[
    Annotated[list[Domain], Tag("list")] | Annotated[ListRef, Tag("name")], list_or("name")
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
    list_or("one"),
]
Part = Annotated[str, Field(min_length=1)]


class ItemConditionModel(PolicyModel):
    """Operators on one value. All must hold."""

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
        None, description="the domain of an e-mail address, URL or host; *.x is every subdomain of x"
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
    """Operators on one argument. All must hold; a missing or ill-typed argument counts as matched."""

    exists: bool | None = None
    any_: ItemConditionModel | None = Field(
        None, alias="any", description="some item of the list; none if empty"
    )
    all_: ItemConditionModel | None = Field(
        None, alias="all", description="every item of the list, also if empty"
    )
