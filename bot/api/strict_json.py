"""JSON that has one reading: no key twice, no number that 64 bits round, no text that no store holds.

Two readers must never see different arguments in one text, where most parsers quietly pick something.
A fast parser reads the text, and what it would have let pass is looked for in what it returned. Only where
something is found, or the parser fails, the slow and exact reader goes over the text and says where it is.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

from bot.api import shape
from bot.domain.numbers import Inexact, first_inexact, read_float, read_int

MAX_DEPTH = 48
"""Nesting of the whole text; the arguments in it have a limit of their own."""
TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"
_ODD_NUMBER = re.compile(rb"-?[0-9][0-9.]{15,}(?:[eE][-+]?[0-9]+)?|-?[0-9.]+[eE][-+]?[0-9]+")
"""Numbers that a double may round: a decimal of at most 15 digits without an exponent survives the round trip
(IEEE 754: DBL_DIG)."""
_INTEGER = re.compile(rb"-?[0-9]+")


class Unreadable(ValueError):
    """The text is no JSON with one reading; the message says what is wrong and where."""


class Rounded(ValueError):
    """A number cannot be kept exactly: `where` it stands in the text, and `number` as it was written."""

    def __init__(self, where: str, number: Inexact) -> None:
        super().__init__(f"{where} is {number}")
        self.where = where
        self.number = number


def loads(text: bytes, root: str = "body") -> Any:
    """Return what a JSON text holds. Raises Unreadable, and Rounded with a path that starts at `root`."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _exactly(text, root)
    outside = shape.outside_strings(text)
    if _keys_within_depth(data) != outside.count(b":") or not _all_exact(outside):
        return _exactly(text, root)
    return data


def _keys_within_depth(data: Any) -> int:
    """Return how many keys all objects have; -1 where the data is nested too deep."""
    keys, level = 0, [data]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for value in level:
            if type(value) is dict:
                keys += len(value)
                items: Any = value.values()
            elif type(value) is list:
                items = value
            else:
                continue
            kinds = set(map(type, items))
            if dict in kinds or list in kinds:
                inner += [item for item in items if type(item) is dict or type(item) is list]
        if not inner:
            return keys
        level = inner
    return -1


def _all_exact(outside: bytes) -> bool:
    return not any(
        isinstance((read_int if _INTEGER.fullmatch(number) else read_float)(number.decode()), Inexact)
        for number in _ODD_NUMBER.findall(outside)
    )


def _exactly(text: bytes, root: str) -> Any:
    """Read the text slowly and in one sense only, or say why that cannot be done."""
    try:
        data = json.loads(
            text.decode(),
            object_pairs_hook=_unique,
            parse_float=read_float,
            parse_int=read_int,
            parse_constant=_no_constant,
        )
        orjson.dumps(data, default=str)  # refuses lone surrogates, which no store holds
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"{error.msg} at line {error.lineno} column {error.colno}") from error
    except RecursionError as error:
        raise Unreadable(TOO_DEEP) from error
    except (ValueError, TypeError) as error:
        raise Unreadable(str(error)) from error
    if _keys_within_depth(data) < 0:
        raise Unreadable(TOO_DEEP)
    if inexact := first_inexact(data, root):
        raise Rounded(*inexact)
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:80]!r} stands twice in one object")
            seen.add(key)
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
