"""The checks see what they look for: each kind of damage to a sound record is found, under its own rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checks import check
from tests.chaos.evidence import Evidence, Send, Shown
from tests.chaos.fleet import Told
from tests.chaos.sound import JOB, entry, sound
from tests.chaos.world import QUIET


def test_a_sound_record_has_no_violation() -> None:
    assert check(sound(), settled=True) == []


def test_a_quiet_agents_card_that_nine_posts_overtook_or_a_fault_delayed_is_no_violation() -> None:
    evidence = sound()
    flooded(evidence)
    evidence.disturbed.append(101.2)
    assert check(evidence, settled=True) == []
    evidence.disturbed.clear()
    evidence.sends.pop(1)
    assert check(evidence, settled=True) == []


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


def test_an_unknown_effect_that_people_are_asked_about_is_no_violation() -> None:
    evidence = sound()
    unknown(evidence, asked=True, buttons=frozenset({"it_happened"}))
    assert check(evidence, settled=True) == []


def of_thread(event: str, **body: Any) -> dict[str, Any]:
    return {**entry(event, thread="thr_1", **body), "action_id": None}


def asked(evidence: Evidence, wanted: str, *, done: bool = True) -> None:
    """Let an operator ask something of the thread."""
    made = {"id": "ask_1", "thread_id": "thr_1", "wanted": wanted, "done_at": 120.0 if done else None}
    evidence.thread_requests.append(made)
    evidence.journal.append(of_thread("thread.asked_by_operator", wanted=wanted))


def stalled(evidence: Evidence, error: str = "Broken: job-000001 cannot be done") -> None:
    """Let the thread stand still."""
    evidence.threads[0].update(state="stalled", error=error)
    evidence.journal.append(of_thread("thread.stalled", error=error))


def withdrawn(evidence: Evidence, error: str = "Broken: job-000001 cannot be done") -> None:
    """Let the thread stall after it acted, with another call still asked about, and be withdrawn."""
    stalled(evidence, error)
    evidence.interrupts.append({"id": "int_2", "thread_id": "thr_1", "state": "vanished"})
    asked(evidence, "withdraw")
    evidence.threads[0].update(state="gone", error="withdrawn by root: it broke too often")
    evidence.journal.extend([of_thread("thread.gone"), of_thread("thread.withdrawn")])


def frozen(evidence: Evidence, name: str, until: float | None, claimed_at: float = 111.0) -> None:
    """Let a freeze begin before the action is claimed."""
    began = entry("freeze.began", freeze="frz_1", name=name, until=until)
    evidence.journal.insert(5, {**began, "action_id": None})
    evidence.journal[6]["at"] = claimed_at


def test_a_thread_that_is_retried_and_ends_is_no_violation() -> None:
    evidence = sound()
    stalled(evidence)
    asked(evidence, "retry")
    evidence.journal.extend([of_thread("thread.retried"), of_thread("thread.finished")])
    evidence.threads[0].update(state="finished", error=None)
    assert check(evidence, settled=True) == []


def test_a_stalled_thread_that_an_operator_withdraws_is_no_violation() -> None:
    evidence = sound()
    withdrawn(evidence)
    assert check(evidence, settled=True) == []


def test_a_freeze_that_is_over_or_of_something_else_is_no_violation() -> None:
    for name, until in (("all", 111.0), ("data.wipe", None), ("chaos-two", None)):
        evidence = sound()
        frozen(evidence, name, until)
        assert check(evidence, settled=True) == []
    evidence = sound()
    frozen(evidence, "all", None)
    evidence.journal.insert(6, {**entry("freeze.ended", freeze="frz_1"), "action_id": None})
    assert check(evidence, settled=True) == []


def taken_back_while_stalled(evidence: Evidence) -> None:
    stalled(evidence)
    evidence.journal.append(entry("review.closed", "rev_1", state="withdrawn"))


def action_taken_back_while_stalled(evidence: Evidence) -> None:
    stalled(evidence)
    evidence.journal.append(entry("action.withdrawn"))


def asked_in_no_journal(evidence: Evidence) -> None:
    asked(evidence, "retry")
    evidence.journal.pop()


def ended_while_stalled(evidence: Evidence) -> None:
    stalled(evidence)
    evidence.journal.append(of_thread("thread.gone"))


def withdrawn_and_goes_on(evidence: Evidence) -> None:
    withdrawn(evidence)
    evidence.threads[0].update(state="parked")


def withdrawn_and_asks_on(evidence: Evidence) -> None:
    withdrawn(evidence)
    evidence.interrupts[-1].update(state="answered")


def flooded(evidence: Evidence) -> None:
    """Let the card be the quiet agent's, and go after ten posts of others in its channel."""
    evidence.messages[0].update(agent=QUIET)
    others = [Send(101.1 + number / 100, "C0ORDERS", f"msg_{number + 10}") for number in range(10)]
    evidence.sends[:0] = [Send(100.0, "C0ORDERS", "msg_9"), *others]


