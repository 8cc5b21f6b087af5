"""Checks of conditions against the declared arguments and the lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from bot.domain.addresses import normal_entry
from bot.domain.names import read_path
from bot.domain.operators import DOMAIN_OPS, EQUALITY_OPS, OPS_OF, ORDER_OPS, PATH_OPS, Arg, ArgType, Op
from bot.domain.readings import EXAMPLES, READERS
from bot.policyfile.condition_model import ItemConditionModel
from bot.policyfile.document import Path
from bot.policyfile.valid_parts import Parts

_OF_LISTS = frozenset({Op.IN, Op.NOT_IN}) | DOMAIN_OPS
_HINT_OF_OPERAND: Mapping[ArgType, str] = {
    ArgType.STRING: "quote it if you mean the text",
    ArgType.NUMBER: "write a number, without quotes",
    ArgType.INTEGER: "write a whole number, without quotes",
    ArgType.BOOLEAN: "write true or false",
    **{kind: f"write it as {example}" for kind, example in EXAMPLES.items()},
}


class _Entries(NamedTuple):
    """How an operator reads the entries of a list."""

    name: str
    plural: str
    read: Callable[[str], str | None]
    hint: str


_DOMAIN_ENTRIES = _Entries(
    "domain", "domains", normal_entry, "write acme.example, or *.acme.example for all below it"
)
_PATH_ENTRIES = _Entries("directory", "directories", read_path, "write an absolute path, as /srv/prod")
_ENTRIES_OF: Mapping[Op, _Entries] = {
    **dict.fromkeys(DOMAIN_OPS, _DOMAIN_ENTRIES),
    **dict.fromkeys(PATH_OPS, _PATH_ENTRIES),
}


class Subject(NamedTuple):
    """The argument that a condition judges: its path, its name, and its declaration if there is one."""

    path: Path
    name: str
    arg: Arg | None


def condition_is_sound(parts: Parts, subject: Subject, condition: ItemConditionModel) -> bool:
    """Report every operator that cannot judge the argument. Return whether there is none."""
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
        hint = _hint_of_operator(op, arg.type)
        parts.say(place, f"`{op}` cannot judge {name}, which is declared {arg.type}", hint, at_key=True)
        return False
    if op in (Op.ANY, Op.ALL):
        item = Arg(arg.of) if arg and arg.of else None
        return condition_is_sound(parts, Subject(place, f"an item of {name}", item), operand)
    if isinstance(operand, str) and (op in _OF_LISTS or (op in PATH_OPS and operand.startswith("$"))):
        return _list_is_sound(parts, Subject(place, name, arg), op, operand.removeprefix("$"))
    if op in EQUALITY_OPS | ORDER_OPS and arg is not None:
        return _operands_are_sound(parts, Subject(place, name, arg), operand)
    return True


def _hint_of_operator(op: Op, kind: ArgType) -> str:
    if kind is ArgType.LIST:
        return f"name the items that it judges: any: {{{op}: …}} or all: {{{op}: …}}"
    if kind is ArgType.STRING and op in PATH_OPS:
        return "declare it {type: path}"
    return f"operators for it: {', '.join(sorted(OPS_OF[kind]))}"


def _list_is_sound(parts: Parts, subject: Subject, op: Op, list_name: str) -> bool:
    if not parts.check_name(subject.path, list_name, "lists", "list") or list_name not in parts.lists:
        return False
    place: Path = ("lists", list_name)
    values = parts.lists[list_name]
    if op in _ENTRIES_OF:
        return _entries_are_sound(parts, place, op, _ENTRIES_OF[op])
    return _operands_are_sound(parts, subject._replace(path=place), values)


def _entries_are_sound(parts: Parts, place: Path, op: Op, wanted: _Entries) -> bool:
    for index, value in enumerate(parts.lists[str(place[1])]):
        if not isinstance(value, str) or wanted.read(value) is None:
            what = f"{_shown(value)} is not a {wanted.name}, and `{op}` reads this list as {wanted.plural}"
            parts.say((*place, index), what, wanted.hint)
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
            parts.say(place, what, _HINT_OF_OPERAND.get(arg.type, ""))
            return False
    return True


def _fits(value: Any, arg: Arg) -> bool:
    if isinstance(value, bool):
        return arg.type is ArgType.BOOLEAN
    if isinstance(value, str):
        read = READERS.get(arg.type)
        return arg.type is ArgType.STRING if read is None else read(value) is not None
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
    if op in ORDER_OPS:
        return "an instant" if isinstance(operand, str) else "a number"
    if op is Op.EXISTS or op in (Op.IN, Op.NOT_IN):
        return None
    if op in EQUALITY_OPS:
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
