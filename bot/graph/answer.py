"""The answer that resumes a parked thread: an outcome, who made it, and a sentence that a model can read.

An expiry is an answer like the others (invariant 4): it resumes the thread in the same way, and its reader
can tell "nobody answered" from "a person said no".
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from bot.domain.expiry import ExpiryReason, expired_words, expiry_reason
from bot.domain.record import Standing
from bot.domain.review import Review
from bot.domain.states import ActionState, ReviewState

Reason = Annotated[
    ExpiryReason, WithJsonSchema({"type": "string", "enum": [each.value for each in ExpiryReason]})
]
"""Why it expired. The schema is inline, because the answer caches its own schema without definitions."""


class Answer(BaseModel):
    """The answer to the membrane's own interrupt.

    `reason` is why it expired (`bot.domain.expiry`), `default` the consequence. `decided_by` are Slack user
    ids, empty if nobody was asked or it expired. `at` is in seconds since the epoch, UTC. `text` is the whole
    answer in one sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    _schema: ClassVar[dict[str, Any] | None] = None

    outcome: Literal["approved", "rejected", "expired"]
    reason: Reason | None = None
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
        """Return the schema, which is computed once: LangGraph asks for it at every interrupt."""
        if cls._schema is None:
            cls._schema = handler(core_schema)
        return dict(cls._schema)

    @property
    def halts(self) -> bool:
        """Whether it expired and the action stays answerable (Tier 2)."""
        return self.outcome == "expired" and self.default == "safe_halt"


def verdict(standing: Standing, review: Review | None) -> str:
    """Return where an action stands, in one sentence. `review` is the closed one that decided it, if any."""
    action = standing.action
    if review is None:
        if _turned_down(standing):
            return action.detail or "rejected"
        return f"approved by the policy (tier {int(action.tier)}: {action.ruling.reason})"
    if review.state is ReviewState.EXPIRED:
        return expired_words(review)
    who = " and ".join(review.decided_by)
    said = f"{review.state} by {who}" if who else f"{review.state}, nobody judged it"
    return f"{said}: {review.note}" if review.note else said


def _turned_down(standing: Standing) -> bool:
    """Whether an action may not run although nobody was asked: an equal one was rejected a moment ago."""
    return standing.action.state in {ActionState.ABORTED, ActionState.REJECTED, ActionState.WITHDRAWN}


def answer_to(standing: Standing, review: Review | None) -> Answer:
    """Return the answer to a gate's interrupt.

    `review` is the closed review that answers it. It is None if nobody was asked: the policy now lets the
    action pass, or an equal action was rejected, or expired, a moment ago.
    """
    action = standing.action
    if review is None:
        earlier = standing.remembered
        outcome = "expired" if earlier else "rejected" if _turned_down(standing) else "approved"
        return Answer.model_validate(
            {
                "outcome": outcome,
                "reason": expiry_reason(earlier) if earlier else None,
                "default": "abort" if earlier else None,
                "action_id": action.id,
                "args_digest": action.args_digest,
                "note": action.detail,
                "at": action.settled_at or action.proposed_at,
                "text": verdict(standing, None),
            }
        )
    expired = review.state is ReviewState.EXPIRED
    return Answer.model_validate(
        {
            "outcome": review.state.value,
            "reason": expiry_reason(review),
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