def flooded_out(evidence: Evidence) -> None:
    """Let the review be withdrawn before the quiet agent's card came at all."""
    flooded(evidence)
    evidence.messages[0].update(given_up_at=110.0, error="the review was closed before it was sent")
    evidence.sends[:] = [each for each in evidence.sends if each.message_id != "msg_1"]


def expired(evidence: Evidence, *, reason: str = "quorum_short", **review: Any) -> None:
    """Let the review expire."""
    evidence.reviews[0].update(state="expired", **review)
    closed = next(each for each in evidence.journal if each["event"] == "review.closed")
    closed["body"].update(state="expired", reason=reason)


Damage = Callable[[Evidence], object]
DAMAGES: list[tuple[str, Damage]] = [
    ("files are sound", lambda e: e.broken.append("the journal does not hold at bot 7")),
    ("the journal tells it all", lambda e: e.journal.pop(0)),
    ("the journal tells it all", lambda e: e.journal.append(entry("action.claimed"))),
    ("the journal tells it all", lambda e: e.journal.pop()),
    (
        "the auditor has nothing to repair",
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
    ("no run without a claim of its own", lambda e: e.runs.append({**e.runs[0], "style": "again"})),
    ("no run without a claim of its own", lambda e: e.runs.append({**e.runs[0], "key": None})),
    ("every thread ends", stalled),
    ("every thread ends", lambda e: e.threads[0].update(state="gone", error="withdrawn by root: moot")),
    ("every thread ends", lambda e: withdrawn(e, "TypeError: it is not ours")),
    ("every answer is delivered", withdrawn_and_asks_on),
    ("every answer is delivered", lambda e: e.interrupts[0].update(state="vanished")),
    ("a stalled thread keeps its reviews", taken_back_while_stalled),
    (
        "a stalled thread keeps its reviews",
        action_taken_back_while_stalled,
    ),
    ("a stalled thread keeps its state", ended_while_stalled),
    ("what an operator asks is done", lambda e: asked(e, "retry", done=False)),
    ("what an operator asks is done", withdrawn_and_goes_on),
    ("the journal tells what operators ask", asked_in_no_journal),
    ("a freeze holds", lambda e: frozen(e, "all", None)),
    ("a freeze holds", lambda e: frozen(e, "own", 111.1)),
    ("a freeze holds", lambda e: frozen(e, "chaos-one", None)),
    ("a freeze holds", lambda e: frozen(e, "order.change", None)),
    ("nobody's flood delays a Tier 3", flooded),
    ("nobody's flood delays a Tier 3", flooded_out),
    (
        "shown is a fact in the journal",
        lambda e: e.journal.append(entry("review.shown", "rev_1", shown_at=1.0)),
    ),
    ("a window starts when it is shown", lambda e: e.reviews[0].update(expires_at=110.0)),
    ("no expiry before its time", lambda e: expired(e, closed_at=110.0)),
    ("an expiry says why", lambda e: expired(e, reason="never_shown")),
    ("silence is said only of what was seen", lambda e: expired(e, shown_at=None, expires_at=110.0)),
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
