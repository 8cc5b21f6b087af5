"""Equal proposals over HTTP are merged while the first is open: one action, one claim, one effect.

Equal proposals have the same agent, kind, arguments (in any spelling of a number) and `on_behalf_of`.
Proposals with an idempotency key, calls of one turn and calls of a hosted thread are never merged: their
agent made them separately on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.action import Action
from bot.domain.record import ActionRecord, Standing
from bot.domain.reruling import says_more
from bot.domain.ruling import Ruling
from bot.membrane.core import Core, standing_of
from bot.store import equal_actions, reviews
from bot.store.database import Transaction


def merge(
    core: Core,
    tx: Transaction,
    action: Action,
    ruling: Ruling,
    digests: Iterable[str],
    *,
    reference: str | None = None,
) -> Standing | None:
    """Return the open action that a new proposal equals; None if there is none.

    `ruling` is the ruling of the new proposal. If it demands more than people were asked for, because of a
    stricter policy or a hint, they are asked again instead. The owner of the new proposal may not vote.
    """
    for each in equal_actions.open_ones(tx.connection, action.agent, digests, action.on_behalf_of):
        if each.kind != action.kind:
            continue
        standing = standing_of(tx.connection, each.id)
        review = standing.review
        if review is None or not review.pending or says_more(review.ruling, ruling) is not None:
            continue
        if action.owner is not None and action.owner not in review.requesters:
            reviews.add_requester(tx.connection, review, action.owner)
        _note(core, tx, each, action, reference)
        return replace(standing_of(tx.connection, each.id), merged=True)
    return None


def _note(core: Core, tx: Transaction, found: ActionRecord, action: Action, reference: str | None) -> None:
    more = {"owner": action.owner, "reference": reference}
    body = {"kind": action.kind, "agent": action.agent}
    body |= {name: value for name, value in more.items() if value is not None}
    tx.journal(core.clock(), "action.merged", body, action_id=found.id, tier=found.tier)
