"""Checks of showing: it starts the window, and only a review that was shown is called unanswered."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.checks.violation import Violation
from tests.chaos.evidence import Evidence, Row

EXACT_S = 0.001


def windows_start_when_shown(evidence: Evidence) -> Iterator[Violation]:
    """A review's window starts when it is first shown, or when it opens, and is kept to its end."""
    for review in evidence.reviews:
        about = (review["id"],)
        said = [each["body"]["shown_at"] for each in _entries(evidence, review, "review.shown")]
        if said != ([] if review["shown_at"] is None else [review["shown_at"]]):
            what = f"{review['id']} was shown at {review['shown_at']}, and the journal says {said}"
            yield Violation("shown is a fact in the journal", what, about)
        if review["expires_at"] is None:
            continue
        if abs(review["expires_at"] - _ends(review)) > EXACT_S:
            what = f"{review['id']} expires at {review['expires_at']:.3f}, not at {_ends(review):.3f}"
            yield Violation("a window starts when it is shown", what, about)
        if review["state"] == "expired" and review["closed_at"] < review["expires_at"] - EXACT_S:
            what = f"{review['id']} expired {review['expires_at'] - review['closed_at']:.3f} s too early"
            yield Violation("no expiry before its time", what, about)


def _ends(review: Row) -> float:
    """Return when the window of a review ends: a mandated sign-off that is overdue has no second one."""
    window: float = review["ruling"]["window_s"]
    unshown: float = review["opened_at"] + window
    shown_at = review["shown_at"]
    if shown_at is None or (shown_at >= unshown and review["ruling"].get("default") == "escalate"):
        return unshown
    return float(shown_at + window)


def silence_is_said_of_what_was_seen(evidence: Evidence) -> Iterator[Violation]:
    """An expiry says why: nobody was shown it, nobody answered, or too few. A card in Slack was shown."""
    approvals = {(vote["review_id"]) for vote in evidence.votes if vote["approve"]}
    for review in evidence.reviews:
        if review["state"] != "expired":
            continue
        about = (review["id"],)
        expected = "quorum_short" if review["id"] in approvals else "nobody_answered"
        expected = "never_shown" if review["shown_at"] is None else expected
        said = [each["body"].get("reason") for each in _entries(evidence, review, "review.closed")]
        if said != [expected]:
            what = f"{review['id']} expired as {said}, and it is {expected}"
            yield Violation("an expiry says why", what, about)
        if review["shown_at"] is None and (card := _card_before_the_end(evidence, review)):
            what = f"{review['id']} expired as never shown, and its card {card} was in Slack"
            yield Violation("silence is said only of what was seen", what, about)


def _card_before_the_end(evidence: Evidence, review: Row) -> str | None:
    """Return the card of a review if the bot knew that it was posted before the review closed."""
    for entry in evidence.entries_of[review["id"]]:
        if entry["event"] == "review.closed":
            return None
        if entry["event"] == "message.posted" and entry["body"]["kind"] == "card":
            return str(entry["body"]["message"])
    return None


def _entries(evidence: Evidence, review: Row, event: str) -> list[Row]:
    return [each for each in evidence.entries_of[review["id"]] if each["event"] == event]
