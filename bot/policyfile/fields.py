"""The types of single values in a policy file. Each error says how to correct the value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from bot.domain.action import KIND
from bot.domain.addresses import normal_entry
from bot.domain.durations import DURATION, read_duration
from bot.domain.escalation import Delay
from bot.domain.names import read_instant, read_path
from bot.domain.patterns import BadPattern, Patterns
from bot.domain.people import AGENT

MAX_DURATION_S = 365 * 86400.0

MAX_NUMBER = 2**53
"""The largest exact whole number in JSON."""

_SHARE = re.compile(r"(100|[0-9]{1,2})%")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_GRAPH = re.compile(r"[^\s,=][^\n,=]{0,199}")
_TOOL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")
_BEGINS_WITH_YEAR = re.compile(r"[0-9]{4}-")
_INSTANT_HINT = "write it with its offset, as 2026-01-05T09:00:00Z"
_TEXT_LIMIT = 300


def problem(what: str, hint: str = "") -> PydanticCustomError:
    """Return an error that describes the problem of a value and how to correct it."""
    return PydanticCustomError("policy", "{what}", {"what": what, "hint": hint})


def shown(value: Any) -> str:
    """Return a value for an error message, cut if it is long."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def duration(value: Any) -> float:
    """Convert a duration such as `90s`, `30m`, `4h` or `7d` to seconds."""
    seconds = read_duration(value) if isinstance(value, str) else None
    if seconds is None:
        raise problem(
            f"{shown(value)} is not a duration", "write it as 90s, 30m, 4h or 7d, without fractions"
        )
    if seconds > MAX_DURATION_S:
        raise problem(f"{value} is longer than a year", "at most 365d")
    return seconds


def delay(value: Any) -> Delay:
    """Convert the delay of a step: a duration, or a share of the window such as `25%`."""
    share = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if share:
        return Delay(share=int(share[1]) / 100)
    if not isinstance(value, str) or read_duration(value) is None:
        raise problem(
            f"{shown(value)} is not a time for a step", "write a share of the window, 25%, or 90s, 30m, 4h"
        )
    return Delay(seconds=duration(value))


def instant(value: Any) -> float:
    """Convert an instant with its offset, such as `2026-01-05T09:00:00Z`, to epoch seconds."""
    try:
        read = datetime.fromisoformat(value)
        if read.tzinfo is None:
            raise problem(f"{shown(value)} has no time zone", _INSTANT_HINT)
        return read.timestamp()
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, PydanticCustomError):
            raise
        raise problem(f"{shown(value)} is not an instant", _INSTANT_HINT) from None


def day(value: Any) -> date:
    """Convert a date such as `2026-06-01`."""
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise problem(f"{shown(value)} is not a date", "write it as 2026-06-01") from None


def number(value: Any) -> float | int:
    """Check a finite number. True and false are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise problem(f"{shown(value)} is not a number", "write it plainly, as 500 or 0.5")
    if abs(value) > MAX_NUMBER:
        raise problem(f"{shown(value)} is too large to be exact", "quote it if it is an id")
    return value


def scalar(value: Any) -> str | bool | int | float:
    """Check a text, a finite number, true or false."""
    if not isinstance(value, str | bool | int | float):
        raise problem("this takes one text, number, true or false", "for several values write in: [a, b]")
    return value if isinstance(value, str | bool) else number(value)


def of_shape(shape: re.Pattern[str], what: str, hint: str) -> Callable[[Any], str]:
    """Return a check that a value is a text of this shape; its error says that the value is not `what`."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or not shape.fullmatch(value):
            raise problem(f"{shown(value)} is not {what}", hint)
        return value

    return check


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise problem("a sentence is needed here", "write it for the person who reads the card")
    if len(value) > _TEXT_LIMIT:
        raise problem(f"{len(value)} characters", f"at most {_TEXT_LIMIT} are shown")
    return " ".join(value.split())


def _domain(value: Any) -> str:
    entry = normal_entry(value) if isinstance(value, str) else None
    if entry is None:
        raise problem(
            f"{shown(value)} is not a domain", "write acme.example, or *.acme.example for all below it"
        )
    return entry


