"""The card of an *unknown* receipt: an action that started and never reported back.

Pure, as the other cards are. It says what started, when and under whose approval, what to look for, and what
each answer does; then who answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.domain.record import ActionRecord, Standing, Unknown, Verdict
from bot.domain.states import ActionState, ReviewState
from bot.slack.cards import buttons, mrkdwn, progress, reviews, rich_text, sentences
from bot.slack.cards.mrkdwn import date
from bot.slack.cards.reviews import Drawn
from bot.slack.cards.rich_text import text
from bot.slack.cards.visible import cut

Json = dict[str, Any]

TITLE = "Started, never reported back"
RESTORED = "May have run since the backup"


def card(
    standing: Standing,
    unknown: Unknown,
    asked: Sequence[str],
    link: str | None = None,
    *,
    terse: bool = False,
) -> Drawn:
    """Draw the card. `asked` names who may answer, `link` leads to the card of the action's latest review."""
    action = standing.action
    named = TITLE if unknown.restored_from is None else RESTORED
    title = rich_text.section(text(named, bold=True))
    blocks = [rich_text.block(title, sentences.headline(action), sentences.who(action))]
    blocks += [] if terse else [reviews.arguments(action, _the_rest(standing))]
    blocks.append(rich_text.block(sentences.why(action.ruling), *_pointer(link)))
    blocks.append(progress.block([_started(standing, unknown), *_stands(standing, unknown, asked)]))
    row = buttons.receipt_row(standing, unknown)
    return Drawn(reviews.fallback(named, action), [*blocks, row] if row else blocks)


def _the_rest(standing: Standing) -> str:
    if standing.review is not None:
        return "all of it is under “View all”"
    return f"“membrane reviews show {standing.action.id}” prints all of it"


def _pointer(link: str | None) -> list[Json]:
    return [rich_text.section(rich_text.link(link, "The card of its review"))] if link else []


def _started(standing: Standing, unknown: Unknown) -> str:
    """When it started, and who had let it."""
    approved = [review for review in standing.reviews if review.state is ReviewState.APPROVED]
    before = [review for review in approved if (review.closed_at or 0.0) <= unknown.claimed_at]
    if approved:
        under = f"approved by {progress.mentions((before or approved)[-1].decided_by)}"
    else:
        under = "which the policy lets pass unasked"
    if unknown.restored_from is not None:
        since = date(unknown.restored_from)
        return f"❓ *The database was restored from a backup of {since}*; this, {under}, may have run since."
    started = f"❓ *It started {date(unknown.claimed_at)}*, {under}, and nothing was reported back in time."
    nobody_knows = unknown.is_open or unknown.verdict is Verdict.LEFT
    return f"{started} Whether it happened is not known." if nobody_knows else started


def _stands(standing: Standing, unknown: Unknown, asked: Sequence[str]) -> list[str]:
    if unknown.is_open:
        return _question(standing.action, asked, unknown)
    if unknown.verdict is None or unknown.said_by is None:
        return [_went_on(standing.action)]
    return [_answer(standing, unknown, unknown.verdict, unknown.said_by)]


def _question(action: ActionRecord, asked: Sequence[str], unknown: Unknown) -> list[str]:
    """What the buttons do, and for whom."""
    names = mrkdwn.literal(cut(", ".join(asked), progress.NAMES_CHARACTERS))
    lines = [
        f"*Look at what it acts on*, then say what you found. May answer: {names}",
        "• *It happened*: it is recorded as executed, with your name.",
    ]
    if unknown.restored_from is not None:
        lines.append("• *It did not happen*: it goes on from where it was at the backup, and may run.")
    elif action.thread_id is not None:
        lines.append("• *It did not happen*: it is recorded as failed. Its thread has gone on without it.")
    elif action.tier.waits:
        lines.append("• *It did not, run it*: it is put up for approval again, and yours counts already.")
    else:
        lines.append("• *It did not, run it*: the agent may start it once more.")
    lines.append("• *Leave it*: it stays unknown, and nobody is asked again.")
    if action.ruling.idempotent and unknown.restored_from is None:
        lines.append("Its agent may also start it again by itself: a second run of it changes nothing.")
    return lines


def _answer(standing: Standing, unknown: Unknown, verdict: Verdict, by: str) -> str:
    who, when = progress.mentions([by]), date(unknown.closed_at or unknown.noted_at)
    match verdict:
        case Verdict.HAPPENED:
            return f"🏁 {who} says that *it happened*, {when}."
        case Verdict.LEFT:
            return f"{who} *left it* as it is, {when}: it stays unknown."
        case Verdict.DID_NOT:
            return f"↻ {who} says that *it did not happen*, {when}. {_then(standing.action, unknown)}"


def _then(action: ActionRecord, unknown: Unknown) -> str:
    if unknown.restored_from is not None:
        return f"It goes on from there: it is {action.state.value} now."
    if action.thread_id is not None:
        return "Its thread had gone on, so the agent has to propose it again."
    if action.tier.waits:
        return "It was put up for approval again."
    return "The agent may start it once more."


def _went_on(action: ActionRecord) -> str:
    settled = f" {date(action.settled_at)}" if action.settled_at is not None else ""
    if action.state is ActionState.EXECUTED:
        return f"🏁 It was reported late{settled}: *executed*. Nobody has to answer any more."
    if action.state is ActionState.FAILED:
        return f"❌ It was reported late{settled}: *failed*. Nobody has to answer any more."
    return "Its agent started it again, under the same key. Nobody has to answer any more."
