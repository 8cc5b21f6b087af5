"""The operators of conditions, the types of arguments, and which operator judges which type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Scalar = str | bool | int | float


class Op(StrEnum):
    """The operators: all there are."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    NOT_IN = "not_in"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"
    MATCHES = "matches"
    """A pattern of `*`, `?` and `[a-z]` (see patterns.py) against the whole text; of several, any one."""
    DOMAIN_IN = "domain_in"
    """The domain of an address, URL or host is listed. `acme.example` is that domain alone,
    `*.acme.example` everything below it."""
    DOMAIN_NOT_IN = "domain_not_in"
    UNDER = "under"
    """The path is one of the directories, or below one. A path above one holds it, and is doubt."""
    NOT_UNDER = "not_under"
    EXISTS = "exists"
    ANY = "any"
    """Some item of the list meets the operators. In an empty list there is none: not matched."""
    ALL = "all"
    """Every item of the list meets the operators. Of an empty list that is true: matched."""


class ArgType(StrEnum):
    """What an argument can be declared as. Each text type has one grammar; see readings.py."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "list"
    OBJECT = "object"
    EMAIL = "email"
    URL = "url"
    HOSTNAME = "hostname"
    PATH = "path"
    IDENTIFIER = "identifier"
    DATETIME = "datetime"


DOMAIN_OPS = frozenset({Op.DOMAIN_IN, Op.DOMAIN_NOT_IN})
PATH_OPS = frozenset({Op.UNDER, Op.NOT_UNDER})
ORDER_OPS = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})
EQUALITY_OPS = frozenset({Op.EQ, Op.NE, Op.IN, Op.NOT_IN})
_PIECES = frozenset({Op.PREFIX, Op.SUFFIX, Op.CONTAINS})
_ADDRESS = EQUALITY_OPS | DOMAIN_OPS | {Op.MATCHES, Op.EXISTS}

OPS_OF: Mapping[ArgType, frozenset[Op]] = {
    ArgType.STRING: EQUALITY_OPS | _PIECES | DOMAIN_OPS | {Op.MATCHES, Op.EXISTS},
    ArgType.NUMBER: EQUALITY_OPS | ORDER_OPS | {Op.EXISTS},
    ArgType.INTEGER: EQUALITY_OPS | ORDER_OPS | {Op.EXISTS},
    ArgType.BOOLEAN: frozenset({Op.EQ, Op.NE, Op.EXISTS}),
    ArgType.LIST: frozenset({Op.ANY, Op.ALL, Op.EXISTS}),
    ArgType.OBJECT: frozenset({Op.EXISTS}),
    ArgType.EMAIL: _ADDRESS,
    ArgType.URL: _ADDRESS,
    ArgType.HOSTNAME: _ADDRESS,
    ArgType.PATH: EQUALITY_OPS | PATH_OPS | {Op.MATCHES, Op.EXISTS},
    ArgType.IDENTIFIER: EQUALITY_OPS | {Op.MATCHES, Op.EXISTS},
    ArgType.DATETIME: frozenset({Op.EQ, Op.NE, Op.EXISTS}) | ORDER_OPS,
}
"""Which operators can judge an argument of a type."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator and what it compares with.

    `operand` is a scalar; a tuple of scalars (`in`, `not_in`, `matches`, the domains, normal already, and
    the directories); or, for `any` and `all`, a tuple of conditions of one item. `list_name` is the policy's
    list it came from.
    """

    op: Op
    operand: Scalar | tuple[Scalar, ...] | tuple[Condition, ...]
    list_name: str | None = None

    @property
    def inner(self) -> tuple[Condition, ...]:
        """The conditions of one item, of `any` and `all`."""
        return tuple(each for each in self.operands if isinstance(each, Condition))

    @property
    def texts(self) -> tuple[str, ...]:
        """The operands that are texts."""
        return tuple(each for each in self.operands if isinstance(each, str))

    @property
    def operands(self) -> tuple[Scalar | Condition, ...]:
        """The operand as a tuple, also if it is one value."""
        return self.operand if isinstance(self.operand, tuple) else (self.operand,)


@dataclass(frozen=True, slots=True)
class Arg:
    """The declaration of an argument; `of` is the type of a list's items."""

    type: ArgType
    of: ArgType | None = None
    required: bool = True
    unit: str | None = None
