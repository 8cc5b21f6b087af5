"""The timeline: a journal entry in one line, for people."""

from __future__ import annotations

import io
from typing import Any

import pytest

from bot.demo.timeline import GREEN, Timeline, line_of, told
from bot.domain.record import ActionRecord
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault, Ruling
from bot.domain.states import ActionState

RULING = Ruling(
    "payment.refund",
    Tier.SYNC_APPROVAL,
    "sha256:0",
    "large-refund",
    "large refunds need two people",
    approvers=("release-leads",),
    quorum=2,
    window_s=75.0,
    default=AbsentDefault.ABORT,
)


def action(**changes: Any) -> ActionRecord:
    fields: dict[str, Any] = {
        "id": "act_1",
        "kind": "payment.refund",
        "args": {"amount": 900, "order": "O-1044", "note": None},
        "args_digest": "d",
        "agent": "support-agent",
        "owner": "U0GUS",
        "on_behalf_of": None,
        "description": None,
        "tier": Tier.SYNC_APPROVAL,
        "ruling": RULING,
        "state": ActionState.WAITING,
        "proposed_at": 0.0,
    }
    return ActionRecord(**{**fields, **changes})


REFUND = "payment.refund (900, O-1044)"
CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "review.opened",
        {"tier": 3, "quorum": 2, "predecessor": None},
        f"support-agent: {REFUND} waits, Tier 3: 2 of release-leads; 1 minute 15 seconds",
    ),
    (
        "review.opened",
        {"tier": 3, "quorum": 2, "predecessor": "rev_0"},
        f"{REFUND} is halted and asked again, without a window",
    ),
    ("review.vote", {"voter": "U0CLEO", "approve": True}, f"Cleo approves {REFUND}"),
    ("review.vote_refused", {"voter": "U0GUS", "reason": "requester"}, "does not count: requester"),
    (
        "review.closed",
        {"state": "approved", "decided_by": ["U0CLEO", "U0DIA"], "note": None},
        f"{REFUND} is approved by Cleo and Dia",
    ),
    (
        "review.closed",
        {"state": "rejected", "decided_by": ["U0EVE"], "note": "no"},
        f"{REFUND} is rejected by Eve: “no”",
    ),
    (
        "review.closed",
        {"state": "expired", "decided_by": [], "note": None},
        f"{REFUND} expires: nobody answered; then abort",
    ),
    (
        "review.closed",
        {"state": "withdrawn", "decided_by": [], "note": "moot"},
        f"{REFUND} is withdrawn; nobody judged it: “moot”",
    ),
    ("review.overdue", {}, f"{REFUND} is overdue"),
    (
        "review.paged",
        {"to": ["U0ADA"], "posts": ["#incidents"]},
        f"Ada and #incidents paged about {REFUND}",
    ),
    ("review.acknowledged", {"by": "U0ADA"}, "Ada is on it"),
    ("action.passed", {"tier": 0}, f"support-agent: {REFUND} passes, Tier 0"),
    ("action.executed", {}, f"{REFUND} is done"),
    ("action.failed", {"detail": "no such order"}, f"{REFUND} failed: no such order"),
]


@pytest.mark.parametrize(("event", "body", "words"), CASES)
def test_an_event_is_told_in_one_line(event: str, body: dict[str, Any], words: str) -> None:
    line = line_of(event, body, action())
    assert line is not None
    assert words in line[0]


def test_a_digest_is_told_without_an_action() -> None:
    line = line_of("digest.made", {"actions": 3}, None)
    assert line is not None
    assert line[0] == "#agent-digest gets a digest: 3 actions to look over"


@pytest.mark.parametrize("event", ["message.posted", "action.claimed", "thread.wanted"])
def test_other_events_are_not_told(event: str) -> None:
    assert line_of(event, {}, action()) is None


def test_a_page_that_reached_nobody_is_not_told() -> None:
    assert line_of("review.paged", {"to": [], "posts": []}, action()) is None


def test_that_a_passing_action_ended_is_not_told() -> None:
    assert line_of("action.executed", {}, action(tier=Tier.TRANSPARENT)) is None


def test_long_arguments_are_cut() -> None:
    assert len(told(action(args={"body": "x" * 500}))) <= 70


def test_lines_begin_with_the_seconds_and_have_colour_on_a_terminal_only() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    plain, terminal = io.StringIO(), Terminal()
    Timeline(plain, began=100.0).say("done", GREEN, at=107.25)
    Timeline(terminal, began=100.0).say("done", GREEN, at=107.25)
    assert plain.getvalue() == "   7.2  done\n"
    assert terminal.getvalue() == "\x1b[32m   7.2  done\x1b[0m\n"
