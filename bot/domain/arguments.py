"""Arguments against their declaration: what is undeclared, missing or of the wrong type is doubt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.domain.conditions import has_type
from bot.domain.policy_model import Kind
from bot.domain.readings import READERS
from bot.domain.risk import Tier
from bot.domain.ruling import TraceStep

ARGUMENTS = "arguments"
UNDECLARED_ARGUMENT = "undeclared-argument"
MISSING_ARGUMENT = "missing-argument"
WRONG_TYPE = "wrong-type"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""Argument names that are safe to show as they are; an agent can send any."""
_FINE = (TraceStep(ARGUMENTS, matched=False, why="the arguments are as declared"),)
_OPEN = (TraceStep(ARGUMENTS, matched=False, why="the kind declares no arguments"),)


class Declaration:
    """The declared arguments of a kind, ready to compare with. JSON's null counts as missing."""

    __slots__ = ("_fits", "_forms", "_kind", "_more_args", "_required")

    def __init__(self, kind: Kind) -> None:
        """Take the declaration of a kind, if it has one."""
        self._kind = kind.name
        self._fits = None if kind.args is None else {name: has_type(arg) for name, arg in kind.args.items()}
        self._forms = {
            name: arg.of or arg.type
            for name, arg in (kind.args or {}).items()
            if (arg.of or arg.type) in READERS
        }
        self._required = frozenset(name for name, arg in (kind.args or {}).items() if arg.required)
        self._more_args = kind.more_args

    def doubts(self, args: Mapping[str, Any]) -> tuple[TraceStep, ...]:
        """Return what is doubtful about the arguments, or the one step that says nothing is."""
        if self._fits is None:
            return _OPEN
        undeclared: list[str] = []
        wrong: list[str] = []
        present = 0
        for name, value in args.items():
            fits = self._fits.get(name)
            if fits is None:
                undeclared.append(name)
            elif value is not None:
                present += name in self._required
                if not fits(value):
                    wrong.append(name)
        if self._more_args:
            undeclared.clear()
        if not (undeclared or wrong) and present == len(self._required):
            return _FINE
        missing = sorted(name for name in self._required if args.get(name) is None)
        return tuple(self._doubts(undeclared, wrong, missing))

    def _doubts(self, undeclared: list[str], wrong: list[str], missing: list[str]) -> Iterator[TraceStep]:
        if undeclared:
            yield _doubt(UNDECLARED_ARGUMENT, undeclared, f"not declared for {self._kind}")
        if missing:
            yield _doubt(MISSING_ARGUMENT, missing, "missing")
        if wrong:
            forms = sorted({self._forms[name] for name in wrong if name in self._forms})
            which = f" ({', '.join(forms)})" if forms else ""
            yield _doubt(WRONG_TYPE, wrong, f"not of the declared type{which}")


def _doubt(rule: str, names: list[str], what: str) -> TraceStep:
    shown = [name if _PLAIN_NAME.fullmatch(name) else "an argument with an odd name" for name in names[:3]]
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    why = f"{_and(shown + more)} {'is' if len(names) == 1 else 'are'} {what}; doubt is strictest"
    return TraceStep(rule, matched=True, why=why, to=Tier.SYNC_APPROVAL)


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
