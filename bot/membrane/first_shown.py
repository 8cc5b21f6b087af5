"""The fact that a review was shown: which message did so first, and to whom."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from bot.domain import showing
from bot.domain.message_record import Message
from bot.domain.review import Review
from bot.membrane.core import Core, the_action, the_review
from bot.membrane.entitlement import requesters_of
from bot.store import messages, redraws, reviews
from bot.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Unshown:
    """A pending review that nobody who may decide it was shown yet, and who they are now.

    `able` is None where that cannot be told now.
    """

    review_id: str
    able: frozenset[str] | None

    def reached_by(self, message: Message) -> bool:
        """Whether a message shows the review to one of them."""
        return message.kind in showing.SHOWS and showing.reaches(message.recipient, self.able)

    def in_doubt_since(self, connection: Connection) -> float | None:
        """Return when the first post to one of them was made of which it is not known whether it landed."""
        found = (each for each in messages.in_doubt_of(connection, self.review_id) if self.reached_by(each))
        return min((_posted_at(each, found=True) or 0.0 for each in found), default=None)

    def is_late(self, connection: Connection, now: float) -> bool:
        """Whether its time to be shown is over, so that it is about to expire.

        A post in doubt may have shown it in time. Until that is settled nothing more of it is posted: people
        would answer what then expires as never shown.
        """
        review = the_review(connection, self.review_id)
        if review.shown_at is not None or review.ruling.mandated:
            return False
        return showing.expire(review, now) is not review


async def unshown(core: Core, review_id: str | None) -> Unshown | None:
    """Return a review that is still to be shown to somebody; None where it was, or is closed."""

    def asked(connection: Connection) -> tuple[Review, frozenset[str]] | None:
        review = reviews.get(connection, review_id) if review_id is not None else None
        if review is None or not review.pending or review.shown_at is not None:
            return None
        action = the_action(connection, review.action_id)
        return review, review.requesters | requesters_of(connection, action)

    found = await core.db.read(asked)
    if found is None:
        return None
    review, requesters = found
    people = await core.people.resolve(review.ruling.approvers)
    able = people.users - requesters
    return Unshown(review.id, None if people.unresolved and not able else able)


def as_drawn(review: Review, message: Message, hidden: Unshown | None, now: float) -> Review:
    """Return a review as the message that is posted now shows it: its window starts with that post."""
    return showing.show(review, now) if hidden is not None and hidden.reached_by(message) else review


def note_posted(
    tx: Transaction, message: Message, hidden: Unshown | None, now: float, *, found: bool
) -> None:
    """Note that a message is in Slack, if it is what shows its review first.

    It was shown when it was posted. `found`: that was in doubt until now.
    """
    if hidden is not None and hidden.reached_by(message):
        review = the_review(tx.connection, hidden.review_id)
        note_shown(tx, review, min(now, _posted_at(message, found=found) or now), now, message=message)


def note_visible(tx: Transaction, hidden: Unshown, now: float) -> None:
    """Note that a review is shown by what is in Slack already: by now there is somebody who may decide it."""
    there = (each for each in messages.of_review(tx.connection, hidden.review_id) if each.ts is not None)
    message = next((each for each in there if hidden.reached_by(each)), None)
    if message is not None:
        note_shown(tx, the_review(tx.connection, hidden.review_id), now, now, message=message)


def note_seen(tx: Transaction, review: Review, now: float) -> Review:
    """Return a review that somebody entitled answers: they were shown it, if only by a post in doubt."""
    if review.shown_at is not None:
        return review
    posts = (_posted_at(each, found=True) or now for each in messages.in_doubt_of(tx.connection, review.id))
    return note_shown(tx, review, min([now, *posts]), now)


def note_shown(
    tx: Transaction, review: Review, at: float, now: float, *, message: Message | None = None
) -> Review:
    """Write when a review was first shown, and return it as it is then."""
    shown = showing.show(review, at)
    if shown is review or not reviews.show(tx.connection, shown):
        return review
    body: dict[str, object] = {"shown_at": shown.shown_at, "expires_at": shown.expires_at}
    if message is not None:
        body |= {"message": message.id, "kind": message.kind, "to": message.recipient}
    tx.journal(now, "review.shown", body, action_id=review.action_id, review_id=review.id)
    # What was posted before, as a page to somebody who may not decide, does not say until when it waits.
    redraws.touch_others(tx.connection, review.id, message.id if message is not None else "", now=now)
    return shown


def _posted_at(message: Message, *, found: bool) -> float | None:
    """Return when a message was posted: of several posts in doubt, the first."""
    return (message.doubted_since if found else None) or message.attempt_at
