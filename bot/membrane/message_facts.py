"""The facts from which each message is drawn, read in one transaction from the current state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from bot.domain.message_record import Message
from bot.domain.policy import Policy
from bot.domain.record import ActionRecord, Digested, Standing, Unknown
from bot.domain.review import Review
from bot.domain.states import UNSETTLED, ThreadState
from bot.errors import NotFound
from bot.membrane.core import standing_of, the_review
from bot.membrane.entitlement import requesters_of
from bot.membrane.pointers import in_place_of
from bot.membrane.unknown_receipts import the_unknown, where_asked, who_may_say
from bot.store import actions, digested, digests, halted_actions, messages, restores, reviews, threads
from bot.store.restores import Restore

MOST_HALTED = 10
"""Maximum number of halted actions that a digest names; it counts the rest."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """The facts of a card, a page, a post or a notice to the requester."""

    message: Message
    standing: Standing
    review: Review
    successor_id: str | None
    cards: Mapping[str, Message]
    """The cards of all reviews of the action, by review id. Messages about the action link to them."""
    stalled: str | None = None
    """Why the thread that waits for this review's outcome cannot be resumed."""
    restored_from: float | None = None
    """When the restored backup was made, if the action may have run since; None if it certainly did not."""
    restore: Restore | None = None
    """The unconfirmed restore, if the review was opened after it."""
    turn: tuple[ActionRecord, ...] = ()
    """All actions that its agent proposed in the same turn, including this one."""
    in_place: tuple[tuple[str, str | None], ...] = ()
    """While it waits: approvers whom the policy no longer names, each with the name in its place, if any."""


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """The facts of the card of an unknown receipt.

    `channel` is where it belongs. `asked` are the names of the policy's people who may settle it,
    `requesters` the users who may not.
    """

    message: Message
    standing: Standing
    unknown: Unknown
    channel: str
    asked: tuple[str, ...]
    requesters: frozenset[str]
    cards: Mapping[str, Message]
    """The cards of all reviews of the action, by review id."""


@dataclass(frozen=True, slots=True)
class DigestFacts:
    """The facts of a digest: the Tier 1 actions that it names, and the halted actions."""

    message: Message
    passed: Digested
    halted: tuple[Standing, ...]
    """The actions halted longest ago; `halted_count` counts all."""
    halted_count: int
    since: float | None
    made_at: float
    cards: Mapping[str, Message]
    """The cards of the halted actions, by review id."""


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """The facts of a message that has only its text."""

    message: Message
    text: str


Facts = CardFacts | ReceiptFacts | DigestFacts | NoticeFacts


def the_message(connection: Connection, message_id: str) -> Message:
    """Return a message. Raises NotFound."""
    message = messages.get(connection, message_id)
    if message is None:
        raise NotFound(f"there is no message {message_id}")
    return message


def read_facts(connection: Connection, message_id: str, policy: Policy) -> Facts:
    """Return the present facts of a message, with the message itself read again."""
    message = the_message(connection, message_id)
    if message.action_id is not None:
        standing = standing_of(connection, message.action_id)
        unknown = the_unknown(connection, message.action_id, message.position)
        asked, requesters = who_may_say(policy, standing), requesters_of(connection, standing.action)
        cards = messages.cards_of(connection, message.action_id)
        channel = where_asked(policy, standing)
        return ReceiptFacts(message, standing, unknown, channel, asked, requesters, cards)
    if message.review_id is not None:
        review = the_review(connection, message.review_id)
        standing = standing_of(connection, review.action_id)
        cards = messages.cards_of(connection, review.action_id)
        successor = reviews.successor_of(connection, review.id)
        facts = CardFacts(message, standing, review, successor, cards, _stalled(connection, standing, review))
        if review.pending:
            facts = replace(facts, in_place=in_place_of(connection, review.ruling.approvers, policy))
        return replace(_with_restore(connection, facts), turn=_turn_of(connection, standing.action))
    if message.digest_id is not None:
        return _digest_facts(connection, message, message.digest_id)
    return NoticeFacts(message, message.body or "")


def _turn_of(connection: Connection, action: ActionRecord) -> tuple[ActionRecord, ...]:
    """Return the actions that an agent proposed in one turn, in its order."""
    if action.turn_id is not None:
        return tuple(actions.of_turn(connection, action.turn_id))
    if action.interrupt_id is not None:
        return tuple(actions.of_interrupt(connection, action.interrupt_id))
    return ()


def _digest_facts(connection: Connection, message: Message, digest_id: str) -> DigestFacts:
    passed = digested.of_digest(connection, digest_id)
    parked = [standing_of(connection, each) for each in halted_actions.ids(connection, MOST_HALTED)]
    count = halted_actions.count(connection)
    cards: dict[str, Message] = {}
    for each in parked:
        cards |= messages.cards_of(connection, each.action.id)
    since = digests.made_before(connection, digest_id)
    return DigestFacts(message, passed, tuple(parked), count, since, message.created_at, cards)


def _stalled(connection: Connection, standing: Standing, review: Review) -> str | None:
    action, latest = standing.action, standing.review
    if action.thread_id is None or latest is None or latest.id != review.id or action.receipt is not None:
        return None
    thread = threads.get(connection, action.thread_id)
    return thread.error if thread is not None and thread.state is ThreadState.STALLED else None


def _with_restore(connection: Connection, facts: CardFacts) -> CardFacts:
    """Add what a restore left uncertain about an action that may still run."""
    found = restores.restore(connection)
    if found is None or facts.standing.action.state not in UNSETTLED:
        return facts
    since = restores.since(connection, facts.standing.action.id)
    after = found if facts.review.opened_at >= found.at else None
    return replace(facts, restored_from=since, restore=after)
