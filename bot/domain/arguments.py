"""Checks arguments against their declaration: an undeclared, missing or mistyped one is doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from bot.domain.conditions import has_type
from bot.domain.fitting import MOST_MISFITS, expected_of, path_of, shown_name, wrong_type
from bot.domain.operators import Arg
from bot.domain.policy_model import Kind
from bot.domain.risk import Tier
from bot.domain.ruling import TraceStep
from bot.domain.spelling import nearest
from bot.errors import Misfit

ARGUMENTS = "arguments"
UNDECLARED_ARGUMENT = "undeclared-argument"
MISSING_ARGUMENT = "missing-argument"
WRONG_TYPE = "wrong-type"

_MOST_NAMED = 3
"""How many arguments a reason names at most."""
_FINE = (TraceStep(ARGUMENTS, matched=False, why="the arguments are as declared"),)
_OPEN = (TraceStep(ARGUMENTS, matched=False, why="the kind declares no arguments"),)


class Declaration:
    """The declared arguments of a kind, ready to compare with. JSON's null counts as missing."""

    __slots__ = ("_args", "_fits", "_kind", "_more_args", "_required")

    def __init__(self, kind: Kind) -> None:
        """Take the declaration of a kind, if it has one."""
        self._kind = kind.name
        self._args: Mapping[str, Arg] = kind.args or {}
        self._fits = None if kind.args is None else {name: has_type(arg) for name, arg in kind.args.items()}
        self._required = frozenset(name for name, arg in self._args.items() if arg.required)
        self._more_args = kind.more_args

    def doubts(self, args: Mapping[str, Any]) -> tuple[TraceStep, ...]:
        """Return what is doubtful about the arguments, or the one step that says nothing is."""
        if self._fits is None:
            return _OPEN
        undeclared, missing, wrong = self._compare(args)
        if not (undeclared or missing or wrong):
            return _FINE
        return tuple(self._doubts(args, undeclared, missing, wrong))

    def misfits(self, args: Mapping[str, Any]) -> tuple[Misfit, ...]:
        """Return what does not fit in the arguments, the first so many."""
        if self._fits is None:
            return ()
        undeclared, missing, wrong = self._compare(args)
        found = (
            misfit
            for names, misfit_of in (
                (undeclared, self._undeclared),
                (missing, self._missing),
                (wrong, self._wrong),
            )
            for misfit in (misfit_of(name, args) for name in names)
        )
        return tuple(islice(found, MOST_MISFITS))

    def _compare(self, args: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
        """Return the names of the arguments that are undeclared, missing and not of the declared type."""
        assert self._fits is not None, "the kind declares arguments"
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
        if present == len(self._required):
            return undeclared, [], wrong
        missing = sorted(name for name in self._required if args.get(name) is None)
        return undeclared, missing, wrong

    def _undeclared(self, name: str, args: Mapping[str, Any]) -> Misfit:
        near = nearest(name, (each for each in self._args if args.get(each) is None))
        known = f"one of {', '.join(sorted(self._args)[:12])}" if self._args else "no argument"
        return Misfit(path_of(name), f"{shown_name(name)} is not declared for {self._kind}", known, near)

    def _missing(self, name: str, _args: Mapping[str, Any]) -> Misfit:
        return Misfit(path_of(name), f"{name} is missing", expected_of(self._args[name]))

    def _wrong(self, name: str, args: Mapping[str, Any]) -> Misfit:
        arg = self._args[name]
        return wrong_type(name, args[name], arg, has_type(Arg(arg.of)) if arg.of is not None else None)

    def _doubts(
        self, args: Mapping[str, Any], undeclared: list[str], missing: list[str], wrong: list[str]
    ) -> Iterator[TraceStep]:
        if undeclared:
            yield _doubt(
                UNDECLARED_ARGUMENT,
                undeclared,
                f"not declared for {self._kind}",
                self._meant(undeclared, args),
            )
        if missing:
            yield _doubt(MISSING_ARGUMENT, missing, "missing")
        if wrong:
            said = [self._wrong(name, args).what for name in wrong[:_MOST_NAMED]]
            why = f"{_and([*said, *_more(wrong)])}; doubt is strictest"
            yield TraceStep(WRONG_TYPE, matched=True, why=why, to=Tier.SYNC_APPROVAL)

    def _meant(self, undeclared: list[str], args: Mapping[str, Any]) -> str:
        """Return in brackets which declared arguments were likely meant; nothing if none is near."""
        near = [self._undeclared(name, args).near for name in undeclared[:_MOST_NAMED]]
        meant = list(dict.fromkeys(each for each in near if each))
        return f" (did you mean {_and(meant)}?)" if meant else ""


def _doubt(rule: str, names: list[str], what: str, meant: str = "") -> TraceStep:
    shown = [shown_name(name) for name in names[:_MOST_NAMED]]
    why = (
        f"{_and(shown + _more(names))} {'is' if len(names) == 1 else 'are'} {what}{meant}; doubt is strictest"
    )
    return TraceStep(rule, matched=True, why=why, to=Tier.SYNC_APPROVAL)


def _more(names: list[str]) -> list[str]:
    return [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
