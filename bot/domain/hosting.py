"""Hosted LangGraph threads as the store keeps them: where they stand, what they ask, why they stall.

Instants are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.domain.escalation import Instant
from bot.domain.states import InterruptShape, InterruptState, ThreadState


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A hosted LangGraph thread."""

    id: str
    graph: str
    graph_version: str
    agent: str
    owner: str | None
    on_behalf_of: str | None
    input: dict[str, Any]
    state: ThreadState
    error: str | None
    wanted_at: Instant
    settled_at: Instant | None
    result: Any = None
    """What it finished with: `{"result": …, "cut": …}`."""

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.settled_at is not None


class Cause(StrEnum):
    """Why a thread stands still with its state kept."""

    ERROR = "error"
    """The graph raised after it had acted or asked; answers wait until it runs again."""
    QUESTION = "question"
    """It asks a question that is not an approval; an operator answers."""
    REFUSED = "refused"
    """Its graph is refused, or not loaded."""
    CHANGED = "changed"
    """Its graph changed, so that it no longer waits where it asked."""
    UNTAKEN = "untaken"
    """It did not take an answer."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Why a thread stands still. `retry_at` is when the host runs it again by itself, if it does.

    `tries` counts such retries since the thread last parked. `questions` are sealed.
    """

    thread_id: str
    cause: Cause
    why: str
    stalled_at: Instant
    tries: int = 0
    retry_at: Instant | None = None
    questions: Mapping[str, Any] | None = None


class Wanted(StrEnum):
    """What an operator can ask of a thread."""

    RETRY = "retry"
    ANSWER = "answer"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class ThreadRequest:
    """A request of an operator about a thread. `by` is a user of the operating system; `body` is sealed.

    `outcome` is None until the request was carried out or refused.
    """

    id: str
    thread_id: str
    wanted: Wanted
    by: str
    at: Instant
    why: str | None = None
    body: dict[str, Any] | None = None
    done_at: Instant | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class InterruptRecord:
    """One interrupt of a parked thread."""

    id: str
    thread_id: str
    shape: InterruptShape
    payload: dict[str, Any]
    state: InterruptState
    opened_at: Instant
