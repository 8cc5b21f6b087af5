"""An action: what an agent wants to do, checked, with the canonical JSON of its arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from bot.domain.numbers import PATH_KEY, Inexact
from bot.domain.risk import Risk
from bot.errors import BadAction

MAX_DEPTH = 32
"""Levels of nesting. Nobody could read deeper arguments on a card, so nobody could judge them."""
MAX_BYTES = 64 * 1024
"""Bytes of the arguments as canonical JSON."""
MAX_DESCRIPTION = 3000
"""Characters of the agent's own description: what fits into one Slack section."""

KIND = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9_-]{1,64}){0,7}")
"""An action kind: dotted words, as `payment.refund`."""


def canonical_json(args: Mapping[str, Any]) -> bytes:
    """Return the one JSON text of these arguments: sorted keys, no white space, UTF-8.

    Raises BadAction for what JSON cannot hold exactly (NaN, infinities, numbers that 64 bits round, lone
    surrogates, keys that are not strings), and for arguments deeper than MAX_DEPTH or larger than MAX_BYTES.
    """
    if not isinstance(args, dict):
        raise BadAction("args must be a JSON object")
    if not _is_plain(args):
        _check(args, "args", 1)
    try:
        text = orjson.dumps(args, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise BadAction(f"args cannot be written as JSON: {error}") from error
    if len(text) > MAX_BYTES:
        raise BadAction(f"args are {len(text)} bytes of JSON; at most {MAX_BYTES} can be reviewed")
    return text


_SCALARS = {str, int, bool, type(None), float}
_PLAIN = _SCALARS | {dict, list}
_TEXTS = {str}


def _is_plain(args: dict[str, Any]) -> bool:
    """Whether the arguments are plain for certain. If not, `_check` looks closely."""
    level: list[Any] = [args]
    for _ in range(MAX_DEPTH - 1):
        inner: list[Any] = []
        for value in level:
            is_object = type(value) is dict
            if is_object and not set(map(type, value)) <= _TEXTS:
                return False
            items = value.values() if is_object else value
            kinds = set(map(type, items))
            if not kinds <= _PLAIN:
                return False
            if float in kinds and not all(math.isfinite(item) for item in items if type(item) is float):
                return False
            if not kinds <= _SCALARS:
                inner += [item for item in items if type(item) is dict or type(item) is list]
        if not inner:
            return True
        level = inner
    return False


def _check(value: Any, path: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadAction(f"{path[:200]} is nested deeper than {MAX_DEPTH} levels")
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise BadAction(f"{path} has a key that is not a string: {key!r}")
            if type(item) is not str:
                _check(item, f"{path}.{key[:PATH_KEY]}", depth + 1)
    elif kind is list or kind is tuple:
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1)
    elif kind is float:
        if not math.isfinite(value):
            raise BadAction(f"{path} is {value}, which JSON cannot hold")
    elif kind is Inexact:
        raise BadAction(f"{path} is {value}")
    elif kind not in (str, int, bool, type(None)):
        raise BadAction(f"{path} is a {kind.__name__}, which JSON cannot hold")


@dataclass(frozen=True, slots=True)
class Action:
    """What an agent wants to do. Build it with `Action.of`, which checks it.

    `agent` proposes it. The Slack user `owner` answers for the agent, and the agent acts in the name of the
    Slack user `on_behalf_of`. `hint` is the agent's own view of the risk; it can only raise the tier.
    """

    kind: str
    args: Mapping[str, Any]
    canonical: bytes = field(repr=False)
    agent: str
    owner: str | None = None
    on_behalf_of: str | None = None
    description: str | None = None
    hint: Risk | None = None

    @classmethod
    def of(
        cls,
        kind: str,
        args: Mapping[str, Any],
        *,
        agent: str,
        owner: str | None = None,
        on_behalf_of: str | None = None,
        description: str | None = None,
        hint: Risk | None = None,
    ) -> Action:
        """Check and build an action. Raises BadAction with what is wrong and where."""
        if not KIND.fullmatch(kind):
            raise BadAction(f"kind {kind[:80]!r} is not dotted words such as payment.refund")
        canonical = canonical_json(args)
        if description is not None and len(description) > MAX_DESCRIPTION:
            raise BadAction(f"description has {len(description)} characters; at most {MAX_DESCRIPTION} fit")
        return cls(kind, args, canonical, agent, owner, on_behalf_of, description, hint)
