"""Checks of the workspace: everything is shown once, as it is now, and to nobody too late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checks.violation import Violation
from tests.chaos.evidence import Evidence

IN_FLIGHT_S = 2.0
"""A page may have been on its way when the outcome came: Slack's armed delays, and a busy machine."""


def every_review_has_its_card(evidence: Evidence) -> Iterator[Violation]:
    """A review has one card in the workspace, and no message is there twice, or unknown to the store."""
    there = Counter(shown.message_id for shown in evidence.shown)
    known = {message["id"]: message for message in evidence.messages}
    for message_id, count in there.items():
        if message_id not in known:
            yield Violation(
                "no stray message", f"{message_id} is in Slack and not in the store", (message_id,)
            )
        elif count > 1:
            what = f"the {known[message_id]['kind']} {message_id} is in Slack {count} times"
            yield Violation("no duplicate message", what, (message_id, known[message_id]["review_id"] or ""))
    cards = Counter(each["review_id"] for each in evidence.messages if each["kind"] == "card")
    for review in evidence.reviews:
        if cards[review["id"]] != 1:
            what = f"{review['id']} has {cards[review['id']]} cards"
            yield Violation("no review without a card", what, (review["id"],))


def the_store_knows_what_slack_shows(evidence: Evidence) -> Iterator[Violation]:
    """Every message is where its row says, and shows the present state."""
    places = {(shown.channel, shown.ts): shown for shown in evidence.shown}
    state = {review["id"]: review["state"] for review in evidence.reviews}
    for message in evidence.messages:
        about = (message["id"], message["review_id"] or "")
        if message["given_up_at"] is not None:
            closed = (message["error"] or "").startswith("the review was closed")
            if closed and message["kind"] in ("card", "page", "post", "receipt"):
                continue
            if message.get("folded_into") is not None:
                continue
            what = f"the {message['kind']} {message['id']} was given up: {message['error']}"
            yield Violation("nothing is dropped", what, about)
            continue
        shown = places.get((message["channel_id"], message["ts"]))
        if shown is None or shown.message_id != message["id"]:
            what = f"the {message['kind']} {message['id']} is not in Slack where the store says"
            yield Violation("every message is shown", what, about)
        elif message["review_id"] and ("approve" in shown.buttons) != (
            state[message["review_id"]] == "pending" and message["kind"] != "told"
        ):
            what = f"the {message['kind']} {message['id']} ({shown.text}) has {sorted(shown.buttons)}"
            what += f", and its review is {state[message['review_id']]}"
            yield Violation("Slack shows the present", what, about)


def what_is_unknown_is_asked(evidence: Evidence) -> Iterator[Violation]:
    """An effect that never reported back has a message with its own buttons until somebody answers."""
    places = {(shown.channel, shown.ts): shown for shown in evidence.shown}
    cards = {(each["action_id"], each["position"]): each for each in evidence.messages if each["action_id"]}
    for unknown in evidence.unknowns:
        asks, about = unknown["closed_at"] is None, (unknown["action_id"],)
        card = cards.get((unknown["action_id"], unknown["number"]))
        if card is None:
            if asks:
                what = f"nobody is asked about {unknown['action_id']}, which never reported back"
                yield Violation("somebody is asked", what, about)
            continue
        shown = places.get((card["channel_id"], card["ts"]))
        if shown is not None and ("it_happened" in shown.buttons) != asks:
            what = f"the receipt {card['id']} has {sorted(shown.buttons)}; it is open: {asks}"
            yield Violation("Slack shows the present", what, (card["id"], *about))


def no_page_after_an_outcome(evidence: Evidence) -> Iterator[Violation]:
    """Nobody is paged about a decided review."""
    closed = {review["id"]: review["closed_at"] for review in evidence.reviews}
    for message in evidence.messages:
        if message["kind"] not in ("page", "post"):
            continue
        ended, about = closed[message["review_id"]], (message["id"], message["review_id"])
        if ended is not None and message["created_at"] > ended:
            yield Violation("no page after an outcome", f"{message['id']} came due after it", about)
        elif ended is not None and message["ts"] and float(message["ts"]) > ended + IN_FLIGHT_S:
            late = float(message["ts"]) - ended
            what = f"{message['kind']} {message['id']} was sent {late:.1f} s after it"
            yield Violation("no page after an outcome", what, about)
