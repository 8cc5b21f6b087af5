"""How a review stands, as lines of Slack's markup: these words are ours, with dates that each reader sees in
their own time zone. What somebody else wrote stands beside them, as rich text (`sentences`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.domain.expiry import unanswered
from bot.domain.record import ActionRecord, Standing
from bot.domain.review import Review
from bot.domain.ruling import AbsentDefault
from bot.domain.states import ActionState, ReviewState
from bot.errors import Refusal
from bot.slack.cards import mrkdwn
from bot.slack.cards.mrkdwn import date
from bot.slack.cards.visible import cut

Json = dict[str, Any]

FALLEN = {
    Refusal.NOT_A_MEMBER: "is not a full, active member of this workspace now",
    Refusal.NOT_APPROVER: "is not one of its approvers now",
    Refusal.REQUESTER: "is by now somebody in whose name, or by whose agent, it is done",
}
"""Why an approval stopped counting before the quorum filled."""
NAMES_CHARACTERS = 120
MENTIONS = 10


def block(lines: Sequence[str]) -> Json:
    """Return lines as a block in which Slack makes no links and mentions of its own."""
    text = {"type": "mrkdwn", "text": "\n".join(lines), "verbatim": True}
    return {"type": "section", "text": text}


def lines(standing: Standing, review: Review) -> list[str]:
    """Deadline, votes and who is on it while it waits; then the outcome and what came of it."""
    if not review.pending:
        return [_outcome(review), *fallen(review), *_aftermath(standing, review)]
    return [_deadline(standing, review), _votes(review), *fallen(review), *_acknowledged(review)]


def _deadline(standing: Standing, review: Review) -> str:
    """The deadline, and what happens then."""
    if review.expires_at is None:
        earlier = next((each for each in standing.reviews if each.id == review.predecessor_id), review)
        why = unanswered(earlier)
        return f"*Until when:* no window. It was halted when {why}, and stays halted until it is decided."
    if review.overdue_at is not None:
        since = date(review.overdue_at)
        return f"*Overdue* since {since}: it stays pending, and people are paged until somebody answers."
    match review.ruling.default:
        case AbsentDefault.SAFE_HALT:
            then = "it is halted: its state is kept, it is escalated, and it can still be answered."
        case AbsentDefault.ESCALATE:
            then = "it is overdue: it stays pending, and more people are paged until somebody answers."
        case _:
            then = "it is aborted and will not run."
    unless = "not enough people approve" if review.approvals else "nobody answers"
    if review.shown_at is None:
        begins = "its window begins when somebody who may decide is first shown it"
        return f"*Until when:* {begins}; if {unless} in it, {then}"
    return f"*Until when:* if {unless} by {date(review.expires_at)}, {then}"


def _votes(review: Review) -> str:
    """How many approvals of how many, by whom, and who may give one."""
    quorum = review.ruling.quorum
    count = f"*{len(review.approvals)} of {quorum} approval{'s' * (quorum != 1)}*"
    given = f": {mentions([vote.voter for vote in review.approvals])}" if review.approvals else ""
    names = mrkdwn.literal(cut(", ".join(review.ruling.approvers), NAMES_CHARACTERS))
    return f"{count}{given}. May answer: {names}"


def fallen(review: Review) -> list[str]:
    """The approvals that do not count any more: one line for each reason."""
    lines = []
    for reason in dict.fromkeys(vote.fallen for vote in review.fallen):
        who = mentions([vote.voter for vote in review.fallen if vote.fallen is reason])
        why = FALLEN.get(reason, "may not decide it any more") if reason is not None else ""
        lines.append(f"⚠ An approval does not count any more: {who} {why}.")
    return lines


def _acknowledged(review: Review) -> list[str]:
    """Who said that they are on it, and until when nobody else is paged."""
    if not review.acked_by:
        return []
    until = f"; nobody else is paged until {date(review.quiet_until)}" if review.quiet_until else ""
    return [f"{mrkdwn.mention(review.acked_by)} is on it{until}."]


def mentions(users: Sequence[str]) -> str:
    """Return some people, and how many more there are."""
    shown = [mrkdwn.mention(user) for user in users[:MENTIONS]]
    if len(users) > MENTIONS:
        return f"{', '.join(shown)} and {len(users) - MENTIONS} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _outcome(review: Review) -> str:
    """The result, when it came, and by whom."""
    when = date(review.closed_at) if review.closed_at is not None else "at some time"
    match review.state:
        case ReviewState.APPROVED:
            return f"✅ *Approved* by {mentions(review.decided_by)}, {when}."
        case ReviewState.REJECTED:
            return f"⛔ *Rejected* by {mentions(review.decided_by)}, {when}."
        case ReviewState.WITHDRAWN:
            return f"↩ *Withdrawn* {when}: its action is moot, and nobody judged it."
        case _ if review.ruling.default is AbsentDefault.SAFE_HALT:
            then = "It was halted: its state is kept, and it can still be answered."
        case _:
            then = "It was aborted and did not run."
    return f"⌛ *Expired* {when}: {unanswered(review)} in time. {then}"


def _aftermath(standing: Standing, review: Review) -> list[str]:
    """What came of an approved action."""
    if review.state is not ReviewState.APPROVED:
        return []
    latest = standing.review
    if latest is None or latest.id != review.id:
        return ["This approval does not count any more, so it was asked again."]
    if standing.action.state is ActionState.APPROVED and standing.frozen is not None:
        until = f"; the approval is good until {date(review.valid_until)}" if review.valid_until else ""
        return [f"It may not start before the thaw{until}."]
    return [_fate(standing.action, review)]


def _fate(action: ActionRecord, review: Review) -> str:
    settled = f" {date(action.settled_at)}" if action.settled_at is not None else ""
    until = f", until {date(review.valid_until)}" if review.valid_until is not None else ""
    fates = {
        ActionState.APPROVED: f"It may start now{until}.",
        ActionState.RUNNING: "▶ It is running; its report is awaited.",
        ActionState.EXECUTED: f"🏁 *Executed*{settled}.",
        ActionState.FAILED: f"❌ *Failed*{settled}.",
        ActionState.UNKNOWN: "❓ *Unknown:* it started and never reported, so whether it happened has to be "
        "looked up.",
        ActionState.WITHDRAWN: f"It was withdrawn before it started{settled}.",
    }
    return fates.get(action.state, f"The action is {action.state.value}.")
