"""The digest and notices: messages that are not about one review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bot.domain.escalation import Instant
from bot.domain.record import ActionRecord, Standing
from bot.domain.review import ActionState
from bot.slack import args, mrkdwn, progress, rich
from bot.slack.cards import Drawn
from bot.slack.rich import text
from bot.slack.visible import cut, excerpt

Json = dict[str, Any]

GROUPS = 15
EXAMPLES = 3
EXAMPLE_CHARACTERS = 90
HALTED = 10
NOTICE_CHARACTERS = 3000
NOTICE_LINES = 40

_TROUBLE = {
    ActionState.FAILED: "failed",
    ActionState.UNKNOWN: "unknown",
}


def digest(
    actions: Sequence[ActionRecord],
    halted: Sequence[Standing],
    since: Instant | None,
    links: Mapping[str, str] = MappingProxyType({}),
) -> Drawn:
    """Draw one message for all that passed and may be looked over, by agent and kind, the costliest first.

    `links` are to the cards of what is halted, by review id.
    """
    groups: dict[tuple[str, str], list[ActionRecord]] = {}
    for action in actions:
        groups.setdefault((action.agent, action.kind), []).append(action)
    ordered = sorted(groups.values(), key=lambda group: (-_cost(group), -len(group), group[0].kind))
    count = f"{len(actions):,} action{'s' * (len(actions) != 1)} passed"
    when = f", since {mrkdwn.date(since)}" if since is not None else ""
    passed = actions or not halted
    blocks = [progress.block([f"*{count} and may be looked over*{when}."])] if passed else []
    blocks += [_group(group) for group in ordered[:GROUPS]]
    if len(ordered) > GROUPS:
        left = sum(len(group) for group in ordered[GROUPS:])
        words = f"{left:,} more in {len(ordered) - GROUPS} more groups that cost less."
        blocks.append(rich.block(rich.section(text(words))))
    blocks += _halted(halted, links)
    told = [count] if passed else []
    told += [f"{len(halted)} halted and waiting for an answer"] if halted else []
    return Drawn(f"Digest: {'; '.join(told)}", blocks)


def notice(words: str) -> Drawn:
    """Draw a message of the bot itself, as to its admins."""
    shown = excerpt(words, NOTICE_CHARACTERS, NOTICE_LINES)
    return Drawn(mrkdwn.escape(cut(words, 1000)), [rich.block(rich.section(text(shown)))])


def _cost(group: Sequence[ActionRecord]) -> float:
    return sum(action.ruling.cost_usd or 0.0 for action in group)


def _group(group: Sequence[ActionRecord]) -> Json:
    first = group[0]
    states = Counter(_TROUBLE[action.state] for action in group if action.state in _TROUBLE)
    told = [f"{len(group):,} ×"]
    if cost := _cost(group):
        told.append(f"{cost:,.2f} USD")
    told += [f"{count:,} {name}" for name, count in sorted(states.items())]
    head = rich.section(
        text(cut(first.kind, 80), bold=True),
        text(" by "),
        text(cut(first.agent, 80), code=True),
        text(": " + " · ".join(told)),
    )
    return rich.block(head, *(_example(action) for action in _examples(group)))


def _examples(group: Sequence[ActionRecord]) -> list[ActionRecord]:
    """What is worth a look first: what went wrong, then what cost most."""
    worth = sorted(group, key=lambda action: (action.state not in _TROUBLE, -(action.ruling.cost_usd or 0.0)))
    return worth[:EXAMPLES]


def _example(action: ActionRecord) -> Json:
    words, left = _in_short(action)
    more = f" and {left} more" if left else ""
    trouble = f" ({_TROUBLE[action.state]})" if action.state in _TROUBLE else ""
    return rich.section(
        text("• "), text(cut(words, EXAMPLE_CHARACTERS), code=True), text(f"{more}{trouble}" or " ")
    )


def _in_short(action: ActionRecord) -> tuple[str, int]:
    """Return the arguments that fit into a line, and how many are left out."""
    for most in range(args.HEADLINE_VALUES, 0, -1):
        told, left = args.headline(action.args, most)
        words = " · ".join(f"{name} {value}" for name, value in told)
        if len(words) <= EXAMPLE_CHARACTERS:
            break
    return words or "no short arguments", left


def _halted(halted: Sequence[Standing], links: Mapping[str, str]) -> list[Json]:
    if not halted:
        return []
    lines = [f"*{len(halted)} halted: nobody answered, and each can still be answered.*"]
    lines += [_halted_line(standing, links) for standing in halted[:HALTED]]
    if len(halted) > HALTED:
        lines.append(f"and {len(halted) - HALTED} more")
    return [progress.block(lines)]


def _halted_line(standing: Standing, links: Mapping[str, str]) -> str:
    action, review = standing.action, standing.review
    since = f", since {mrkdwn.date(action.settled_at)}" if action.settled_at is not None else ""
    what, who = mrkdwn.literal(cut(action.kind, 80)), mrkdwn.literal(cut(action.agent, 80))
    link = links.get(review.id) if review is not None else None
    return f"• {what} by {who}{since}{f': <{link}|open its card>' if link else ''}"
