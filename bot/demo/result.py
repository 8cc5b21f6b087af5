"""The result of the demo as plain JSON: actions, pages, digests, and the books."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from bot.demo.world import World
from bot.domain.message_record import Message
from bot.domain.record import ActionRecord, Standing
from bot.domain.review import Review
from bot.membrane import Membrane
from bot.store import messages, reviews
from bot.store.database import Database

MOST = 1000

Json = dict[str, Any]


async def result(membrane: Membrane, db: Database, world: World, *, began: float, digests: int) -> Json:
    """Return everything that happened since `began` (epoch seconds), oldest first.

    `ledger.executed` comes from the books, not from the bot. A stock agent knows only its tool call, so its
    effects are matched to actions by the id of the call.
    """
    records = list(reversed(await membrane.proposals.listed(None, most=MOST)))
    standings = [
        await membrane.proposals.standing(each.id) if each.tier.waits else Standing(each) for each in records
    ]
    return {
        "actions": [_action(standing) for standing in standings],
        "pages": await db.read(lambda connection: _pages(connection, began)),
        "digests": digests,
        "ledger": {"executed": _executed(world, records)},
    }


def _action(standing: Standing) -> Json:
    action = standing.action
    return {
        "id": action.id,
        "kind": action.kind,
        "tier": int(action.tier),
        "receipt": action.receipt,
        "reviews": [_review(review) for review in standing.reviews],
    }


def _review(review: Review) -> Json:
    waited_s = round(review.closed_at - review.opened_at, 3) if review.closed_at is not None else None
    return {"outcome": review.state, "decided_by": list(review.decided_by), "waited_s": waited_s}


def _pages(connection: Connection, began: float) -> list[Json]:
    sent = [page for page in messages.pages(connection) if page.posted_at is not None]
    return [_page(connection, page, began) for page in sent]


def _page(connection: Connection, page: Message, began: float) -> Json:
    review = reviews.get(connection, page.review_id or "")
    return {
        "action": review.action_id if review is not None else None,
        "to": page.recipient,
        "step": page.position + 1,
        "at_s": round((page.posted_at or began) - began, 3),
    }


def _executed(world: World, records: list[ActionRecord]) -> list[str]:
    by_call = {record.call_id: record.id for record in records if record.call_id}
    effects = world.effects()
    return [effect["action_id"] or by_call.get(effect["key"], effect["key"]) for effect in effects]
