"""Equal proposals over HTTP: while one is open, the next one is that one: one claim, one effect.

Equal means the same agent, kind, arguments (spellings of one number are one) and person in whose name it is
done. A proposal with an idempotency key is told apart by it. Calls of one turn, or of a hosted thread, are
never merged: their agent made several of them on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.action import Action
from bot.domain.record import ActionRecord, Standing
from bot.domain.reruling import says_more
from bot.domain.ruling import Ruling
from bot.membrane.core import Core, standing_of
from bot.store import equals, reviews
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
    """Return the open proposal that another one is equal to; None where it is a question of its own.

    `ruling` is what the policy in force says of the new one. Where that is more than people were asked, as
    under a stricter policy or with a hint that raises, they are asked again. Who answers for the new one may
    not vote.
    """
    for each in equals.open_ones(tx.connection, action.agent, digests, action.on_behalf_of):
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
