"""What a parked thread is told: an outcome, who made it, and a sentence that a model can read.

An expiry is an answer like the others (invariant 4): it resumes the thread in the same way, and
whoever reads it can tell "nobody answered" from "a person said no".
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from bot.domain.record import Standing
from bot.domain.review import ActionState, Review, ReviewState

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Answer(BaseModel):
    """The answer to the membrane's own interrupt.

    `default` is what an expiry leads to. `decided_by` are Slack user ids, empty where nobody was asked or
    nobody answered. `at` is in seconds since the epoch, UTC. `text` says it all in one sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    _schema: ClassVar[dict[str, Any] | None] = None

    outcome: Literal["approved", "rejected", "expired"]
    default: Literal["safe_halt", "abort"] | None = None
    action_id: str
    review_id: str | None = None
    args_digest: str
    decided_by: tuple[str, ...] = ()
    note: str | None = None
    at: float
    text: str

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return its schema, worked out once: LangGraph asks for it at every interrupt."""
        if cls._schema is None:
            cls._schema = handler(core_schema)
        return dict(cls._schema)

    @property
    def halts(self) -> bool:
        """Whether nobody answered and the action stays answerable (Tier 2)."""
        return self.outcome == "expired" and self.default == "safe_halt"


def span(seconds: float) -> str:
    """Return a duration in words: "30 minutes", "4 hours"."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return f"{seconds:g} seconds"


def nobody_answered(window_s: float | None) -> str:
    """Return what an agent is told of an expiry, so that it does not take it for a refusal."""
    within = f" within {span(window_s)}" if window_s else ""
    return f"nobody answered{within}; this is not a refusal by a person"


def verdict(standing: Standing, review: Review | None) -> str:
    """Return in one sentence how an action stands. `review` is the closed one it rests on, if any."""
    action = standing.action
    if review is None:
        if _turned_down(standing):
            return action.detail or "rejected"
        return f"approved by the policy (tier {int(action.tier)}: {action.ruling.reason})"
    if review.state is ReviewState.EXPIRED:
        return nobody_answered(review.ruling.window_s)
    who = " and ".join(review.decided_by)
    said = f"{review.state} by {who}" if who else f"{review.state}, nobody judged it"
    return f"{said}: {review.note}" if review.note else said


def _turned_down(standing: Standing) -> bool:
    """Whether an action that nobody was asked about may not run: the same was rejected a moment ago."""
    return standing.action.state in {ActionState.ABORTED, ActionState.REJECTED, ActionState.WITHDRAWN}


def answer_to(standing: Standing, review: Review | None) -> Answer:
    """Return the answer to a gate's interrupt.

    `review` is the closed review that answers it. It is None where nobody was asked: the policy lets the
    action pass by now, or the same action was rejected a moment ago.
    """
    action = standing.action
    if review is None:
        return Answer(
            outcome="rejected" if _turned_down(standing) else "approved",
            action_id=action.id,
            args_digest=action.args_digest,
            note=action.detail,
            at=action.settled_at or action.proposed_at,
            text=verdict(standing, None),
        )
    expired = review.state is ReviewState.EXPIRED
    return Answer.model_validate(
        {
            "outcome": review.state.value,
            "default": review.ruling.default if expired else None,
            "action_id": action.id,
            "review_id": review.id,
            "args_digest": review.args_digest,
            "decided_by": review.decided_by,
            "note": review.note,
            "at": review.closed_at or action.proposed_at,
            "text": verdict(standing, review),
        }
    )
