"""Misfits between a proposal and the policy's schema: where, what is wrong, and what would fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.operators import Arg, ArgType
from bot.domain.readings import EXAMPLES
from bot.errors import Misfit

MOST_MISFITS = 20
"""Misfits that are listed for one proposal at most."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""Argument names that are safe to show. An agent can send any name."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_NOUNS: Mapping[ArgType, str] = {
    ArgType.STRING: "a text",
    ArgType.NUMBER: "a number",
    ArgType.INTEGER: "a whole number",
    ArgType.BOOLEAN: "true or false",
    ArgType.LIST: "a list",
    ArgType.OBJECT: "an object",
    ArgType.EMAIL: "an email",
    ArgType.URL: "a url",
    ArgType.HOSTNAME: "a hostname",
    ArgType.PATH: "a path",
    ArgType.IDENTIFIER: "an identifier",
    ArgType.DATETIME: "a datetime",
}
_NOUN_OF_VALUE: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
    dict: "an object",
}


def path_of(name: str) -> str:
    """Return the path of an argument; the path of all arguments if its name is odd."""
    return f"args.{name}" if _PLAIN_NAME.fullmatch(name) else "args"


def shown_name(name: str) -> str:
    """Return the name of an argument as it can be shown."""
    return name if _PLAIN_NAME.fullmatch(name) else "an argument with an odd name"


def expected_of(arg: Arg) -> str:
    """Return the declared type of an argument, in words."""
    noun = _expected_one(arg.type)
    return f"{noun}, each item {_expected_one(arg.of)}" if arg.of is not None else noun


def _expected_one(kind: ArgType) -> str:
    example = EXAMPLES.get(kind)
    return f"{_NOUNS[kind]}, as {example}" if example else _NOUNS[kind]


def wrong_type(name: str, value: Any, arg: Arg, fits_item: Callable[[Any], bool] | None) -> Misfit:
    """Return the misfit of a value that is not as declared; `fits_item` judges an item of a list."""
    shown, where = shown_name(name), path_of(name)
    if arg.type is ArgType.LIST and arg.of is not None and type(value) in (list, tuple):
        bad = next((index for index, each in enumerate(value) if fits_item and not fits_item(each)), None)
        if bad is None:
            return Misfit(
                where, f"{shown} has more items, or longer ones, than can be read", "a shorter list"
            )
        return _wrong_one(f"{shown}[{bad}]", f"{where}[{bad}]", value[bad], arg.of)
    return _wrong_one(shown, where, value, arg.type)


def _wrong_one(shown: str, where: str, value: Any, kind: ArgType) -> Misfit:
    noun, given = _NOUNS[kind], _NOUN_OF_VALUE.get(type(value), "nothing")
    expected = _expected_one(kind)
    if kind in EXAMPLES and type(value) is str:
        return Misfit(where, f"{shown} is not {noun}", expected)
    if type(value) is str and _only_quoted(value, kind):
        expected = f"{expected}, without quotes"
    if given == noun:  # a number that is not finite
        return Misfit(where, f"{shown} is not {noun} that can be compared", expected)
    return Misfit(where, f"{shown} is {given}, not {expected}", expected)


def _only_quoted(text: str, kind: ArgType) -> bool:
    """Whether a text would fit if it were written without quotes."""
    if kind in (ArgType.NUMBER, ArgType.INTEGER):
        return _NUMBER.fullmatch(text[:40]) is not None
    return kind is ArgType.BOOLEAN and text in ("true", "false")
