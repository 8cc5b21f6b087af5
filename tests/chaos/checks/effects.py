"""Checks of actions and their effects: allowed, at most once, and honestly reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checks.violation import Violation
from tests.chaos.evidence import NOT_SOON_S, Evidence
from tests.chaos.world import KINDS

ENDS = {"rejected", "aborted", "withdrawn", "executed", "failed"}
"""States of an action that stand for ever once an agent was told of them."""


def effects_happen_once(evidence: Evidence) -> Iterator[Violation]:
    """An effect runs once; that of an idempotent kind again only under the same key, claimed again."""
    for job, runs in evidence.runs_of.items():
        about = _about(evidence, job)
        if KINDS[runs[0]["kind"]].idempotent:
            attempts = Counter((run["key"], run["attempt"]) for run in runs if run["key"])
            if len({key for key, _ in attempts}) > 1 or any(count > 1 for count in attempts.values()):
                yield Violation("effects at most once a key", f"{job} ran as {dict(attempts)}", about)
        elif len(runs) > 1:
            styles = [run["style"] for run in runs]
            yield Violation("effects at most once", f"{job} ran {len(runs)} times, as {styles}", about)


def runs_are_claimed(evidence: Evidence) -> Iterator[Violation]:
    """An effect ran no more often than it was claimed, however often its thread was set going again."""
    claims = Counter({each["action_id"]: each["attempt"] for each in evidence.executions})
    for job, runs in evidence.runs_of.items():
        about = _about(evidence, job)
        if (claimed := sum(claims[action_id] for action_id in about)) < len(runs):
            what = f"{job} ran {len(runs)} times, and was claimed {claimed} times"
            yield Violation("no run without a claim of its own", what, about)


def effects_were_allowed(evidence: Evidence) -> Iterator[Violation]:
    """No effect on what was rejected, expired, withdrawn or never claimed."""
    claims = {execution["action_id"]: execution for execution in evidence.executions}
    for job, runs in evidence.runs_of.items():
        found = [action for action in evidence.actions if action["job"] == job and action["id"] in claims]
        if not found:
            yield Violation("no effect unclaimed", f"{job} ran and was never claimed", _about(evidence, job))
            continue
        (action, *_) = found
        reviews, about = evidence.reviews_of[action["id"]], _about(evidence, job)
        if action["tier"] >= 2 and (not reviews or reviews[-1]["state"] != "approved"):
            states = [review["state"] for review in reviews]
            yield Violation("no effect unapproved", f"{job} ran, and its reviews are {states}", about)
        elif reviews and runs[0]["at"] < reviews[-1]["closed_at"]:
            yield Violation("no effect before its approval", f"{job} ran too early", about)


def approvals_do_not_keep(evidence: Evidence) -> Iterator[Violation]:
    """A first claim comes within the time that the approval is good for."""
    for execution in evidence.executions:
        action, reviews = evidence.action[execution["action_id"]], evidence.reviews_of[execution["action_id"]]
        if not reviews or execution["attempt"] > 1:
            continue
        good_until = reviews[-1]["closed_at"] + reviews[-1]["ruling"]["valid_for_s"]
        if execution["claimed_at"] > good_until:
            late = execution["claimed_at"] - good_until
            what = f"{action['job']} was claimed {late:.2f} s after its approval had lapsed"
            yield Violation("an approval does not keep", what, (action["id"],))


def receipts_are_honest(evidence: Evidence) -> Iterator[Violation]:
    """An effect reported as done has happened, and one reported as not done has not."""
    patient = _patient(evidence)
    for action in evidence.actions:
        runs, state = evidence.runs_of.get(action["job"], []), action["state"]
        if state == "running" and action["id"] in patient:
            continue
        mine = [run for run in runs if run["action_id"] in {None, action["id"]}]
        about = (action["id"],)
        if state == "executed" and not mine:
            yield Violation("receipts are honest", f"{action['job']} is executed and never ran", about)
        if mine and state not in {"executed", "unknown"} and not action["remembers"]:
            yield Violation("receipts are honest", f"{action['job']} ran, and is {state}", about)
        if state == "running":
            yield Violation("receipts are honest", f"{action['job']} is still running", about)


def nothing_is_asked_twice(evidence: Evidence) -> Iterator[Violation]:
    """A job is one action, however often its agent, or its node, had to start over."""
    jobs = Counter(action["job"] for action in evidence.actions if not action["remembers"])
    for job, count in jobs.items():
        again = [action for action in evidence.actions if action["job"] == job and action["idempotency_key"]]
        repeats = sum(str(action["idempotency_key"]).endswith("-2") for action in again)
        if count - repeats > 1:
            yield Violation("one action a job", f"{job} became {count} actions", _about(evidence, job))
    for execution, count in Counter(each["action_id"] for each in evidence.executions).items():
        if count > 1:
            yield Violation(
                "one claim an action", f"{execution} was claimed under {count} keys", (execution,)
            )


def what_was_told_stands(evidence: Evidence) -> Iterator[Violation]:
    """The store holds every state that an agent was told, and a final state stays final."""
    for told in evidence.told_agents:
        action = evidence.action.get(told.action_id)
        if action is None:
            what = f"the agent of {told.job} was told of {told.action_id}, which is not in the store"
            yield Violation("what was answered is durable", what, (told.action_id,))
        elif told.state in ENDS and action["state"] != told.state:
            what = f"{told.job} was told to be {told.state}, and is {action['state']}"
            yield Violation("what was told stands", what, (told.action_id,))


def graphs_are_told_the_truth(evidence: Evidence) -> Iterator[Violation]:
    """What a graph was told of its action is what the store says.

    Told that nothing is known of an effect that a kill cut off, it knows that before the store says so: there
    the time in which the effect could be reported has to be over first.
    """
    patient = _patient(evidence)
    receipts = {"executed": "executed", "failed": "failed", "unknown": "unknown"}
    for told in evidence.told_graphs:
        action = evidence.action.get(told["action_id"])
        if action is None:
            yield Violation("graphs are told the truth", f"{told['job']} was told of no action")
            continue
        reviews = evidence.reviews_of[action["id"]]
        about = (action["id"],)
        denied = action["state"] in {"rejected", "aborted"}
        not_yet = action["state"] == "running" and action["id"] in patient
        settles_late = told["receipt"] == "unknown" and (action["state"] in {"executed", "failed"} or not_yet)
        if (told["receipt"] == "denied") != denied or (
            not denied and receipts.get(told["receipt"]) != action["state"] and not settles_late
        ):
            what = f"{told['job']} was told {told['receipt']}, and is {action['state']}"
            yield Violation("graphs are told the truth", what, about)
        if told["outcome"] is not None and reviews and told["outcome"] != reviews[-1]["state"]:
            what = f"{told['job']} was told {told['outcome']}, and its review is {reviews[-1]['state']}"
            yield Violation("graphs are told the truth", what, about)


def _patient(evidence: Evidence) -> set[str]:
    """The actions whose effects have longer to be reported than a run of this takes."""
    return {
        execution["action_id"]
        for execution in evidence.executions
        if (execution["report_by"] or 0.0) - execution["claimed_at"] > NOT_SOON_S
    }


def _about(evidence: Evidence, job: str) -> tuple[str, ...]:
    return tuple(action["id"] for action in evidence.actions if action["job"] == job)
