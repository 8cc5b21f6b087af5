"""The digest: when it is due, which actions it names, and the message that shows it.

A digest may name a million actions. It names a few thousand per transaction, because one transaction for all
would hold every page of them in memory. The store notes which digest is being made, so that the bot continues
it after a stop.
"""

from __future__ import annotations

from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.membrane.core import Core
from bot.store import digested, digests, facts, halted_actions, messages, redraws, reviews
from bot.store.database import Transaction

AT_ONCE = 2_000
"""Maximum number of actions named in one transaction."""
MOST_HALTED = 50
"""Maximum number of cards of halted actions that a digest redraws."""


class Digests:
    """The use case of making digests."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def make_due(self) -> int:
        """Make a digest if one is due and has something to say. Return 1 if so, else 0."""
        db = self._core.db
        digest_id = await db.write(self._begin)
        if digest_id is None:
            return 0
        while await db.write(lambda tx: digested.put_in_digest(tx.connection, digest_id, AT_ONCE)) == AT_ONCE:
            pass
        await db.write(lambda tx: self._finish(tx, digest_id))
        self._core.wakeups.wake()
        return 1

    def _begin(self, tx: Transaction) -> str | None:
        """Return the id of the digest to make now, unfinished or new; None if none is due."""
        begun = facts.fact(tx.connection, digests.UNDER_WAY)
        if begun is not None or not self._is_due(tx):
            return begun
        digest_id = self._core.new_id("dig")
        facts.set_fact(tx.connection, digests.UNDER_WAY, digest_id)
        return digest_id

    def _is_due(self, tx: Transaction) -> bool:
        oldest = digested.oldest_undigested(tx.connection)
        last = digests.last_made(tx.connection) or 0.0
        waits = [oldest] if oldest is not None else []
        waits += [max(last, action.settled_at or 0.0) for action in halted_actions.listed(tx.connection, 1)]
        return bool(waits) and self._core.clock() >= min(waits) + self._core.policy().digest_every_s

    def _finish(self, tx: Transaction, digest_id: str) -> None:
        now, channel = self._core.clock(), self._core.policy().digest_channel
        facts.set_fact(tx.connection, digests.UNDER_WAY, None)
        digests.insert(tx.connection, digest_id, channel, now)
        for action_id in halted_actions.ids(tx.connection, MOST_HALTED):
            for review in reviews.of_action(tx.connection, action_id)[-1:]:
                redraws.touch_card(tx.connection, review.id, now=now)
        messages.want(
            tx.connection,
            self._core.new_id("msg"),
            MessageKind.DIGEST,
            channel,
            now=now,
            priority=Priority.REST,
            digest_id=digest_id,
        )
        named = digested.count_in_digest(tx.connection, digest_id)
        tx.journal(now, "digest.made", {"digest": digest_id, "actions": named})