def _directory(value: Any) -> str:
    path = read_path(value) if isinstance(value, str) else None
    if path is None:
        raise problem(
            f"{shown(value)} is not a directory in plain form",
            "write an absolute path such as /srv/prod, without .., // and patterns",
        )
    return path


def _bound(value: Any) -> float | int | str:
    """Check a number, or an instant as text."""
    if not isinstance(value, str) or not _BEGINS_WITH_YEAR.match(value):
        return number(value)
    if read_instant(value) is None:
        raise problem(f"{shown(value)} is not an instant", _INSTANT_HINT)
    return value


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise problem(f"{shown(value)} is not a pattern", 'write a text, as "*drop table*"')
    try:
        Patterns([value])
    except BadPattern as error:
        raise problem(str(error)) from None
    return value


def string_schema(pattern: str = "", example: str = "") -> WithJsonSchema:
    """Return the JSON schema of a text."""
    schema: dict[str, Any] = {"type": "string"}
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    if example:
        schema["examples"] = [example]
    return WithJsonSchema(schema)


def _no_repeats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    seen = set()
    for value in values:
        if value in seen:
            raise problem(f"{shown(value)} occurs twice in this list", "keep one of the two")
        seen.add(value)
    return values


NoRepeats = AfterValidator(_no_repeats)

Duration = Annotated[float, PlainValidator(duration), string_schema(DURATION.pattern, "30m")]
StepDelay = Annotated[
    Delay, PlainValidator(delay), string_schema(f"{DURATION.pattern}|{_SHARE.pattern}", "25%")
]
Instant = Annotated[float, PlainValidator(instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[date, PlainValidator(day), WithJsonSchema({"type": "string", "format": "date"})]
Number = Annotated[float | int, PlainValidator(number), WithJsonSchema({"type": "number"})]
Money = Annotated[Number, Field(ge=0)]
Scalar = Annotated[
    str | bool | int | float,
    PlainValidator(scalar),
    WithJsonSchema({"type": ["string", "boolean", "number"]}),
]
Text = Annotated[
    str, PlainValidator(_text), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 300})
]
Domain = Annotated[str, PlainValidator(_domain), string_schema(example="acme.example")]
Directory = Annotated[str, PlainValidator(_directory), string_schema(r"/.*", "/srv/prod")]
Bound = Annotated[
    float | int | str,
    PlainValidator(_bound),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]}),
]
Pattern = Annotated[str, PlainValidator(_pattern), string_schema(example="*drop table*")]
Argument = Annotated[
    str,
    PlainValidator(of_shape(_ARGUMENT, "the name of an argument", "write letters, digits, _ - and .")),
    string_schema(_ARGUMENT.pattern, "amount"),
]
KindName = Annotated[
    str,
    PlainValidator(of_shape(KIND, "an action kind", "write dotted words, as payment.refund")),
    string_schema(KIND.pattern, "payment.refund"),
]
Tool = Annotated[
    str,
    PlainValidator(
        of_shape(_TOOL, "the name of a tool", "write the name of the agent's tool, as delete_file")
    ),
    string_schema(_TOOL.pattern, "delete_file"),
]
AgentName = Annotated[
    str,
    PlainValidator(of_shape(AGENT, "the name of an agent", "write the name in its token, as refund-agent")),
    string_schema(AGENT.pattern, "refund-agent"),
]
GraphName = Annotated[
    str,
    PlainValidator(of_shape(_GRAPH, "the name of a graph", "write the name in MEMBRANE_GRAPHS, as refunds")),
    string_schema(_GRAPH.pattern, "refunds"),
]
ListRef = Annotated[
    str,
    PlainValidator(
        of_shape(re.compile(r"\$" + NAME.pattern), "a list", "write [a, b], or $name of one in lists")
    ),
    string_schema(r"\$" + NAME.pattern, "$partner_domains"),
]
ArgumentRef = Annotated[
    str,
    PlainValidator(
        of_shape(re.compile(r"\$" + _ARGUMENT.pattern), "a cost", "write a number of USD, or $argument")
    ),
    string_schema(r"\$" + _ARGUMENT.pattern, "$amount"),
]
