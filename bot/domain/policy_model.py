"""The contents of a policy, as plain data. `policy.py` compiles them and rules by them.

Durations are in seconds, costs in US dollars. `people` are named as in the policy file;
`Policy.people` resolves the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from bot.domain.escalation import Chain
from bot.domain.operators import Arg, Condition
from bot.domain.risk import BlastRadius, Risk, Tier, permeability_key

REPORT_WITHIN_S = 600.0
"""Seconds without a report after which a started action is unknown, unless the kind says otherwise."""
PASSING_VALID_FOR_S = 3600.0
"""Seconds in which a passing action (Tier 0 or 1) may start, unless the kind says otherwise."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Who answers for an action that is declared below Tier 3, since when, and why."""

    by: str
    on: date
    why: str


@dataclass(frozen=True, slots=True)
class DeclaredRisk:
    """The risk of a kind. `cost_arg` names the argument that holds the cost; else it is `cost_usd`."""

    reversible: bool
    blast_radius: BlastRadius
    cost_usd: float | None = None
    cost_arg: str | None = None

    def key(self, cost_usd: float | None, threshold_usd: float) -> Tier:
        """Return the tier that this risk asks for at a cost."""
        return permeability_key(Risk(self.reversible, self.blast_radius, cost_usd or 0.0), threshold_usd)


When = Mapping[str, tuple[Condition, ...]]
"""Conditions by argument. All of them must hold, or be in doubt."""


@dataclass(frozen=True, slots=True)
class RaiseRule:
    """When its conditions hold, the action is of tier `to` at least."""

    id: str
    to: Tier
    when: When
    because: str


@dataclass(frozen=True, slots=True)
class GatedTier:
    """Settings of reviews of Tier 2 or 3, unless a kind says otherwise."""

    channel: str
    approvers: tuple[str, ...]
    quorum: int
    window_s: float
    chain: Chain


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """Settings of one kind; None means as the tier says."""

    channel: str | None = None
    approvers: tuple[str, ...] | None = None
    quorum: int | None = None
    window_s: float | None = None
    chain: Chain | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One action kind of the policy.

    `tier` is a tier it is declared to have at least, above what its risk asks for. `args` None leaves the
    arguments undeclared. `redact` are paths of arguments, as `customer.ssn`, that nobody is shown.
    """

    name: str
    risk: DeclaredRisk
    reviewed: Reviewed | None = None
    tier: Tier = Tier.TRANSPARENT
    mandated: bool = False
    args: Mapping[str, Arg] | None = None
    more_args: bool = False
    redact: tuple[str, ...] = ()
    rules: tuple[RaiseRule, ...] = ()
    settings: OwnSettings = field(default_factory=OwnSettings)
    valid_for_s: float | None = None
    report_within_s: float = REPORT_WITHIN_S
    idempotent: bool = False

    def own_tier(self, threshold_usd: float) -> Tier:
        """Return the lowest tier this kind can have: what is declared, where an argument names no cost."""
        return max(self.tier, self.risk.key(self.risk.cost_usd, threshold_usd))


REMEMBER_S = 3600.0
"""Seconds for which a rejection or an expiry is remembered, unless the policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that keep a flood of actions away from people."""

    open_per_agent: int = 20
    remember_rejection_s: float = REMEMBER_S
    threads_per_agent: int = 1000
    """Threads of hosted graphs that have not ended."""
    remember_expiry_s: float = REMEMBER_S
    """How long nobody's answer is remembered, and the pages that were sent about what was taken back."""

    def meaning(self) -> dict[str, float]:
        """Return what a policy's hash covers: the first release's limits, and others that are set."""
        first: dict[str, float] = {
            "open_per_agent": self.open_per_agent,
            "remember_rejection_s": self.remember_rejection_s,
        }
        others = {"threads_per_agent": self.threads_per_agent, "remember_expiry_s": self.remember_expiry_s}
        unset = Limits()
        return first | {name: value for name, value in others.items() if value != getattr(unset, name)}
