"""Redaction: the arguments that the policy hides before an action is stored or shown.

A redacted value is judged and digested like any other, and then forgotten: the store gets the action
without it, so no card, page, digest, answer or journal entry can hold it, and no key can leak it. The one who
runs the action has the value already, and the args digest binds the approval to it: the
agent over HTTP, and a hosted graph in its own saved state, which is sealed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from bot.domain.action import Action

SHORTEST = 3
"""Characters of a value that is cut out of other text; anything shorter would take half the text along."""


class Redacted(str):
    """The mark in place of a redacted value. It is drawn without quotes, so no argument can look like it."""

    __slots__ = ()


REDACTED = Redacted("redacted")

_Path = tuple[str, ...]


def redact(
    args: Mapping[str, Any], paths: Iterable[str], put: Callable[[Any], Any] = lambda _: REDACTED
) -> dict[str, Any]:
    """Return a copy of the arguments in which what stands at the paths is REDACTED, or what `put` makes.

    In a path `customer.ssn`, each dot goes down into a mapping; a list on the way stands for each of its
    items. An argument whose own name has dots in it is met too. What is neither where a path goes on, such as
    an object that an agent sent as text, may hold what the path leads to, so all of it is redacted.
    """
    redacted: dict[str, Any] = dict(args)
    for path in paths:
        redacted = _without(redacted, tuple(path.split(".")), put)
    return redacted


def _without(value: Any, path: _Path, put: Callable[[Any], Any]) -> Any:
    if not path:
        return put(value)
    if isinstance(value, list | tuple):
        return [_without(item, path, put) for item in value]
    if not isinstance(value, Mapping):
        return value if value is None else put(value)
    changed = dict(value)
    for length in range(1, len(path) + 1):
        name = ".".join(path[:length])
        if name in changed:
            changed[name] = _without(changed[name], path[length:], put)
    return changed


def without(args: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return a copy of redacted arguments in which what stands at the paths is missing, which is doubt."""
    return {name: _kept(value) for name, value in redact(args, paths).items() if value is not REDACTED}


def _kept(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _kept(item) for name, item in value.items() if item is not REDACTED}
    if isinstance(value, list | tuple):
        return [_kept(item) for item in value if item is not REDACTED]
    return value


def withheld(
    action: Action, paths: tuple[str, ...], put: Callable[[Any], Any] = lambda _: REDACTED
) -> Action:
    """Return an action as it may be kept and shown. Its digest is to be made of the one that came in.

    Copies of a redacted value in the agent's own description are cut out too. `put` makes what is kept in
    place of a value; it is never shown.
    """
    if not paths:
        return action
    canonical = orjson.dumps(redact(action.args, paths, put), option=orjson.OPT_SORT_KEYS)
    description = scrub(action.description, action.args, paths)
    return replace(action, args=redact(action.args, paths), canonical=canonical, description=description)


def forms(value: Any) -> set[str]:
    """Return each text that a redacted value, or one inside it, may stand as in other text."""
    return {form for leaf in _at(value, ()) for form in _forms(leaf)} | {
        form for leaf in _in_text(value, ()) for form in _forms(leaf)
    }


def scrub(value: Any, args: Mapping[str, Any], paths: Iterable[str]) -> Any:
    """Return text, or JSON, with every copy of what stands at the paths of `args` cut out."""
    found = {word for path in paths for leaf in _at(args, tuple(path.split("."))) for word in _forms(leaf)}
    words = sorted(found, key=len, reverse=True)
    return _scrubbed(value, words) if words else value


def _scrubbed(value: Any, words: list[str]) -> Any:
    if isinstance(value, str):
        for word in words:
            value = value.replace(word, REDACTED)
        return value
    if isinstance(value, Mapping):
        return {_scrubbed(key, words): _scrubbed(item, words) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item, words) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and json.dumps(value) in words:
        return REDACTED
    return value


def _at(value: Any, path: _Path) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _at(item, path)
    elif isinstance(value, Mapping):
        if not path:
            for item in value.values():
                yield from _at(item, path)
        for length in range(1, len(path) + 1):
            name = ".".join(path[:length])
            if name in value:
                yield from _at(value[name], path[length:])
    else:
        yield value
        if path and isinstance(value, str):
            yield from _in_text(value, path)


def _in_text(text: Any, path: _Path) -> Iterator[Any]:
    """What stands at a path of an object that was sent as text."""
    if not isinstance(text, str):
        return
    with suppress(ValueError):
        sent = orjson.loads(text)
        if isinstance(sent, Mapping | list):
            yield from _at(sent, path)


def _forms(leaf: Any) -> Iterator[str]:
    """A value as text may hold it: as it is, and as Python and JSON escape it."""
    if leaf is None or isinstance(leaf, bool):
        return
    text = leaf if isinstance(leaf, str) else json.dumps(leaf)
    escaped = {text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    yield from (form for form in escaped if len(form) >= SHORTEST)
