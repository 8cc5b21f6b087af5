"""Names on a card the other actions that its agent asked for in the same turn.

Each is decided by itself, and a reviewer who knows of the others judges better: two equal calls are two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.domain.record import ActionRecord
from bot.slack.cards import argument_text, rich_text
from bot.slack.cards.reviews import Drawn
from bot.slack.cards.rich_text import text
from bot.slack.cards.visible import cut

Json = dict[str, Any]

MOST = 4
"""Most actions that are named; the rest is counted."""
LINE_CHARACTERS = 160


def named(drawn: Drawn, action: ActionRecord, turn: Sequence[ActionRecord]) -> Drawn:
    """Name on a card, below who asks, the other actions of its turn."""
    others = [each for each in turn if each.id != action.id]
    if not others:
        return drawn
    place = [each.id for each in turn].index(action.id) + 1 if len(others) < len(turn) else 1
    lead = f"This is {place} of {len(others) + 1} actions that the agent asked for together. The others: "
    lines = [rich_text.section(text(lead, italic=True))]
    lines += [rich_text.section(text("• "), *_line(each)) for each in others[:MOST]]
    if len(others) > MOST:
        lines.append(rich_text.section(text(f"and {len(others) - MOST} more")))
    return Drawn(drawn.text, [drawn.blocks[0], rich_text.block(*lines), *drawn.blocks[1:]])


def _line(action: ActionRecord) -> list[Json]:
    told, left = argument_text.headline(action.args)
    words = " · ".join(f"{name} {value}" for name, value in told)
    pieces = [text(cut(action.kind, 80), bold=True)]
    if words:
        pieces += [text(" "), text(cut(words, LINE_CHARACTERS), code=True)]
    return [*pieces, text(f" and {left} more")] if left else pieces
