"""Calls of stock agents, which use LangChain's human in the loop: the host claims and reports for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.domain.record import ActionRecord
from bot.domain.states import InterruptShape


def stock_calls(actions: Iterable[ActionRecord], shapes: Mapping[str, InterruptShape]) -> list[ActionRecord]:
    """Return the actions that stock agents asked about, which the host claims and reports."""
    stock = {key for key, shape in shapes.items() if shape is not InterruptShape.GATE}
    return [action for action in actions if action.interrupt_id in stock]
