"""How risky an action is, and the tier that its risk alone puts it in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

COST_THRESHOLD_USD = 1.0
"""Above this a reversible, small action is looked at afterwards, unless the policy says otherwise."""


class Tier(IntEnum):
    """What an action needs to cross. Higher is stricter, so the strictest of several is their maximum."""

    TRANSPARENT = 0
    ASYNC_REVIEW = 1
    ASYNC_APPROVAL = 2
    SYNC_APPROVAL = 3

    @property
    def waits(self) -> bool:
        """Whether an action of this tier waits for a person."""
        return self >= Tier.ASYNC_APPROVAL

    @property
    def label(self) -> str:
        """The tier's name for people."""
        return self.name.lower().replace("_", " ")


class BlastRadius(StrEnum):
    """How far the damage of a wrong action reaches."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Risk:
    """The three things the permeability key looks at. `cost_usd` is in US dollars."""

    reversible: bool
    blast_radius: BlastRadius
    cost_usd: float = 0.0


def permeability_key(risk: Risk, cost_threshold_usd: float = COST_THRESHOLD_USD) -> Tier:
    """Return the tier that the risk alone asks for.

    A cost that is not a number is doubt, and doubt raises: NaN counts as above the threshold.
    """
    if not risk.reversible or risk.blast_radius is BlastRadius.HIGH:
        return Tier.SYNC_APPROVAL
    if risk.blast_radius is BlastRadius.MEDIUM:
        return Tier.ASYNC_APPROVAL
    if not risk.cost_usd <= cost_threshold_usd:
        return Tier.ASYNC_REVIEW
    return Tier.TRANSPARENT
