"""Conditions in words, for traces, cards and errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.domain.operators import Condition, Op

_SIGNS: Mapping[Op, str] = {
    Op.EQ: "is", Op.NE: "is not", Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<=", Op.IN: "is one of",
    Op.NOT_IN: "is none of", Op.PREFIX: "begins with", Op.SUFFIX: "ends with", Op.CONTAINS: "contains",
    Op.MATCHES: "matches", Op.DOMAIN_IN: "has a domain of", Op.DOMAIN_NOT_IN: "has a domain outside",
    Op.UNDER: "is under", Op.NOT_UNDER: "is not under",
}  # fmt: skip


def describe(name: str, conditions: Iterable[Condition]) -> str:
    """Return the conditions of one argument in words: `amount > 500`."""
    return " and ".join(_in_words(name, condition) for condition in conditions)


def _in_words(name: str, condition: Condition) -> str:
    if condition.op is Op.EXISTS:
        return f"{name} is {'given' if condition.operand else 'absent'}"
    if condition.op in (Op.ANY, Op.ALL):
        inner = " and ".join(_in_words("", each).strip() for each in condition.inner)
        return f"{'some' if condition.op is Op.ANY else 'every'} item of {name} {inner}"
    return f"{name} {_SIGNS[condition.op]} {condition.list_name or _shown(condition.operand)}"


def _many(operand: Any) -> tuple[Any, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


def _shown(operand: Any) -> str:
    shown = [f'"{each}"' if isinstance(each, str) else _plain(each) for each in _many(operand)]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return ", ".join(shown[:3]) + more


def _plain(value: Any) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:,}" if type(value) is int else str(value)
    )
