"""The settings of a gated action: approvers, quorum, window, chain, and the absent default.

An action's own settings hold at its own tier. When it is raised, the higher tier's approvers, channel and
chain hold, with the larger quorum and the shorter window. What happens when nobody answers belongs to the
tier alone (invariants 5 and 6).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypedDict

from bot.domain.escalation import Chain
from bot.domain.policy_model import PASSING_VALID_FOR_S, GatedTier, Kind
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault


class GatedParts(TypedDict):
    """The fields of a ruling that a gated tier fills."""

    approvers: tuple[str, ...]
    quorum: int
    window_s: float
    default: AbsentDefault
    channel: str
    chain: Chain
    valid_for_s: float


def default_of(tier: Tier, *, mandated: bool) -> AbsentDefault | None:
    """Return the absent default of a tier; None for a tier that does not wait."""
    if tier < Tier.ASYNC_APPROVAL:
        return None
    if tier is Tier.ASYNC_APPROVAL:
        return AbsentDefault.SAFE_HALT
    return AbsentDefault.ESCALATE if mandated else AbsentDefault.ABORT


def gated_parts(tier: Tier, gated: GatedTier, *, mandated: bool = False) -> GatedParts:
    """Return the fields of a ruling that a gated tier fills."""
    default = default_of(tier, mandated=mandated)
    assert default is not None, "only a tier that waits has parts"
    return GatedParts(
        approvers=gated.approvers,
        quorum=gated.quorum,
        window_s=gated.window_s,
        default=default,
        channel=gated.channel,
        chain=gated.chain.without_end() if mandated else gated.chain,
        valid_for_s=gated.window_s,
    )


def settings_at(kind: Kind, own_tier: Tier, tier: Tier, base: GatedTier) -> GatedTier:
    """Return the settings of a kind at a tier: its own at its own tier, the tier's when it is raised.

    A raised action has the larger quorum and the shorter window of the two.
    """
    own = kind.settings
    if tier > own_tier:
        return replace(
            base,
            quorum=max(base.quorum, own.quorum or 1),
            window_s=min(base.window_s, own.window_s or base.window_s),
        )
    return GatedTier(
        channel=own.channel or base.channel,
        approvers=own.approvers or base.approvers,
        quorum=own.quorum or base.quorum,
        window_s=own.window_s or base.window_s,
        chain=own.chain or base.chain,
    )


def parts_at(kind: Kind, tier: Tier, own_tier: Tier, gated: GatedTier | None, version: str) -> dict[str, Any]:
    """Return every field of a ruling at a tier that does not depend on the action.

    A kind's own `valid_for` holds at its own tier. A raised action has the shorter of that and the window.
    """
    parts: dict[str, Any] = {
        "policy_version": version,
        "report_within_s": kind.report_within_s,
        "idempotent": kind.idempotent,
        "redact": kind.redact,
        "valid_for_s": kind.valid_for_s or PASSING_VALID_FOR_S,
    }
    if gated is not None:
        parts.update(gated_parts(tier, gated, mandated=kind.mandated))
        if kind.valid_for_s is not None:
            raised = tier > own_tier
            parts["valid_for_s"] = min(kind.valid_for_s, gated.window_s) if raised else kind.valid_for_s
    return parts
