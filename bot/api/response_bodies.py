"""Response bodies: pure functions from domain objects to JSON-ready values.

The bodies are built by hand and dumped by orjson, because a pydantic response model costs more than the rest
of a passing proposal. A test compares them with `bot.api.response_models`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bot.domain.agent_steps import outcome_of, step_of, step_of_line
from bot.domain.durations import in_sentence
from bot.domain.expiry import ExpiryReason, expired_words, expiry_reason
from bot.domain.hosting import ThreadRecord
from bot.domain.kind_ruling import UNFIT_RULES
from bot.domain.record import ActionLine, ActionRecord, Claim, Standing
from bot.domain.review import Review
from bot.domain.ruling import AbsentDefault, Ruling
from bot.domain.states import ActionState, ReviewState

FOLLOWS = {
    ActionState.PASSED: "Claim it, then act.",
    ActionState.APPROVED: "Claim it, then act.",
    ActionState.REJECTED: "Do not do it.",
    ActionState.HALTED: "It is halted, and can still be answered.",
    ActionState.ABORTED: "It is aborted and does not run.",
}
"""The consequence of a state, in words."""
IF_NOBODY_ANSWERS = {
    AbsentDefault.SAFE_HALT: "it is halted, its state kept; it can still be answered later",
    AbsentDefault.ABORT: "it is aborted and does not run",
    AbsentDefault.ESCALATE: "it stays pending, and more people are paged until one of them acts",
}


def instant(at: float | None) -> datetime | None:
    """Return seconds since the epoch as a datetime, which orjson writes in RFC 3339."""
    return None if at is None else datetime.fromtimestamp(at, UTC)


def action(standing: Standing, now: float) -> dict[str, Any]:
    """Return an ActionAnswer."""
    record, decided = standing.action, _decided(standing)
    until, ruling = standing.valid_until, record.ruling
    review, then = standing.review, step_of(standing, now)
    expired = decided or standing.remembered
    reason = expiry_reason(expired) if expired is not None else None
    return {
        "id": record.id,
        "kind": record.kind,
        "reference": record.reference,
        "turn": record.turn_id,
        "args_digest": record.args_digest,
        "tier": int(record.tier),
        "tier_name": record.tier.label,
        "rule": ruling.rule,
        "reason": ruling.reason,
        "policy_version": ruling.policy_version,
        "state": record.state,
        "message": message(standing),
        "done": then.done,
        "next": then.next,
        "may_start": until is not None
        and now <= until
        and record.thread_id is None
        and standing.frozen is None,
        "frozen": str(standing.frozen) if standing.frozen is not None else None,
        "valid_until": instant(until),
        "outcome": outcome_of(record.state, decided.state if decided is not None else None),
        "outcome_reason": reason,
        "nobody_answered": reason is ExpiryReason.NOBODY_ANSWERED,
        "decided_by": decided.decided_by if decided is not None else (),
        "decided_at": instant(decided.closed_at) if decided is not None else None,
        "note": decided.note if decided is not None else None,
        "remembers": record.remembers,
        "merged": standing.merged,
        "receipt": record.receipt,
        "detail": record.detail,
        "result": record.result,
        "proposed_at": instant(record.proposed_at),
        "settled_at": instant(record.settled_at),
        "review": _review(review) if review is not None else None,
    }


def _decided(standing: Standing) -> Review | None:
    """Return the review whose outcome led to the action's state, if one did."""
    decided = standing.decided
    if decided is None or decided.state is not outcome_of(standing.action.state, decided.state):
        return None
    return decided


def _review(review: Review) -> dict[str, Any]:
    ruling = review.ruling
    return {
        "id": review.id,
        "state": review.state,
        "opened_at": instant(review.opened_at),
        "shown_at": instant(review.shown_at),
        "expires_at": instant(review.expires_by),
        "overdue_at": instant(review.overdue_at),
        "approvers": ruling.approvers,
        "quorum": ruling.quorum,
        "approvals": len(review.approvals),
        "channel": ruling.channel,
        "if_nobody_answers": _default(review),
        "if_nobody_answers_text": if_nobody_answers(review),
    }


def _default(review: Review) -> AbsentDefault:
    return review.ruling.default or AbsentDefault.ABORT


def if_nobody_answers(review: Review) -> str:
    """Return the consequence of an unanswered review, in words."""
    if review.expires_at is None:
        return "it stays halted, and is named in every digest"
    return IF_NOBODY_ANSWERS[_default(review)]


def message(standing: Standing) -> str:
    """Return where an action stands, in words for a model."""
    said = _message(standing)
    if standing.merged:
        said = f"The same was proposed before and is open, so this is that proposal. {said}"
    if standing.frozen is None:
        return said
    return f"{said} But {standing.frozen}. It may not start before the thaw."


