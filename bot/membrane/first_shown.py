"""When a review was first shown, by which message, and to whom. Its window starts then."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from bot.domain import showing
from bot.domain.message_record import SHOWS, Message
from bot.domain.review import Review
from bot.membrane.core import Core, the_action, the_review
from bot.membrane.entitlement import requesters_of
from bot.store import messages, redraws, reviews
from bot.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Unshown:
    """A pending review that has not been shown to anybody who may decide it, and who they are now.

    `able` is None if that is not known now.
    """

    review_id: str
    able: frozenset[str] | None

    def reached_by(self, message: Message) -> bool:
        """Whether a message shows the review to one of them."""
        return message.kind in SHOWS and showing.reaches(message.recipient, self.able)

    def in_doubt_since(self, connection: Connection) -> float | None:
        """Return when the first post to one of them that is in doubt was tried; None if none is in doubt."""
        found = (each for each in messages.in_doubt_of(connection, self.review_id) if self.reached_by(each))
        return min((_posted_at(each, found=True) or 0.0 for each in found), default=None)

    def is_late(self, connection: Connection, now: float) -> bool:
        """Whether the time to show it is over, so that it is about to expire.

        A post in doubt may have shown it in time. Until that is settled, nothing more is posted about it:
        people would answer a review that then expires as never shown.
        """
        review = the_review(connection, self.review_id)
        if review.shown_at is not None or review.ruling.mandated:
            return False
        return showing.expire_unless_in_doubt(review, now) is not review


async def unshown(core: Core, review_id: str | None) -> Unshown | None:
    """Return a pending review that was not shown yet; None if it was shown or is closed."""

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
    """Return a review as a message posted now shows it: if it is the first, the window starts with it."""
    return showing.show(review, now) if hidden is not None and hidden.reached_by(message) else review


def note_posted(
    tx: Transaction, message: Message, hidden: Unshown | None, now: float, *, found: bool
) -> None:
    """Record that a message reached Slack, if it is the first to show its review.

    The time is that of the post. `found` says that the post was in doubt until now.
    """
    if hidden is not None and hidden.reached_by(message):
        review = the_review(tx.connection, hidden.review_id)
        note_shown(tx, review, min(now, _posted_at(message, found=found) or now), now, message=message)


def note_visible(tx: Transaction, hidden: Unshown, now: float) -> None:
    """Record that a message already in Slack shows a review: now there is somebody who may decide it."""
    there = (each for each in messages.of_review(tx.connection, hidden.review_id) if each.ts is not None)
    message = next((each for each in there if hidden.reached_by(each)), None)
    if message is not None:
        note_shown(tx, the_review(tx.connection, hidden.review_id), now, now, message=message)


def note_seen(tx: Transaction, review: Review, now: float) -> Review:
    """Record that a review was shown, because somebody entitled answers it. Return the changed review."""
    if review.shown_at is not None:
        return review
    posts = (_posted_at(each, found=True) or now for each in messages.in_doubt_of(tx.connection, review.id))
    return note_shown(tx, review, min([now, *posts]), now)


def note_shown(
    tx: Transaction, review: Review, at: float, now: float, *, message: Message | None = None
) -> Review:
    """Record when a review was first shown, and return the changed review."""
    shown = showing.show(review, at)
    if shown is review or not reviews.show(tx.connection, shown):
        return review
    body: dict[str, object] = {"shown_at": shown.shown_at, "expires_at": shown.expires_at}
    if message is not None:
        body |= {"message": message.id, "kind": message.kind, "to": message.recipient}
    tx.journal(now, "review.shown", body, action_id=review.action_id, review_id=review.id)
    # Earlier messages, such as a page to somebody who may not decide, do not show the deadline yet.
    redraws.touch_others(tx.connection, review.id, message.id if message is not None else "", now=now)
    return shown


def _posted_at(message: Message, *, found: bool) -> float | None:
    """Return when a message was posted; with several posts in doubt, the first of them."""
    return (message.doubted_since if found else None) or message.attempt_at
