"""Checks of operators' commands: stalled threads keep their reviews, and freezes hold."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checks.violation import Violation
from tests.chaos.evidence import Evidence, Row

GOES_ON = {"thread.running", "thread.retried", "thread.answered", "thread.finished"}
"""Entries after which a thread does not stand still any more."""
ENDED = {"finished", "failed", "gone"}


def stalled_threads_keep_their_reviews(evidence: Evidence) -> Iterator[Violation]:
    """While a thread is stalled, only an operator's withdrawal takes back what it asked, or ends it."""
    stalled: set[str] = set()
    for entry in evidence.journal:
        event, body = entry["event"], entry["body"]
        thread_id = body.get("thread")
        if event == "thread.stalled":
            stalled.add(thread_id)
        elif event in GOES_ON or (event == "thread.asked_by_operator" and body["wanted"] == "withdraw"):
            stalled.discard(thread_id)
        elif event in {"thread.failed", "thread.gone"} and thread_id in stalled:
            yield Violation("a stalled thread keeps its state", f"{thread_id}: {event}", (thread_id,))
        elif _takes_back(entry) and (of := evidence.action[entry["action_id"]]["thread_id"]) in stalled:
            what = f"{entry['action_id']} was taken back while {of} was stalled"
            yield Violation("a stalled thread keeps its reviews", what, (of, entry["action_id"]))


def _takes_back(entry: Row) -> bool:
    if entry["event"] == "review.closed":
        return bool(entry["body"]["state"] == "withdrawn")
    return bool(entry["event"] == "action.withdrawn")


def freezes_hold(evidence: Evidence) -> Iterator[Violation]:
    """From a freeze's entry until its end nothing of it passes or is claimed, whatever was approved."""
    live: dict[str, Row] = {}
    for entry in evidence.journal:
        event, body = entry["event"], entry["body"]
        if event == "freeze.began":
            live[body["freeze"]] = body
        elif event == "freeze.ended":
            live.pop(body["freeze"], None)
        elif live and event in {"action.claimed", "action.passed", "action.thawed"}:
            names = _names(evidence, entry["action_id"])
            for freeze in live.values():
                if freeze["name"] in names and (freeze["until"] is None or entry["at"] < freeze["until"]):
                    what = f"{event} of {entry['action_id']} while {freeze['name']} was frozen"
                    yield Violation("a freeze holds", what, (entry["action_id"],))


def _names(evidence: Evidence, action_id: str) -> set[str]:
    """Return the names under which an action can be frozen."""
    action = evidence.action[action_id]
    thread = evidence.thread.get(action["thread_id"])
    return {"all", action["agent"], action["kind"], *([thread["graph"]] if thread else [])}


def operators_are_obeyed(evidence: Evidence) -> Iterator[Violation]:
    """Each operator request on a thread is journaled and done; a withdrawn thread has ended."""
    asked = [
        each["body"]["thread"] for each in evidence.journal if each["event"] == "thread.asked_by_operator"
    ]
    if sorted(asked) != sorted(each["thread_id"] for each in evidence.thread_requests):
        what = f"{len(evidence.thread_requests)} requests; the journal: {len(asked)}"
        yield Violation("the journal tells what operators ask", what)
    for request in evidence.thread_requests:
        thread, about = evidence.thread[request["thread_id"]], (request["thread_id"],)
        if request["done_at"] is None:
            what = f"{request['wanted']} of {thread['id']} is not done"
            yield Violation("what an operator asks is done", what, about)
        elif request["wanted"] == "withdraw" and thread["state"] not in ENDED:
            what = f"{thread['id']} is withdrawn, and {thread['state']}"
            yield Violation("what an operator asks is done", what, about)
