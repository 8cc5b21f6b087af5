"""The result of a finished thread as plain JSON: the output of its graph, not all of its state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.types import StateSnapshot
from pydantic import BaseModel

from bot.domain.action import MAX_BYTES
from bot.domain.policy import Policy
from bot.domain.redaction import scrub
from bot.graph.loader import AnyGraph

_OF_MESSAGE = ("type", "content", "name", "tool_calls", "tool_call_id", "status")


def result_of(graph: AnyGraph, snapshot: StateSnapshot) -> tuple[Any, bool]:
    """Return a thread's output as plain JSON of at most MAX_BYTES, and whether something was cut.

    A long list, such as a chat's messages, keeps its end.
    """
    values, names = snapshot.values, graph.output_channels
    if isinstance(values, dict) and not isinstance(names, str):
        values = {name: values[name] for name in names if name in values}
    try:
        text = _dumped(values)
    except (TypeError, ValueError, RecursionError):  # a number beyond 64 bits, a lone surrogate
        return _cut_text(str(values), MAX_BYTES // 4), True
    if len(text) <= MAX_BYTES:
        return orjson.loads(text), False
    return _cut(orjson.loads(text)), True


def without_redacted(result: Any, snapshot: StateSnapshot, policy: Policy) -> Any:
    """Return a thread's result without the arguments of its tool calls that the policy redacts.

    The calls in the messages are searched, because the store does not know all of them: a call that a strict
    policy refused, for example, is not an action.
    """
    args: dict[str, Any] = {}
    paths: list[str] = []
    for number, call in enumerate(_calls(snapshot.values)):
        if (kind := policy.actions.get(policy.kind_of_tool(call["name"]))) and kind.redact:
            args[str(number)] = call["args"]
            paths += [f"{number}.{path}" for path in kind.redact]
    return scrub(result, args, paths)


def _calls(values: Any) -> Iterator[Any]:
    channels = values.values() if isinstance(values, dict) else [values]
    lists = [channel if isinstance(channel, list) else [channel] for channel in channels]
    for message in (each for channel in lists for each in channel if isinstance(each, AIMessage)):
        yield from message.tool_calls


def _dumped(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseMessage):
        told = {name: getattr(value, name, None) for name in _OF_MESSAGE}
        return {name: each for name, each in told.items() if each not in (None, [], {})}
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)


def _cut(value: Any) -> Any:
    """Return a value cut to MAX_BYTES. Each part of an object gets an equal share."""
    if not isinstance(value, dict) or not value:
        return _cut_one(value, MAX_BYTES)
    share = MAX_BYTES // len(value)
    return {name[:200]: _cut_one(each, max(0, share - len(name) * 4 - 8)) for name, each in value.items()}


def _cut_one(value: Any, most: int) -> Any:
    if len(orjson.dumps(value)) <= most:
        return value
    if not isinstance(value, list):
        return _cut_text(value if isinstance(value, str) else orjson.dumps(value).decode(), most // 8)
    kept, left = [], most - 2
    for each in reversed(value):
        left -= len(orjson.dumps(each)) + 1
        if left < 0:
            break
        kept.append(each)
    return kept[::-1] if kept or not value else [_cut_one(value[-1], most - 2)]


def _cut_text(text: str, most: int) -> str:
    return f"{text[:most]}… ({len(text) - most} more characters)" if len(text) > most else text
