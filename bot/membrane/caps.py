"""The cap on open reviews of one agent: how many may open now, who is refused, and who waits for a place."""

from __future__ import annotations

from sqlalchemy import Connection

from bot.domain.durations import in_sentence
from bot.domain.future_instants import FAR_S
from bot.domain.record import ActionRecord
from bot.domain.ruling import Ruling
from bot.domain.states import ActionState
from bot.errors import TooMany
from bot.membrane.changes import open_review
from bot.membrane.core import Core
from bot.store import actions, queued_actions, review_counts
from bot.store.database import Transaction

RETRY_CAPPED_S = 30.0
"""Seconds after which an agent at its cap may ask again."""
TAKEN_BACK_S = 600.0
"""Seconds for which a withdrawn review counts as open."""


def check_cap(core: Core, tx: Transaction, agent: str, now: float) -> None:
    """Raise TooMany if an agent has as many open reviews as the policy allows."""
    if (why := at_cap(core, tx.connection, agent, now)) is not None:
        raise TooMany(f"{why}; propose it again when some are decided", retry_after=RETRY_CAPPED_S)


def open_or_queue(
    core: Core,
    tx: Transaction,
    action: ActionRecord,
    ruling: Ruling,
    now: float,
    *,
    interrupt_id: str | None = None,
    queues: bool = False,
) -> None:
    """Open a review of a waiting action. One that `queues` waits for a place if its agent is at the cap."""
    why = _why_it_queues(core, tx.connection, action.agent, now) if queues else None
    if why is None:
        open_review(core, tx, action, ruling, now, interrupt_id=interrupt_id)
        return
    actions.move(
        tx.connection,
        action,
        ActionState.QUEUED,
        at=None,
        detail=f"{why}; its review opens by itself when its turn comes",
    )
    tx.journal(now, "action.queued", {"agent": action.agent, "why": why}, action_id=action.id)


def _why_it_queues(core: Core, connection: Connection, agent: str, now: float) -> str | None:
    if queued_actions.of_agent(connection, agent, 1):
        return f"earlier actions of {agent} wait for a place among its open reviews"
    return at_cap(core, connection, agent, now)


def at_cap(core: Core, connection: Connection, agent: str, now: float) -> str | None:
    """Return why an agent may not open a review now, in words; None if it may."""
    most = core.policy().limits.open_per_agent
    is_open, withdrawn = _counted(connection, agent, now)
    if is_open >= most:
        return f"{agent} has {_reviews(is_open)}, as many as the policy allows at once"
    if is_open + withdrawn >= most:
        return (
            f"{agent} has {_reviews(is_open)}, and {withdrawn} were withdrawn within the last "
            f"{in_sentence(TAKEN_BACK_S)}: together as many as the policy allows at once"
        )
    return None


def _reviews(count: int) -> str:
    return f"{count} open review{'' if count == 1 else 's'}"


def free_places(core: Core, connection: Connection, agent: str, now: float) -> int:
    """Return how many reviews an agent may open now."""
    return max(0, core.policy().limits.open_per_agent - sum(_counted(connection, agent, now)))


def _counted(connection: Connection, agent: str, now: float) -> tuple[int, int]:
    """Return how many reviews of an agent are open, and how many were withdrawn recently.

    Withdrawn reviews count because reviewers have seen them. Otherwise an agent could ask without limit by
    withdrawing or by ending its threads.
    """
    return (
        review_counts.pending(connection, agent),
        review_counts.taken_back(connection, agent, now - TAKEN_BACK_S, now + FAR_S),
    )
