"""A tool's arguments as its schema reads them, with defaults: this form is ruled, shown and compared.

A model's `{"amount": "9e2"}` runs as `amount=900.0, currency="USD"`. Both the gate and the guard read a call
with `read_args`, so the call that a person saw and the call that starts are compared in one form. Values that
LangGraph injects (state, store, runtime, call id) are left out, because they are not arguments of the call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

import orjson
from langchain_core.tools import BaseTool
from langgraph.prebuilt.tool_node import ToolInvocationError
from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError, create_model
from pydantic.v1 import BaseModel as BaseModelV1

from bot.errors import BadAction

MAX_DEPTH = 64
"""Nesting levels that are read. An action's own limit is lower and has the better error."""
_VARIADIC = {"args", "kwargs"}
"""Fields for *args and **kwargs in a schema made from a function; LangChain never passes them."""


class Unfit(BadAction):
    """The tool's schema refuses the arguments. The text is the one that a ToolNode gives the model."""


def read_args(tool: BaseTool, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a tool would run with, as plain JSON.

    Raises Unfit if the schema refuses them, and BadAction if they have no exact form: a value of a type that
    JSON cannot hold, or one that reads differently each time.
    """
    first = _read(tool, given)
    if first != _read(tool, given):
        raise BadAction(
            f"the arguments of {tool.name} read differently each time, because a default or a validator "
            "makes a new value; make it an argument that is required, or make the value inside the tool"
        )
    return first


def read_text(tool: BaseTool, text: str) -> dict[str, Any]:
    """Return the arguments of a tool that is called with one text, as `tool.run("text")` does."""
    schema = tool.args_schema
    fields = _fields(schema) if isinstance(schema, type) else []
    return read_args(tool, {fields[0] if fields else "__arg1": text})


def _read(tool: BaseTool, given: Mapping[str, Any]) -> dict[str, Any]:
    kept = tool._filter_injected_args(dict(given))  # noqa: SLF001 - as LangChain's own callbacks get them
    schema = tool.args_schema
    if schema is None or isinstance(schema, dict):
        return {name: plain_value(value, name) for name, value in kept.items()}
    fields = dict.fromkeys(_fields(schema))
    injected = frozenset(fields.keys() - tool._filter_injected_args(fields).keys())  # noqa: SLF001
    found = _validated(tool, _without(schema, injected), kept)
    return {name: plain_value(value, name) for name, value in found.items() if name not in injected}


def _validated(tool: BaseTool, schema: type[Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that LangChain would pass on, with the values that the schema makes."""
    try:
        read = schema.model_validate(given) if issubclass(schema, BaseModel) else schema.parse_obj(given)
    except ValidationError as error:
        raise Unfit(ToolInvocationError(tool.name, error, given).message) from error
    except Exception as error:
        raise Unfit(f"Error invoking tool '{tool.name}': {type(error).__name__}: {error}") from error
    if isinstance(read, BaseModel):
        names = [*schema.model_fields, *(read.model_extra or {})]
        optional = {name for name, each in schema.model_fields.items() if not each.is_required()}
        sent = read.model_fields_set
    else:
        names, sent = list(read.dict()), read.__fields_set__
        optional = {name for name, each in schema.__fields__.items() if not each.required}
    return {name: getattr(read, name) for name in _passed(names, given, sent, optional)}


def _passed(names: Iterable[str], given: Mapping[str, Any], sent: set[str], optional: set[str]) -> list[str]:
    return [
        name
        for name in names
        if name in given or name in sent or (name in optional and name not in _VARIADIC)
    ]


def _fields(schema: type) -> list[str]:
    found = getattr(schema, "model_fields", None) or getattr(schema, "__fields__", {})
    return list(found)


@lru_cache(maxsize=1024)
def _without(schema: type[Any], injected: frozenset[str]) -> type[Any]:
    """Return the schema with the injected fields optional and its validators kept. Raises BadAction."""
    if not issubclass(schema, (BaseModel, BaseModelV1)) or (injected and not issubclass(schema, BaseModel)):
        raise BadAction(f"the arguments' schema {schema.__name__} is of a kind that cannot be read here")
    if not injected:
        return schema
    optional: dict[str, Any] = dict.fromkeys(injected, (Any, None))
    return create_model(schema.__name__, __base__=cast("type[BaseModel]", schema), **optional)


def plain_value(value: Any, path: str, depth: int = 1) -> Any:  # noqa: PLR0911 - one for each type
    """Return the plain JSON form of a value, which no other value has. Raises BadAction if there is none."""
    if depth > MAX_DEPTH:
        raise BadAction(f"{path[:200]} is nested deeper than {MAX_DEPTH} levels")
    match value:
        case Enum():
            return plain_value(value.value, path, depth)
        case None | bool() | str() | int() | float():
            return _builtin(value)
        case Mapping():
            return {
                _key(key, path): plain_value(each, f"{path}.{key}", depth + 1) for key, each in value.items()
            }
        case list() | tuple():
            return [plain_value(each, f"{path}[{at}]", depth + 1) for at, each in enumerate(value)]
        case set() | frozenset():
            return sorted((plain_value(each, path, depth + 1) for each in value), key=orjson.dumps)
    if (inner := _fields_in(value)) is not None:
        return plain_value(inner, path, depth)
    return _leaf(value, path)


def _leaf(value: Any, path: str) -> Any:  # noqa: PLR0911 - as above
    match value:
        case Decimal():
            return _number(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta() | UUID() | PurePath():
            return str(value)
        case SecretStr():
            return value.get_secret_value()
        case bytes():
            return value.hex()
        case SecretBytes():
            return value.get_secret_value().hex()
    if type(value).__module__.startswith("pydantic"):  # AnyUrl and similar types, whose text is exact
        return str(value)
    raise BadAction(f"{path} is a {type(value).__name__}, which cannot be shown and compared exactly")


def _fields_in(value: Any) -> dict[str, Any] | None:
    """Return the fields of a model or a dataclass; None for other values."""
    if isinstance(value, BaseModel):
        names = [*type(value).model_fields, *(value.model_extra or {})]
    elif isinstance(value, BaseModelV1):
        names = list(value.__fields__)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
    else:
        return None
    return {name: getattr(value, name) for name in names}


def _builtin(value: Any) -> Any:
    """Return a value as the builtin type, because a subclass may print as something else."""
    if type(value) in (bool, int, float, str, type(None)):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def _number(value: Decimal) -> Any:
    if value.is_finite():
        if value == value.to_integral_value() and abs(value) < 2**53:
            return int(value)
        if Decimal(repr(float(value))) == value:
            return float(value)
    return str(value)


def _key(key: Any, path: str) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, int):
        return str(key)
    raise BadAction(f"{path} has a key that is a {type(key).__name__}; only text and numbers can be shown")
