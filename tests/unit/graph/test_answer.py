"""A thread's answer holds the outcome, the people behind it, and a sentence for the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.expiry import expired_words
from bot.domain.record import ActionRecord, Standing
from bot.domain.review import Review, Vote
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault, Ruling
from bot.domain.states import ActionState, ReviewState
from bot.graph.answer import Answer, answer_to, verdict

RULING = Ruling(
    "data.delete",
    Tier.SYNC_APPROVAL,
    "sha256:1",
    "risk",
    "cannot be undone",
    approvers=("leads",),
    quorum=2,
    window_s=1800.0,
    default=AbsentDefault.ABORT,
)
ACTION = ActionRecord(
    id="act_1",
    kind="data.delete",
    args={"id": 1},
    args_digest="d",
    agent="ops-agent",
    owner=None,
    on_behalf_of=None,
    description=None,
    tier=Tier.SYNC_APPROVAL,
    ruling=RULING,
    state=ActionState.WAITING,
    proposed_at=10.0,
)
REVIEW = Review("rev_1", "act_1", RULING, "d", frozenset(), 10.0, 1810.0, shown_at=10.0)


def closed(state: ReviewState, *votes: Vote, **changes: Any) -> Review:
    return replace(REVIEW, state=state, votes=votes, closed_at=20.0, **changes)


def test_silence_is_not_a_refusal() -> None:
    silent = closed(ReviewState.EXPIRED)
    assert expired_words(silent) == "nobody answered within 30 minutes; this is not a refusal by a person"
    endless = replace(silent, ruling=replace(RULING, window_s=None))
    assert expired_words(endless) == "nobody answered; this is not a refusal by a person"


def test_half_a_quorum_is_not_silence() -> None:
    review = closed(ReviewState.EXPIRED, Vote("U1", True, "d", 15.0), ruling=replace(RULING, quorum=2))
    answer = answer_to(Standing(ACTION, (review,)), review)
    assert answer.text == "only 1 of 2 approved within 30 minutes; this is not a refusal by a person"
    assert (answer.outcome, answer.reason, answer.decided_by) == ("expired", "quorum_short", ())


def test_an_approval_names_everybody_who_made_it() -> None:
    review = closed(ReviewState.APPROVED, Vote("U1", True, "d", 15.0), Vote("U2", True, "d", 20.0), note="ok")
    answer = answer_to(Standing(ACTION, (review,)), review)
    assert (answer.outcome, answer.decided_by, answer.at) == ("approved", ("U1", "U2"), 20.0)
    assert answer.text == "approved by U1 and U2: ok"
    assert answer.default is None


def test_a_rejection_names_the_one_who_rejected() -> None:
    votes = (Vote("U1", True, "d", 15.0), Vote("U2", False, "d", 20.0))
    review = closed(ReviewState.REJECTED, *votes)
    answer = answer_to(Standing(ACTION, (review,)), review)
    assert (answer.outcome, answer.decided_by, answer.text) == ("rejected", ("U2",), "rejected by U2")


@pytest.mark.parametrize(
    ("default", "halts"), [(AbsentDefault.ABORT, False), (AbsentDefault.SAFE_HALT, True)]
)
def test_an_expiry_says_what_it_leads_to(default: AbsentDefault, halts: bool) -> None:
    review = closed(ReviewState.EXPIRED, ruling=replace(RULING, default=default))
    answer = answer_to(Standing(ACTION, (review,)), review)
    assert (answer.outcome, answer.default, answer.decided_by) == ("expired", default, ())
    assert answer.halts is halts
    assert (answer.text, answer.reason) == (expired_words(review), "nobody_answered")


def test_an_answer_names_nobody_when_nobody_was_asked() -> None:
    passed = replace(ACTION, state=ActionState.PASSED, tier=Tier.TRANSPARENT)
    answer = answer_to(Standing(passed), None)
    assert (answer.outcome, answer.review_id, answer.decided_by) == ("approved", None, ())
    assert answer.text == "approved by the policy (tier 0: cannot be undone)"

    remembered = replace(ACTION, state=ActionState.REJECTED, detail="rejected a moment ago", settled_at=12.0)
    answer = answer_to(Standing(remembered), None)
    assert (answer.outcome, answer.text, answer.at) == ("rejected", "rejected a moment ago", 12.0)


def test_a_withdrawn_review_names_no_judge() -> None:
    review = closed(ReviewState.WITHDRAWN, note="the thread ended")
    assert verdict(Standing(ACTION, (review,)), review) == "withdrawn, nobody judged it: the thread ended"


def test_an_answer_with_anything_else_in_it_is_refused() -> None:
    """It is the gate's response schema, so LangGraph refuses such an answer before it saves it."""
    good: dict[str, Any] = {
        "outcome": "approved",
        "action_id": "a",
        "args_digest": "d",
        "at": 1.0,
        "text": "t",
    }
    assert Answer.model_validate(good).model_dump(mode="json")["decided_by"] == []
    for bad in ({**good, "approve": True}, {**good, "outcome": "yes"}, {}):
        with pytest.raises(ValidationError):
            Answer.model_validate(bad)
