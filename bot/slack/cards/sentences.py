"""Sentences about an action and its ruling, as lines of rich text.

Everything that an agent, a reviewer or the policy wrote goes in as an element of its own; only the words
between are ours.
"""

from __future__ import annotations

from typing import Any

from bot.domain.record import ActionRecord, Standing
from bot.domain.review import Review
from bot.domain.ruling import Ruling
from bot.domain.states import ActionState, ReviewState
from bot.slack.cards import argument_text, mrkdwn, rich_text
from bot.slack.cards.rich_text import text
from bot.slack.cards.visible import cut, excerpt

Json = dict[str, Any]

NAME_CHARACTERS = 120
REASON_CHARACTERS = 400
NOTE_CHARACTERS = 400
DETAIL_CHARACTERS = 600
NOTES = 3


def headline(action: ActionRecord) -> Json:
    """What will happen: the kind and the most telling arguments, without the agent's description."""
    told, left = argument_text.headline(action.args)
    pieces = [text(cut(action.kind, NAME_CHARACTERS), bold=True)]
    for name, value in told:
        pieces += [text(" · "), text(name), text(" "), text(value, code=True)]
    if left:
        pieces.append(text(f" · and {left} more"))
    return rich_text.section(*pieces)


def in_a_line(action: ActionRecord) -> str:
    """The same in Slack's markup, with all of the agent's markup disabled."""
    told, left = argument_text.headline(action.args)
    essence = " · ".join([action.kind[:NAME_CHARACTERS], *(f"{name} {value}" for name, value in told)])
    return f"{mrkdwn.literal(essence)}{f' and {left} more' if left else ''}"


def who(action: ActionRecord) -> Json:
    """Who asks, and for whom."""
    pieces = [text("Proposed by the agent "), text(cut(action.agent, NAME_CHARACTERS), code=True)]
    if action.on_behalf_of:
        pieces += [text(" for "), rich_text.user(action.on_behalf_of)]
    if action.owner and action.owner != action.on_behalf_of:
        pieces += [text("; "), rich_text.user(action.owner), text(" answers for the agent")]
    if action.reference:
        pieces += [text("; its reference is "), text(cut(action.reference, NAME_CHARACTERS), code=True)]
    return rich_text.section(*pieces, text("."))


def why(ruling: Ruling) -> Json:
    """Why it is here: the tier, and the rule that put it there."""
    return rich_text.section(
        text("Why it is here: ", bold=True),
        text(f"Tier {int(ruling.tier)}, {ruling.tier.label}, by "),
        text(cut(ruling.rule, NAME_CHARACTERS), code=True),
        text(": "),
        text(cut(ruling.reason, REASON_CHARACTERS)),
    )


def notes(review: Review) -> list[Json]:
    """The notes to the votes, each under its author."""
    written = [vote for vote in review.votes if vote.note]
    lines: list[Json] = []
    for vote in written[:NOTES]:
        lines.append(rich_text.section(rich_text.user(vote.voter), text(" wrote:")))
        lines.append(rich_text.quote(excerpt(vote.note or "", NOTE_CHARACTERS)))
    if len(written) > NOTES:
        lines.append(rich_text.section(text(f"{len(written) - NOTES} more notes are under “View all”.")))
    return lines


def reported(standing: Standing, review: Review) -> list[Json]:
    """Why it failed or was withdrawn, in its author's words."""
    action, latest = standing.action, standing.review
    if review.state is ReviewState.WITHDRAWN and review.note:
        return [rich_text.quote(excerpt(review.note, DETAIL_CHARACTERS))]
    failed = action.state is ActionState.FAILED and latest is not None and latest.id == review.id
    return [rich_text.quote(excerpt(action.detail, DETAIL_CHARACTERS))] if failed and action.detail else []
