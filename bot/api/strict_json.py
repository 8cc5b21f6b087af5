"""Reads JSON that has one reading: no key twice, no number that 64 bits round, no text the store cannot hold.

Two readers must never see different arguments in one text, but most parsers silently pick one. A fast parser
reads the text, and its result is searched for faults that it lets pass. Only if there is one, or if the
parser fails, does a slow and exact reader go over the text to say where the fault is.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

from bot.api import json_size
from bot.domain.numbers import Inexact, first_inexact, read_float, read_int

MAX_DEPTH = 48
"""Nesting levels of the whole text; the arguments in it have their own limit."""
TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"
_ODD_NUMBER = re.compile(rb"-?[0-9][0-9.]{15,}(?:[eE][-+]?[0-9]+)?|-?[0-9.]+[eE][-+]?[0-9]+")
"""Numbers that a double may round: a decimal of at most 15 digits without an exponent survives the round trip
(IEEE 754: DBL_DIG)."""
_INTEGER = re.compile(rb"-?[0-9]+")


class Unreadable(ValueError):
    """The text is not JSON with one reading; the message says what is wrong and where."""


class Rounded(ValueError):
    """A number cannot be kept exactly. `where` is its path, `number` says how it was written."""

    def __init__(self, where: str, number: Inexact) -> None:
        super().__init__(f"{where} is {number}")
        self.where = where
        self.number = number


def loads(text: bytes, root: str = "body") -> Any:
    """Return the value of a JSON text. Raises Unreadable, or Rounded with a path that starts at `root`."""
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _exactly(text, root)
    outside = json_size.outside_strings(text)
    if _keys_within_depth(data) != outside.count(b":") or not _all_exact(outside):
        return _exactly(text, root)
    return data


def _keys_within_depth(data: Any) -> int:
    """Return the number of keys in all objects; -1 if the data is nested too deep."""
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
    """Read the text with the slow, exact reader. Raises Unreadable or Rounded."""
    try:
        data = json.loads(
            text.decode(),
            object_pairs_hook=_unique,
            parse_float=read_float,
            parse_int=read_int,
            parse_constant=_no_constant,
        )
        orjson.dumps(data, default=str)  # refuses lone surrogates, which the store cannot hold
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
    raise ValueError(f"{name} is not a JSON number")
