"""The calls of stock agents, which claim and report nothing themselves: the host does it for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.domain.record import ActionRecord
from bot.domain.review import ActionState

CLAIMED = {ActionState.RUNNING, ActionState.UNKNOWN}
"""States of an action that was claimed and not reported."""


def stock_calls(actions: Iterable[ActionRecord], shapes: Mapping[str, str]) -> list[ActionRecord]:
    """Return the actions that stock agents asked about: what the host claims and reports for them."""
    return [action for action in actions if shapes.get(action.interrupt_id or "", "").startswith("hitl")]
