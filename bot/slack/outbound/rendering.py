"""Draws every kind of message from the facts as they are now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from bot.domain.message_record import MessageKind
from bot.membrane import CardFacts, DigestFacts, Facts, NoticeFacts, ReceiptFacts
from bot.slack.cards import digests, receipts, reviews, siblings
from bot.slack.cards.reviews import Drawn, Links


def draw(facts: Facts, links: Mapping[str, str], *, terse: bool = False) -> Drawn:
    """Return blocks and fallback text. `links` lead to the cards of reviews, by review id."""
    match facts:
        case CardFacts():
            drawn = _of_review(facts, links, terse=terse)
            if facts.message.kind != MessageKind.TOLD and not terse:
                drawn = siblings.named(drawn, facts.standing.action, facts.turn)
            if facts.standing.frozen is not None and _counts(facts):
                drawn = reviews.frozen(drawn, facts.standing.frozen)
            if facts.restored_from is not None:
                drawn = reviews.restored(drawn, facts.restored_from)
            elif facts.restore is not None:
                drawn = reviews.after_restore(drawn, facts.restore.since, facts.restore.at)
            drawn = reviews.in_place(drawn, facts.in_place)
            return reviews.stalled(drawn, facts.stalled) if facts.stalled else drawn
        case ReceiptFacts():
            latest = facts.standing.review
            link = links.get(latest.id) if latest is not None else None
            return receipts.card(facts.standing, facts.unknown, facts.asked, link, terse=terse)
        case DigestFacts():
            return digests.digest(
                facts.passed, facts.halted, facts.since, links, halted_count=facts.halted_count
            )
        case NoticeFacts():
            return digests.notice(facts.text)


def _counts(facts: CardFacts) -> bool:
    """Whether the review waits, or is the one that its action rests on."""
    latest = facts.standing.review
    return facts.review.pending or (latest is not None and latest.id == facts.review.id)


def _of_review(facts: CardFacts, links: Mapping[str, str], *, terse: bool) -> Drawn:
    review = facts.review
    to = Links(
        card=links.get(review.id),
        predecessor=links.get(review.predecessor_id or ""),
        successor=links.get(following_id(facts) or ""),
    )
    match facts.message.kind:
        case MessageKind.PAGE:
            return reviews.page(facts.message, facts.standing, review, to)
        case MessageKind.POST:
            return reviews.post(facts.message, facts.standing, review, to)
        case MessageKind.TOLD:
            return reviews.told(facts.standing, review, to)
        case MessageKind.CARD:
            return reviews.card(facts.standing, review, to, terse=terse)
        case kind:
            raise ValueError(f"nothing draws a message of the kind {kind}")


def following_id(facts: CardFacts) -> str | None:
    """Return the id of the review that follows this one: its successor, or the one asked after a lapse."""
    if facts.successor_id is not None:
        return facts.successor_id
    ids = [review.id for review in facts.standing.reviews]
    later = ids[ids.index(facts.review.id) + 1 :] if facts.review.id in ids else []
    return later[0] if later else None


def fingerprint(drawn: Drawn) -> str:
    """Return a digest of what was drawn, for the journal."""
    text = json.dumps([drawn.text, drawn.blocks], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
