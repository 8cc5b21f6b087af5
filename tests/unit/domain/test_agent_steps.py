"""The agent's next step for every state, and the outcome behind each state."""

from __future__ import annotations

import itertools

import pytest

from bot.domain.agent_steps import CLAIM, STOP, WAIT, agent_step, outcome_of
from bot.domain.states import RECEIPTS, ActionState, Receipt, ReviewState

TABLE = {
    ActionState.PASSED: CLAIM,
    ActionState.FROZEN: WAIT,
    ActionState.QUEUED: WAIT,
    ActionState.WAITING: WAIT,
    ActionState.HALTED: WAIT,
    ActionState.APPROVED: CLAIM,
    ActionState.REJECTED: STOP,
    ActionState.ABORTED: STOP,
    ActionState.WITHDRAWN: STOP,
    ActionState.RUNNING: WAIT,
    ActionState.EXECUTED: STOP,
    ActionState.FAILED: STOP,
    ActionState.UNKNOWN: STOP,
}
FLAGS = ("hosted", "frozen", "lapsed", "asked_about")
EVERY = [dict(zip(FLAGS, values, strict=True)) for values in itertools.product((False, True), repeat=4)]


def test_the_table_has_every_state() -> None:
    assert set(TABLE) == set(ActionState)


@pytest.mark.parametrize("state", ActionState)
def test_every_state_has_its_step(state: ActionState) -> None:
    assert agent_step(state) == TABLE[state]


@pytest.mark.parametrize("state", ActionState)
@pytest.mark.parametrize("flags", EVERY, ids=str)
def test_every_state_under_every_circumstance(state: ActionState, flags: dict[str, bool]) -> None:
    found = agent_step(state, **flags)
    assert found in (CLAIM, WAIT, STOP)
    if found == CLAIM:
        assert state in {ActionState.PASSED, ActionState.APPROVED}
        assert not flags["hosted"]
        assert not flags["frozen"]
    if flags["hosted"] or flags["frozen"]:
        held = TABLE[state] if TABLE[state] != CLAIM else WAIT
        passed_too_long_ago = state is ActionState.PASSED and flags["lapsed"] and not flags["hosted"]
        unknown = state is ActionState.UNKNOWN
        assert found == (STOP if passed_too_long_ago else held) or unknown
    if state is ActionState.UNKNOWN:
        assert found == (WAIT if flags["asked_about"] else STOP)
    if state is ActionState.APPROVED and flags["lapsed"] and not flags["hosted"] and not flags["frozen"]:
        assert found == CLAIM, "the claim has it asked again"
    if found.done:
        assert found.next == "stop"


def test_a_final_state_has_a_receipt_or_is_withdrawn() -> None:
    """Other states may have one too: a halted action can be answered, an unknown one reported."""
    final = {state for state in ActionState if agent_step(state).done}
    assert final == {*RECEIPTS, ActionState.WITHDRAWN} - {ActionState.HALTED}
    assert RECEIPTS[ActionState.HALTED] is Receipt.HALTED


@pytest.mark.parametrize("state", ActionState)
@pytest.mark.parametrize("decided", [None, *ReviewState])
def test_every_state_and_review_has_its_outcome(state: ActionState, decided: ReviewState | None) -> None:
    expected: dict[ActionState, ReviewState | None] = {
        ActionState.REJECTED: ReviewState.REJECTED,
        ActionState.HALTED: ReviewState.EXPIRED,
        ActionState.ABORTED: ReviewState.EXPIRED,
        ActionState.APPROVED: ReviewState.APPROVED,
    }
    if state in {ActionState.RUNNING, ActionState.EXECUTED, ActionState.FAILED, ActionState.UNKNOWN}:
        expected[state] = ReviewState.APPROVED if decided is ReviewState.APPROVED else None
    assert outcome_of(state, decided) == expected.get(state)