def _message(standing: Standing) -> str:
    record, decided = standing.action, _decided(standing)
    if record.state is ActionState.FROZEN:
        return f"It would pass ({record.tier.label}): {record.ruling.reason}."
    if record.state is ActionState.PASSED:
        return f"It passes ({record.tier.label}): {record.ruling.reason}. {_then(record)}"
    if record.state is ActionState.WAITING and standing.review is not None:
        return f"{_waiting(standing.review)}{_unfit(record.ruling)}"
    if record.state is ActionState.RUNNING:
        return "Started; its report is awaited."
    if decided is not None and record.state in FOLLOWS:
        return f"{_verdict(decided)} {_then(record)}"
    return _noted(record.state.capitalize(), record.detail)


def _then(record: ActionRecord) -> str:
    """Return what the agent should do next, in words."""
    if record.thread_id is not None and record.state in {ActionState.PASSED, ActionState.APPROVED}:
        return "Its thread starts it."
    return FOLLOWS[record.state]


def _waiting(review: Review) -> str:
    ruling = review.ruling
    names, got = " or ".join(ruling.approvers), len(review.approvals)
    text = f"It waits for {names} ({got} of {ruling.quorum} approvals)."
    if review.overdue_at is not None:
        return f"{text} It is overdue: {IF_NOBODY_ANSWERS[AbsentDefault.ESCALATE]}."
    within = (
        f" within {in_sentence(ruling.window_s)}" if ruling.window_s and review.expires_at is not None else ""
    )
    unless = "not enough people approve" if got else "nobody answers"
    return f"{text} If {unless}{within}, {if_nobody_answers(review)}."


def _unfit(ruling: Ruling) -> str:
    """Return why people are asked about an action that does not fit the policy's schema; else nothing."""
    if ruling.rule not in UNFIT_RULES:
        return ""
    return (
        f" They are asked because {ruling.reason}. If that is a slip, withdraw it and propose it corrected."
    )


def _verdict(review: Review) -> str:
    if review.state is ReviewState.EXPIRED:
        words = expired_words(review)
        return f"{words[0].upper()}{words[1:]}."
    return _noted(f"{review.state.capitalize()} by {' and '.join(review.decided_by)}", review.note)


def _noted(text: str, note: str | None) -> str:
    return f"{text}: {note.rstrip('.')}." if note else f"{text}."


CardLink = Callable[[str, str], str | None]
"""Makes a link to a card from its channel id and timestamp; None if Slack was never reached."""


def no_link(_channel_id: str, _ts: str) -> str | None:
    """Return no link: Slack is not known."""
    return None


def line(record: ActionLine, link: CardLink = no_link) -> dict[str, Any]:
    """Return an ActionLine."""
    then = step_of_line(record)
    return {
        "id": record.id,
        "kind": record.kind,
        "tier": int(record.tier),
        "state": record.state,
        "done": then.done,
        "next": then.next,
        "outcome": outcome_of(record.state, record.review),
        "receipt": record.receipt,
        "detail": record.detail,
        "reference": record.reference,
        "thread_id": record.thread_id,
        "proposed_at": instant(record.proposed_at),
        "expires_at": instant(record.expires_at),
        "settled_at": instant(record.settled_at),
        "card": link(*record.card) if record.card is not None else None,
    }


def claim(claimed: Claim) -> dict[str, Any]:
    """Return a ClaimAnswer."""
    record = claimed.action
    return {
        "id": record.id,
        "key": claimed.key,
        "attempt": claimed.attempt,
        "repeated": claimed.repeated,
        "kind": record.kind,
        "args": record.args,
        "args_digest": record.args_digest,
        "report_within_s": claimed.report_within_s,
    }


def thread(record: ThreadRecord, actions: list[ActionLine], link: CardLink = no_link) -> dict[str, Any]:
    """Return a ThreadAnswer."""
    ended = record.result or {}
    return {
        **thread_line(record),
        "result": ended.get("result"),
        "result_cut": ended.get("cut", False),
        "actions": [line(each, link) for each in actions],
    }


def thread_line(record: ThreadRecord) -> dict[str, Any]:
    """Return a ThreadLine."""
    return {
        "id": record.id,
        "graph": record.graph,
        "graph_version": record.graph_version,
        "state": record.state,
        "done": record.done,
        "error": record.error,
        "on_behalf_of": record.on_behalf_of,
        "wanted_at": instant(record.wanted_at),
        "settled_at": instant(record.settled_at),
    }
