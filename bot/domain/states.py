"""The states of everything that the store keeps, and the sets of them that the code asks for.

Values are the strings in the database, the journal and the API; they never change. `agent_steps.py` says what
an agent does in each state of an action.
"""

from __future__ import annotations

from enum import StrEnum


class ReviewState(StrEnum):
    """Where a review stands. The middle three are its outcomes. `withdrawn` is none: nobody judged."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


UNJUDGED = frozenset({ReviewState.EXPIRED, ReviewState.WITHDRAWN})
"""How a review ends that nobody decided."""


class ActionState(StrEnum):
    """Where an action stands."""

    PASSED = "passed"
    """Tier 0 or 1: it may start."""
    FROZEN = "frozen"
    """It would pass, but an operator has frozen it: it passes at the thaw."""
    QUEUED = "queued"
    """People have to be asked, but its agent is at its cap: the review opens when another one has closed."""
    WAITING = "waiting"
    """A review is pending."""
    HALTED = "halted"
    """A Tier 2 review expired; the action is parked and its successor review can still be answered."""
    APPROVED = "approved"
    """It may start, until the approval lapses."""
    REJECTED = "rejected"
    ABORTED = "aborted"
    """A Tier 3 review expired: fails closed."""
    WITHDRAWN = "withdrawn"
    RUNNING = "running"
    """Claimed; the report is awaited."""
    EXECUTED = "executed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Claimed and never reported: whether it happened is not known."""


ASKED = frozenset({ActionState.QUEUED, ActionState.WAITING, ActionState.HALTED})
"""People have to answer."""
LET_THROUGH = frozenset({ActionState.PASSED, ActionState.APPROVED, ActionState.FROZEN})
"""No person has to answer: it may start, once it is thawed."""
UNSTARTED = ASKED | LET_THROUGH
"""Nobody has claimed it, and somebody may yet."""
CLAIMED = frozenset({ActionState.RUNNING, ActionState.UNKNOWN})
"""Claimed, and not reported."""
STARTED = CLAIMED | {ActionState.EXECUTED, ActionState.FAILED}
"""Claimed at some time."""
ENDED = frozenset(
    {
        ActionState.REJECTED,
        ActionState.ABORTED,
        ActionState.WITHDRAWN,
        ActionState.EXECUTED,
        ActionState.FAILED,
    }
)
"""Nothing follows."""
RUNNABLE = LET_THROUGH | CLAIMED
"""A hosted run may start it, also one that goes on after a crash."""
UNSETTLED = frozenset(ActionState) - ENDED
"""It may run, or may have run without a report."""
OPEN = UNSETTLED - {ActionState.PASSED}
"""Somebody still has to do something about it. An action that passed is often never claimed."""


class Receipt(StrEnum):
    """What happened to an action in the end."""

    EXECUTED = "executed"
    FAILED = "failed"
    DENIED = "denied"
    HALTED = "halted"
    UNKNOWN = "unknown"


RECEIPTS = {
    ActionState.REJECTED: Receipt.DENIED,
    ActionState.ABORTED: Receipt.DENIED,
    ActionState.HALTED: Receipt.HALTED,
    ActionState.EXECUTED: Receipt.EXECUTED,
    ActionState.FAILED: Receipt.FAILED,
    ActionState.UNKNOWN: Receipt.UNKNOWN,
}
"""The receipt of each state that has one."""


class ThreadState(StrEnum):
    """Where a hosted thread stands."""

    WANTED = "wanted"
    """It was asked for and has not run."""
    RUNNING = "running"
    PARKED = "parked"
    """It waits for answers to what it asked."""
    STALLED = "stalled"
    """It stands still with its state kept, until an operator or a retry sets it going."""
    FINISHED = "finished"
    FAILED = "failed"
    GONE = "gone"
    """Its saved state was deleted, or an operator withdrew it."""


OPEN_THREADS = (ThreadState.WANTED, ThreadState.RUNNING, ThreadState.PARKED, ThreadState.STALLED)
"""The thread has not ended."""
ENDED_THREADS = tuple(state for state in ThreadState if state not in OPEN_THREADS)
"""The thread has ended."""


class InterruptState(StrEnum):
    """Where an interrupt of a hosted thread stands."""

    WAITING = "waiting"
    ANSWERED = "answered"
    """Its answer is ready for the thread."""
    DELIVERED = "delivered"
    """The thread took its answer."""
    VANISHED = "vanished"
    """The thread waits there no longer, and took no answer."""


OPEN_INTERRUPTS = frozenset({InterruptState.WAITING, InterruptState.ANSWERED})
"""The thread should be parked at it."""


class InterruptShape(StrEnum):
    """What an interrupt looks like: the membrane's own, or one of two of LangChain's."""

    GATE = "gate"
    HITL_BATCH = "hitl_batch"
    HITL_CALL = "hitl_call"
