"""What a card says of an action and its review, as lines of rich text.

Everything that an agent, a reviewer or the policy wrote goes in as an element of its own; only the words
between are ours.
"""

from __future__ import annotations

from typing import Any

from bot.domain.record import ActionRecord, Standing
from bot.domain.review import ActionState, Review, ReviewState
from bot.domain.ruling import AbsentDefault, Ruling
from bot.slack import args, rich
from bot.slack.rich import text
from bot.slack.visible import cut, excerpt

Json = dict[str, Any]

NAME_CHARACTERS = 120
REASON_CHARACTERS = 400
NOTE_CHARACTERS = 400
DETAIL_CHARACTERS = 600
NOTES = 3


def headline(action: ActionRecord) -> Json:
    """What will happen: the kind and the arguments that say most. Nothing the agent says of it."""
    told, left = args.headline(action.args)
    pieces = [text(cut(action.kind, NAME_CHARACTERS), bold=True)]
    for name, value in told:
        pieces += [text(" · "), text(name), text(" "), text(value, code=True)]
    if left:
        pieces.append(text(f" · and {left} more"))
    return rich.section(*pieces)


def who(action: ActionRecord) -> Json:
    """Who asks, and for whom."""
    pieces = [text("Proposed by the agent "), text(cut(action.agent, NAME_CHARACTERS), code=True)]
    if action.on_behalf_of:
        pieces += [text(" for "), rich.user(action.on_behalf_of)]
    if action.owner and action.owner != action.on_behalf_of:
        pieces += [text("; "), rich.user(action.owner), text(" answers for the agent")]
    return rich.section(*pieces, text("."))


def why(ruling: Ruling) -> Json:
    """Why it is here: the tier, and the rule that put it there."""
    return rich.section(
        text("Why it is here: ", bold=True),
        text(f"Tier {int(ruling.tier)}, {ruling.tier.label}, by "),
        text(cut(ruling.rule, NAME_CHARACTERS), code=True),
        text(": "),
        text(cut(ruling.reason, REASON_CHARACTERS)),
    )


def deadline(review: Review) -> Json:
    """Until when it waits, and what happens then."""
    if review.expires_at is None:
        return rich.section(
            text("Until when: ", bold=True),
            text("no window. It was halted when nobody answered, and stays halted until somebody does."),
        )
    if review.overdue_at is not None:
        return rich.section(
            text("Overdue ", bold=True),
            text("since "),
            rich.date(review.overdue_at),
            text(": it stays pending, and people are paged until somebody answers."),
        )
    match review.ruling.default:
        case AbsentDefault.SAFE_HALT:
            then = ", it is halted: its state is kept, it is escalated, and it can still be answered."
        case AbsentDefault.ESCALATE:
            then = ", it is overdue: it stays pending, and more people are paged until somebody answers."
        case _:
            then = ", it is aborted and will not run."
    return rich.section(
        text("Until when: ", bold=True),
        text("if nobody answers by "),
        rich.date(review.expires_at),
        text(then),
    )


def votes(review: Review) -> Json:
    """How many approvals there are of how many, whose, and who may give one."""
    quorum = review.ruling.quorum
    pieces = [text(f"{len(review.approvals)} of {quorum} approval{'s' * (quorum != 1)}", bold=True)]
    if review.approvals:
        pieces += [text(": "), *rich.users(vote.voter for vote in review.approvals)]
    names = cut(", ".join(review.ruling.approvers), NAME_CHARACTERS)
    return rich.section(*pieces, text(". May answer: "), text(names), text("."))


def acknowledged(review: Review) -> Json | None:
    """Who said that they are on it, and until when nobody else is paged."""
    if not review.pending or not review.acked_by:
        return None
    pieces = [rich.user(review.acked_by), text(" is on it")]
    if review.quiet_until is not None:
        pieces += [text("; nobody else is paged until "), rich.date(review.quiet_until)]
    return rich.section(*pieces, text("."))


def outcome(review: Review) -> Json:
    """The result, when it came, and by whom. Of a review that is closed."""
    when = [rich.date(review.closed_at)] if review.closed_at is not None else []
    deciders = rich.users(review.decided_by)
    match review.state:
        case ReviewState.APPROVED:
            return rich.section(text("✅ Approved by ", bold=True), *deciders, text(", "), *when, text("."))
        case ReviewState.REJECTED:
            return rich.section(text("⛔ Rejected by ", bold=True), *deciders, text(", "), *when, text("."))
        case ReviewState.WITHDRAWN:
            why_so = cut(review.note or "no reason was given", NOTE_CHARACTERS)
            return rich.section(
                text("↩ Withdrawn ", bold=True), *when, text("; nobody judged it: "), text(why_so)
            )
        case _:
            return rich.section(
                text("⌛ Expired ", bold=True), *when, text(": nobody answered in time."), *_enacted(review)
            )


def _enacted(review: Review) -> list[Json]:
    if review.ruling.default is AbsentDefault.SAFE_HALT:
        return [text(" It was halted: its state is kept, and it can still be answered.")]
    return [text(" It was aborted and did not run.")]


def notes(review: Review) -> list[Json]:
    """What reviewers wrote to their votes, each under its author."""
    written = [vote for vote in review.votes if vote.note]
    lines: list[Json] = []
    for vote in written[:NOTES]:
        lines.append(rich.section(rich.user(vote.voter), text(" wrote:")))
        lines.append(rich.quote(excerpt(vote.note or "", NOTE_CHARACTERS)))
    if len(written) > NOTES:
        lines.append(rich.section(text(f"{len(written) - NOTES} more notes are under “View all”.")))
    return lines


def aftermath(standing: Standing, review: Review) -> list[Json]:
    """What came of an approved action. Nothing, where another review of it is the latest."""
    action = standing.action
    if review.state is not ReviewState.APPROVED:
        return []
    latest = standing.review
    if latest is None or latest.id != review.id:
        return [rich.section(text("The approval lapsed before the action started, so it was asked again."))]
    line = rich.section(*_fate(action, review), text("."))
    failed = action.state is ActionState.FAILED and action.detail
    return [line, rich.quote(excerpt(action.detail or "", DETAIL_CHARACTERS))] if failed else [line]


def _fate(action: ActionRecord, review: Review) -> list[Json]:
    settled = [text(" "), rich.date(action.settled_at)] if action.settled_at is not None else []
    until = [text(", until "), rich.date(review.valid_until)] if review.valid_until is not None else []
    fates = {
        ActionState.APPROVED: [text("It may start now"), *until],
        ActionState.RUNNING: [text("▶ It is running; its report is awaited")],
        ActionState.EXECUTED: [text("🏁 Executed", bold=True), *settled],
        ActionState.FAILED: [text("❌ Failed", bold=True), *settled],
        ActionState.UNKNOWN: [
            text("❓ Unknown: ", bold=True),
            text("it started and never reported, so whether it happened has to be looked up"),
        ],
        ActionState.WITHDRAWN: [text("It was withdrawn before it started"), *settled],
    }
    return fates.get(action.state, [text(f"The action is {action.state.value}")])
