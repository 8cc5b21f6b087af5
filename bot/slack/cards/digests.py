"""The digest and notices: messages that are not about one review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bot.domain.escalation import Instant
from bot.domain.expiry import ExpiryReason, expiry_reason, unanswered
from bot.domain.notices import TODO_LEAD, WHERE_LEAD, level_of
from bot.domain.record import ActionRecord, Digested, DigestedGroup, Standing
from bot.domain.states import ActionState
from bot.slack.cards import argument_text, mrkdwn, progress, rich_text
from bot.slack.cards.reviews import Drawn
from bot.slack.cards.rich_text import text
from bot.slack.cards.visible import Shown, cut, excerpt

Json = dict[str, Any]

EXAMPLE_CHARACTERS = 90
NOTICE_CHARACTERS = 3000
NOTICE_LINES = 40

_TROUBLE = {
    ActionState.FAILED: "failed",
    ActionState.UNKNOWN: "unknown",
}


def digest(
    passed: Digested,
    halted: Sequence[Standing],
    since: Instant | None,
    links: Mapping[str, str] = MappingProxyType({}),
    *,
    halted_count: int | None = None,
) -> Drawn:
    """Draw one message about all passed Tier 1 actions, by agent and kind, the costliest first.

    `links` lead to the cards of halted actions, by review id. `halted` has the first of `halted_count`.
    """
    parked = len(halted) if halted_count is None else halted_count
    count = f"{passed.count:,} action{'s' * (passed.count != 1)} passed"
    when = f", since {mrkdwn.date(since)}" if since is not None else ""
    told = passed.count or not parked
    blocks = [progress.block([f"*{count} and may be looked over*{when}."])] if told else []
    blocks += [_group(group) for group in passed.groups]
    if passed.groups_in_all > len(passed.groups):
        left = passed.count - sum(group.count for group in passed.groups)
        words = f"{left:,} more in {passed.groups_in_all - len(passed.groups)} more groups that cost less."
        blocks.append(rich_text.block(rich_text.section(text(words))))
    blocks += _halted(halted, parked, links)
    says = [count] if told else []
    says += [f"{parked} halted and waiting for an answer"] if parked else []
    return Drawn(f"Digest: {'; '.join(says)}", blocks)


def notice(words: str) -> Drawn:
    """Draw a message of the bot itself. One to the admins shows its level, where and what to do in bold."""
    shown = excerpt(words, NOTICE_CHARACTERS, NOTICE_LINES)
    if (level := level_of(words)) is None:
        pieces = [text(shown)]
    else:
        leads = (f"{level}:", WHERE_LEAD, TODO_LEAD)
        pieces = [piece for line in shown.splitlines(keepends=True) for piece in _pieces(line, leads)]
    return Drawn(mrkdwn.escape(cut(words, 1000)), [rich_text.block(rich_text.section(*pieces))])


def _pieces(line: str, leads: Sequence[str]) -> list[Json]:
    """Draw a line, its lead in bold. No line begins with what an agent wrote."""
    for lead in leads:
        if line.startswith(f"{lead} "):
            return [text(lead, bold=True), text(Shown(line[len(lead) :]))]
    return [text(Shown(line))]


def _group(group: DigestedGroup) -> Json:
    told = [f"{group.count:,} ×"]
    if group.cost_usd:
        told.append(f"{group.cost_usd:,.2f} USD")
    told += [
        f"{count:,} {name}" for count, name in ((group.failed, "failed"), (group.unknown, "unknown")) if count
    ]
    head = rich_text.section(
        text(cut(group.kind, 80), bold=True),
        text(" by "),
        text(cut(group.agent, 80), code=True),
        text(": " + " · ".join(told)),
    )
    return rich_text.block(head, *(_example(action) for action in group.examples))


def _example(action: ActionRecord) -> Json:
    words, left = _in_short(action)
    more = f" and {left} more" if left else ""
    trouble = f" ({_TROUBLE[action.state]})" if action.state in _TROUBLE else ""
    return rich_text.section(
        text("• "), text(cut(words, EXAMPLE_CHARACTERS), code=True), text(f"{more}{trouble}" or " ")
    )


def _in_short(action: ActionRecord) -> tuple[str, int]:
    """Return the arguments that fit into a line, and how many are left out."""
    for most in range(argument_text.HEADLINE_VALUES, 0, -1):
        told, left = argument_text.headline(action.args, most)
        words = " · ".join(f"{name} {value}" for name, value in told)
        if len(words) <= EXAMPLE_CHARACTERS:
            break
    return words or "no short arguments", left


def _halted(halted: Sequence[Standing], count: int, links: Mapping[str, str]) -> list[Json]:
    if not count:
        return []
    seen = len(halted) == count and not any(_short(standing) for standing in halted)
    why = "nobody answered" if seen else "not decided in time"
    lines = [f"*{count} halted: {why}, and each can still be answered.*"]
    lines += [_halted_line(standing, links) for standing in halted]
    if count > len(halted):
        lines.append(f"and {count - len(halted)} more")
    return [progress.block(lines)]


def _halted_line(standing: Standing, links: Mapping[str, str]) -> str:
    action, review = standing.action, standing.review
    since = f", since {mrkdwn.date(action.settled_at)}" if action.settled_at is not None else ""
    what, who = mrkdwn.literal(cut(action.kind, 80)), mrkdwn.literal(cut(action.agent, 80))
    link = links.get(review.id) if review is not None else None
    return f"• {what} by {who}{since}{_short(standing)}{f': <{link}|open its card>' if link else ''}"


def _short(standing: Standing) -> str:
    """Say how many approved, or that nobody was shown it; nothing if people could have answered."""
    expired = standing.decided
    if expired is None or expiry_reason(expired) in (None, ExpiryReason.NOBODY_ANSWERED):
        return ""
    return f" ({unanswered(expired)})"
