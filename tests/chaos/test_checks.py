"""The checks see what they look for: each kind of damage to a sound record is found, under its own rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checks import check
from tests.chaos.evidence import Evidence, Shown
from tests.chaos.fleet import Told

JOB = "job-000001"
DIGEST = "d1"


def entry(event: str, review_id: str | None = None, **body: Any) -> dict[str, Any]:
    return {"event": event, "body": body, "action_id": "act_1", "review_id": review_id}


def sound() -> Evidence:
    """Return what is left of one order that was approved, carried out, and is shown as it is."""
    ruling = {"kind": "order.change", "quorum": 1, "valid_for_s": 60.0}
    card = {
        "id": "msg_1",
        "kind": "card",
        "review_id": "rev_1",
        "action_id": None,
        "position": 0,
        "channel_id": "C0ORDERS",
        "ts": "101.5",
        "given_up_at": None,
        "error": None,
        "created_at": 101.0,
    }
    return Evidence(
        actions=[
            {
                "id": "act_1",
                "job": JOB,
                "state": "executed",
                "tier": 2,
                "idempotency_key": None,
                "remembers": None,
            }
        ],
        reviews=[
            {
                "id": "rev_1",
                "action_id": "act_1",
                "state": "approved",
                "ruling": ruling,
                "requesters": ["U0GUS"],
                "args_digest": DIGEST,
                "closed_at": 110.0,
            }
        ],
        votes=[{"review_id": "rev_1", "voter": "U0CLEO", "approve": 1, "args_digest": DIGEST}],
        messages=[card, {**card, "id": "msg_2", "kind": "page", "channel_id": "D0ADA", "ts": "105.5"}],
        interrupts=[{"id": "int_1", "thread_id": "thr_1", "state": "delivered"}],
        threads=[{"id": "thr_1", "graph": "own", "state": "finished", "error": None}],
        executions=[
            {"action_id": "act_1", "key": "k1", "attempt": 1, "claimed_at": 111.0, "report_by": 121.0}
        ],
        unknowns=[],
        journal=[
            entry("action.proposed"),
            entry("review.opened", "rev_1"),
            entry("review.closed", "rev_1", state="approved"),
            entry("action.claimed"),
            entry("action.executed"),
        ],
        runs=[
            {
                "job": JOB,
                "kind": "order.change",
                "key": "k1",
                "attempt": 1,
                "style": "own",
                "action_id": "act_1",
                "at": 111.5,
            }
        ],
        told_graphs=[{"job": JOB, "action_id": "act_1", "receipt": "executed", "outcome": "approved"}],
        told_agents=[Told(JOB, "act_1", "executed")],
        shown=[
            Shown("C0ORDERS", "101.5", "msg_1", frozenset(), "Approved"),
            Shown("D0ADA", "105.5", "msg_2", frozenset(), "Approved"),
        ],
        broken=[],
    )


def test_of_a_sound_record_nothing_is_said() -> None:
    assert check(sound(), settled=True) == []


def unknown(evidence: Evidence, *, asked: bool, buttons: frozenset[str] = frozenset()) -> None:
    """Let the effect never have reported back."""
    evidence.actions[0]["state"] = "unknown"
    evidence.journal[-1] = entry("action.unknown")
    evidence.told_agents.clear()
    evidence.told_graphs.clear()
    evidence.unknowns.append({"action_id": "act_1", "number": 1, "closed_at": None})
    if asked:
        card = {**evidence.messages[0], "id": "msg_3", "kind": "receipt", "review_id": None}
        evidence.messages.append({**card, "action_id": "act_1", "position": 1, "ts": "130.5"})
        evidence.shown.append(Shown("C0ORDERS", "130.5", "msg_3", buttons, "Started"))


def test_nor_of_one_that_people_are_asked_about() -> None:
    evidence = sound()
    unknown(evidence, asked=True, buttons=frozenset({"it_happened"}))
    assert check(evidence, settled=True) == []


Damage = Callable[[Evidence], object]
DAMAGES: list[tuple[str, Damage]] = [
    ("files are sound", lambda e: e.broken.append("the journal does not hold at bot 7")),
    ("the journal tells it all", lambda e: e.journal.pop(0)),
    ("the journal tells it all", lambda e: e.journal.append(entry("action.claimed"))),
    ("the journal tells it all", lambda e: e.journal.pop()),
    (
        "the auditor has nothing to mend",
        lambda e: e.journal.append(entry("audit.found", what="No card was wanted for rev_1")),
    ),
    (
        "one review, one outcome",
        lambda e: e.journal.append(entry("review.closed", "rev_1", state="rejected")),
    ),
    ("one review, one outcome", lambda e: e.journal.append(entry("review.opened", "rev_1"))),
    ("one review, one outcome", lambda e: e.reviews[0].update(state="rejected")),
    ("a quorum decides", lambda e: e.votes.clear()),
    ("a quorum decides", lambda e: e.votes[0].update(approve=0)),
    ("who may vote", lambda e: e.votes[0].update(voter="U0GUS")),
    ("who may vote", lambda e: e.votes[0].update(voter="U0FINN")),
    ("what was shown is what runs", lambda e: e.votes[0].update(args_digest="other")),
    ("everything is answered", lambda e: e.reviews[0].update(state="pending")),
    ("every thread ends", lambda e: e.threads[0].update(state="running")),
    ("every answer is delivered", lambda e: e.interrupts[0].update(state="answered")),
    ("effects at most once", lambda e: e.runs.append({**e.runs[0], "style": "again"})),
    ("no effect unclaimed", lambda e: e.executions.clear()),
    ("no effect unapproved", lambda e: e.reviews[0].update(state="expired")),
    ("no effect before its approval", lambda e: e.runs[0].update(at=109.0)),
    ("an approval does not keep", lambda e: e.executions[0].update(claimed_at=171.0)),
    ("receipts are honest", lambda e: e.runs.clear()),
    ("receipts are honest", lambda e: e.actions[0].update(state="failed")),
    ("receipts are honest", lambda e: e.actions[0].update(state="running")),
    ("one action a job", lambda e: e.actions.append({**e.actions[0], "id": "act_2"})),
    ("one claim an action", lambda e: e.executions.append({**e.executions[0], "key": "k2"})),
    ("what was answered is durable", lambda e: e.told_agents.append(Told(JOB, "act_9", "executed"))),
    ("what was told stands", lambda e: e.told_agents.append(Told(JOB, "act_1", "rejected"))),
    ("graphs are told the truth", lambda e: e.told_graphs[0].update(receipt="denied")),
    ("graphs are told the truth", lambda e: e.told_graphs[0].update(receipt="failed")),
    ("graphs are told the truth", lambda e: e.told_graphs[0].update(outcome="rejected")),
    ("graphs are told the truth", lambda e: e.told_graphs[0].update(action_id=None)),
    ("no stray message", lambda e: e.shown.append(Shown("C0ORDERS", "9.9", "msg_9", frozenset(), ""))),
    ("no duplicate message", lambda e: e.shown.append(Shown("C0ORDERS", "9.9", "msg_1", frozenset(), ""))),
    ("no review without a card", lambda e: e.messages.pop(0)),
    ("every message is shown", lambda e: e.shown.pop()),
    ("nothing is dropped", lambda e: e.messages[0].update(given_up_at=120.0, error="is_archived")),
    (
        "Slack shows the present",
        lambda e: e.shown.append(Shown("D0ADA", "105.5", "msg_2", frozenset({"approve"}), "Wanted")),
    ),
    ("no page after an outcome", lambda e: e.messages[1].update(created_at=111.0)),
    ("no page after an outcome", lambda e: e.messages[1].update(ts="112.5")),
    ("somebody is asked", lambda e: unknown(e, asked=False)),
    ("Slack shows the present", lambda e: unknown(e, asked=True)),
]


@pytest.mark.parametrize(
    ("rule", "damage"), DAMAGES, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(DAMAGES)]
)
def test_damage_is_found(rule: str, damage: Damage) -> None:
    evidence = sound()
    damage(evidence)
    assert rule in {violation.rule for violation in check(evidence, settled=True)}


def test_an_idempotent_effect_may_run_again_under_its_key_only() -> None:
    evidence = sound()
    evidence.reviews[0]["ruling"]["kind"] = evidence.runs[0]["kind"] = "job.run"
    evidence.runs.append({**evidence.runs[0], "attempt": 2})
    evidence.executions[0]["attempt"] = 2
    evidence.journal.append(entry("action.claimed"))
    assert check(evidence, settled=True) == []
    evidence.runs[1]["key"] = "k2"
    assert [each.rule for each in check(evidence, settled=True)] == ["effects at most once a key"]


def test_every_rule_that_can_be_broken_is_broken_here() -> None:
    """So that a new check gets a test of its own."""
    sources = "".join(path.read_text() for path in (Path(__file__).parent / "checks").glob("*.py"))
    rules = set(re.findall(r'Violation\(\s*"([^"]+)"', sources))
    assert rules - {"effects at most once a key"} == {rule for rule, _ in DAMAGES}
