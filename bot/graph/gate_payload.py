"""The payload of the membrane's own interrupt, and the action that it proposes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast

from bot.domain.action import Action
from bot.domain.hosting import ThreadRecord
from bot.domain.people import USER_ID
from bot.domain.risk import BlastRadius, Risk
from bot.errors import BadAction

GATE = "membrane_gate"
"""The `type` of the membrane's own interrupt payload."""


class Hint(TypedDict):
    """The agent's own view of the risk. It can only raise the tier."""

    reversible: bool
    blast_radius: Literal["low", "medium", "high"]
    cost_usd: NotRequired[float]


class Proposal(TypedDict):
    """An action that a graph wants to do. `on_behalf_of` is a Slack user; by default, the thread's."""

    kind: str
    args: dict[str, Any]
    description: NotRequired[str | None]
    on_behalf_of: NotRequired[str | None]
    hint: NotRequired[Hint | None]


def proposal_of(given: Mapping[str, Any]) -> Proposal:
    """Return the proposal in the value of an author's function, without other keys."""
    return cast("Proposal", {key: given[key] for key in Proposal.__annotations__ if key in given})


def action_of(proposal: Mapping[str, Any], thread: ThreadRecord) -> Action:
    """Return the action that a thread proposes. Raises BadAction with the fault."""
    missing = [key for key in ("kind", "args") if key not in proposal]
    if missing:
        raise BadAction(f"a proposal needs kind and args; {' and '.join(missing)} missing")
    return Action.of(
        proposal["kind"],
        proposal["args"],
        agent=thread.agent,
        owner=thread.owner,
        on_behalf_of=_somebody(proposal.get("on_behalf_of")) or thread.on_behalf_of,
        description=proposal.get("description"),
        hint=_risk(proposal.get("hint")),
    )


def _somebody(named: Any) -> str | None:
    if named is None or (isinstance(named, str) and USER_ID.fullmatch(named)):
        return named
    raise BadAction(f"on_behalf_of {str(named)[:80]!r} is not a Slack user id such as U012ABCDEF")


def _risk(hint: Hint | None) -> Risk | None:
    if hint is None:
        return None
    try:
        return Risk(
            reversible=hint["reversible"] is True,
            blast_radius=BlastRadius(hint["blast_radius"]),
            cost_usd=float(hint.get("cost_usd", 0.0)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadAction(
            f"hint needs reversible (true or false) and blast_radius (low, medium or high): {error}"
        ) from error


def gate_payload(
    proposal: Proposal,
    *,
    action_id: str | None = None,
    follows: str | None = None,
    call_id: str | None = None,
) -> dict[str, Any]:
    """Return the payload of a gate's interrupt.

    `action_id` names an action that is asked about again, `follows` the expired review before this question.
    """
    return {
        "type": GATE,
        **proposal,
        "action_id": action_id,
        "follows": follows,
        "tool_call_id": call_id,
    }
