"""Conditions of raise rules against the declared arguments and the lists: operators, operands, families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bot.domain.addresses import normal_entry
from bot.domain.conditions import OPS_OF, Arg, ArgType, Op
from bot.policyfile.document import Path
from bot.policyfile.model import ItemConditionModel
from bot.policyfile.parts import Parts

_LISTS = frozenset({Op.IN, Op.NOT_IN, Op.DOMAIN_IN, Op.DOMAIN_NOT_IN})
_DOMAINS = frozenset({Op.DOMAIN_IN, Op.DOMAIN_NOT_IN})
_EQUALITY = frozenset({Op.EQ, Op.NE, Op.IN, Op.NOT_IN})
_NUMBERS = frozenset({Op.GT, Op.GTE, Op.LT, Op.LTE})
_MEND_OPERAND = {
    ArgType.STRING: "quote it, if the text is meant",
    ArgType.NUMBER: "write a number, without quotes",
    ArgType.INTEGER: "write a whole number, without quotes",
    ArgType.BOOLEAN: "write true or false",
}


class Subject(NamedTuple):
    """What a condition judges: where it stands, what it is called, and its declaration if it has one."""

    path: Path
    name: str
    arg: Arg | None


def condition_is_sound(parts: Parts, subject: Subject, condition: ItemConditionModel) -> bool:
    """Note every operator that cannot judge the argument; returns whether there is none."""
    sound = [_operator_is_sound(parts, subject, op, operand) for op, operand in _operators(condition)]
    return all(sound) and (subject.arg is not None or _one_family(parts, subject, condition))


def _operators(condition: ItemConditionModel) -> Iterator[tuple[Op, Any]]:
    for field, info in type(condition).model_fields.items():
        if field in condition.model_fields_set:
            yield Op(info.alias or field), getattr(condition, field)


def _operator_is_sound(parts: Parts, subject: Subject, op: Op, operand: Any) -> bool:
    path, name, arg = subject
    place = (*path, op.value)
    if arg is not None and op not in OPS_OF[arg.type]:
        hint = f"it can be asked {', '.join(sorted(OPS_OF[arg.type]))}"
        if arg.type is ArgType.LIST:
            hint = f"say of which items: any: {{{op}: …}} or all: {{{op}: …}}"
        parts.say(place, f"`{op}` cannot judge {name}, which is declared {arg.type}", hint, at_key=True)
        return False
    if op in (Op.ANY, Op.ALL):
        item = Arg(arg.of) if arg and arg.of else None
        return condition_is_sound(parts, Subject(place, f"an item of {name}", item), operand)
    if op in _LISTS and isinstance(operand, str):
        return _list_is_sound(parts, Subject(place, name, arg), op, operand.removeprefix("$"))
    if op in _EQUALITY and arg is not None:
        return _operands_are_sound(parts, Subject(place, name, arg), operand)
    return True


def _list_is_sound(parts: Parts, subject: Subject, op: Op, list_name: str) -> bool:
    if not parts.check_name(subject.path, list_name, "lists", "list") or list_name not in parts.lists:
        return False
    place: Path = ("lists", list_name)
    if op not in _DOMAINS:
        return _operands_are_sound(parts, subject._replace(path=place), parts.lists[list_name])
    for index, value in enumerate(parts.lists[list_name]):
        if not isinstance(value, str) or normal_entry(value) is None:
            what = f"{_shown(value)} is not a domain, and `{op}` reads this list as domains"
            parts.say((*place, index), what, "write acme.example, or *.acme.example for all below it")
            return False
    return True


def _operands_are_sound(parts: Parts, subject: Subject, operand: Any) -> bool:
    path, name, arg = subject
    if arg is None:
        return True
    for index, value in enumerate(operand if isinstance(operand, list) else [operand]):
        if not _fits(value, arg):
            place = (*path, index) if isinstance(operand, list) else path
            what = f"{name} is declared {arg.type} and is never {_shown(value)}"
            parts.say(place, what, _MEND_OPERAND.get(arg.type, ""))
            return False
    return True


def _fits(value: Any, arg: Arg) -> bool:
    if isinstance(value, bool):
        return arg.type is ArgType.BOOLEAN
    if isinstance(value, str):
        return arg.type is ArgType.STRING
    if arg.type is ArgType.INTEGER:
        return isinstance(value, int) or float(value).is_integer()
    return arg.type is ArgType.NUMBER


def _one_family(parts: Parts, subject: Subject, condition: ItemConditionModel) -> bool:
    """Check that the operators on an undeclared argument can all hold for one value."""
    families = sorted({family for op, operand in _operators(condition) if (family := _family(op, operand))})
    if len(families) > 1:
        what = f"{subject.name} cannot be {' and '.join(families)} at once"
        parts.say(subject.path, what, "split the rule, or declare the argument")
        return False
    return True


def _family(op: Op, operand: Any) -> str | None:
    if op in (Op.ANY, Op.ALL):
        return "a list"
    if op in _NUMBERS:
        return "a number"
    if op is Op.EXISTS or op in _LISTS - _DOMAINS:
        return None
    if op in _EQUALITY:
        return (
            "true or false"
            if isinstance(operand, bool)
            else "a text"
            if isinstance(operand, str)
            else "a number"
        )
    return "a text"


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
