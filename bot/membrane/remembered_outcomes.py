"""Remembered outcomes: how an action that ended recently answers an equal proposal.

The policy's `limits` say for how long. A rejection answers the same action, and so does an expiry that people
were shown; nobody is asked again. After a withdrawal or an expiry, the chain of the next equal action goes on
after the pages already sent, so that an agent cannot restart the pages by withdrawing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from bot.domain.escalation import Chain
from bot.domain.expiry import expired_review, expired_words
from bot.domain.future_instants import FAR_S
from bot.domain.policy_model import Limits
from bot.domain.record import ActionRecord
from bot.domain.states import UNJUDGED, ActionState
from bot.store import equal_actions, messages, reviews


@dataclass(frozen=True, slots=True)
class Remembered:
    """The earlier action that answers a new one: its id, the new action's state, and why, in words."""

    action_id: str
    state: ActionState
    why: str


def rejection(
    connection: Connection, agent: str, digests: Iterable[str], limits: Limits, now: float
) -> Remembered | None:
    """Return the rejection that answers an action, or None."""
    since = now - limits.remember_rejection_s
    found = equal_actions.rejected_since(connection, agent, digests, since, now + FAR_S)
    if found is None:
        return None
    why = f"the same action was rejected recently ({found.id}), so nobody was asked again"
    return Remembered(found.id, ActionState.REJECTED, f"{why}: {found.detail}" if found.detail else why)


def expiry(
    connection: Connection, agent: str, digests: Iterable[str], limits: Limits, now: float
) -> Remembered | None:
    """Return the expiry that answers an action, or None. Only expiries that people were shown count."""
    since = now - limits.remember_expiry_s
    for found in equal_actions.over(connection, agent, digests, since, now + FAR_S):
        expired = expired_review(reviews.of_action(connection, found.id))
        if expired is None or (expired.closed_at or 0.0) < since:
            continue
        if expired.shown_at is not None:
            why = f"the same action expired recently ({found.id}): {expired_words(expired)}"
            return Remembered(found.id, ActionState.ABORTED, f"{why}, and nobody was asked again")
    return None


def pages_sent(connection: Connection, action: ActionRecord, chain: Chain, limits: Limits, now: float) -> int:
    """Return the position in a chain after the last page sent about an equal action that ended undecided.

    A different chain starts at 0. A chain that repeats without end starts at its first repetition at the
    latest, as everybody has been paged by then. Actions digested under an older secret are not found.
    """
    since, digests = now - limits.remember_expiry_s, [action.args_digest]
    ended = equal_actions.over(connection, action.agent, digests, since, now + FAR_S)
    about = [
        review
        for found in ended
        for review in reviews.of_action(connection, found.id)
        if review.state in UNJUDGED and review.ruling.chain == chain
    ]
    if not about:
        return 0
    last = messages.last_paged(connection, [review.id for review in about])
    sent = max(0 if last is None else last + 1, *(review.pages_from for review in about))
    endless = chain.repeat is not None and chain.repeat.times is None
    return min(sent, len(chain.steps)) if endless else sent
