"""Checks of reviews: one outcome each, made by the right people, and delivered."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checks.violation import Violation
from tests.chaos.evidence import Evidence, Row
from tests.chaos.world import KINDS, OWNER

OUTCOMES = {"approved", "rejected", "expired"}


def one_outcome(evidence: Evidence) -> Iterator[Violation]:
    """A review has one outcome, the one that its journal says, unless it was withdrawn."""
    for review in evidence.reviews:
        entries = evidence.entries_of[review["id"]]
        opened = [each for each in entries if each["event"] == "review.opened"]
        closed = [each["body"]["state"] for each in entries if each["event"] == "review.closed"]
        if len(opened) != 1 or len(closed) > 1:
            what = f"{review['id']} was opened {len(opened)} times and closed as {closed}"
            yield Violation("one review, one outcome", what, (review["id"],))
        elif closed != ([] if review["state"] == "pending" else [review["state"]]):
            what = f"{review['id']} is {review['state']}, and the journal says {closed}"
            yield Violation("one review, one outcome", what, (review["id"],))


def everything_is_answered(evidence: Evidence) -> Iterator[Violation]:
    """Nothing is left open once people have answered everything."""
    for review in evidence.reviews:
        if review["state"] == "pending":
            yield Violation("everything is answered", f"{review['id']} is pending", (review["id"],))
    failed, given_up, withdrawn = set(), set(), _withdrawn(evidence)
    for thread in evidence.threads:
        if thread["state"] == "failed" and thread["error"].startswith("Broken: "):
            failed.add(thread["id"])
        elif thread["state"] == "gone" and thread["id"] in withdrawn:
            given_up.add(thread["id"])
        elif thread["state"] != "finished":
            what = f"{thread['id']} of {thread['graph']} is {thread['state']}: {thread['error']}"
            yield Violation("every thread ends", what, (thread["id"],))
    for interrupt in evidence.interrupts:
        vanished = interrupt["state"] == "vanished" and interrupt["thread_id"] in given_up
        if interrupt["state"] != "delivered" and not vanished and interrupt["thread_id"] not in failed:
            what = f"the interrupt {interrupt['id']} of {interrupt['thread_id']} is {interrupt['state']}"
            yield Violation("every answer is delivered", what, (interrupt["thread_id"],))


def _withdrawn(evidence: Evidence) -> set[str]:
    """Return the threads that an operator withdrew, and that had stalled because their graph raised."""
    broke, withdrawn = set(), set()
    for entry in evidence.journal:
        if entry["event"] == "thread.stalled" and entry["body"]["error"].startswith("Broken: "):
            broke.add(entry["body"]["thread"])
        elif entry["event"] == "thread.withdrawn":
            withdrawn.add(entry["body"]["thread"])
    return broke & withdrawn


def votes_count_once(evidence: Evidence) -> Iterator[Violation]:
    """Only approvers vote, nobody on their own behalf, and a quorum is of distinct people in time."""
    by_review: dict[str, list[Row]] = {review["id"]: [] for review in evidence.reviews}
    for vote in evidence.votes:
        by_review[vote["review_id"]].append(vote)
    for review in evidence.reviews:
        votes, kind = by_review[review["id"]], KINDS[review["ruling"]["kind"]]
        about = (review["id"],)
        for vote in votes:
            if vote["voter"] not in kind.approvers or vote["voter"] in {OWNER, *review["requesters"]}:
                yield Violation("who may vote", f"{vote['voter']} voted on {review['id']}", about)
            if vote["args_digest"] != review["args_digest"]:
                yield Violation(
                    "what was shown is what runs", f"a vote on {review['id']} is for others", about
                )
        if review["state"] in OUTCOMES and review["state"] != _outcome(review, votes):
            said = [(vote["voter"], bool(vote["approve"])) for vote in votes]
            yield Violation("a quorum decides", f"{review['id']} is {review['state']} by {said}", about)


def _outcome(review: Row, votes: list[Row]) -> str:
    if any(not vote["approve"] for vote in votes):
        return "rejected"
    return "approved" if len(votes) >= review["ruling"]["quorum"] else "expired"
