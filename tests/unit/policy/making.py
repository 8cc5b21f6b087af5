"""Small policies to rule by, put together without a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from bot.domain.action import Action
from bot.domain.escalation import Chain, Delay, Repeat, Step
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.people import UserGroup, Users
from bot.domain.policy import Policy
from bot.domain.policy_model import DeclaredRisk, GatedTier, Kind, RaiseRule, Reviewed
from bot.domain.risk import BlastRadius, Risk, Tier
from bot.domain.ruling import Ruling

CHAIN = Chain("platform", (Step(Delay(share=0.5), page=("leads",)),), Repeat(60.0, 3))
OTHER_CHAIN = Chain("money", (Step(Delay(seconds=5.0), page=("finance",)),))
SMALL = DeclaredRisk(reversible=True, blast_radius=BlastRadius.LOW)
MEDIUM = DeclaredRisk(reversible=True, blast_radius=BlastRadius.MEDIUM)
LARGE = DeclaredRisk(reversible=False, blast_radius=BlastRadius.HIGH)
REVIEWED = Reviewed(by="U0CLEO", on=date(2026, 6, 1), why="seen to be small")
STRING, NUMBER = Arg(ArgType.STRING), Arg(ArgType.NUMBER)
TIERS = {
    Tier.ASYNC_APPROVAL: GatedTier("#approvals", ("finance", "leads"), 1, 14400.0, CHAIN),
    Tier.SYNC_APPROVAL: GatedTier("#strict", ("leads",), 2, 1800.0, CHAIN),
}


def kind(name: str = "payment.refund", risk: DeclaredRisk = SMALL, **changes: Any) -> Kind:
    """Return a kind that has been reviewed."""
    return replace(Kind(name, risk, REVIEWED), **changes)


def rule(
    to: int, arg: str = "amount", *conditions: Condition, rule_id: str = "large", because: str = "it is large"
) -> RaiseRule:
    """Return a raise rule; without conditions it asks whether the argument is above 500."""
    return RaiseRule(rule_id, Tier(to), {arg: conditions or (Condition(Op.GT, 500),)}, because)


def policy(*kinds: Kind, **changes: Any) -> Policy:
    """Return a policy of these kinds."""
    made: dict[str, Any] = {
        "people": {"leads": Users(("U0CLEO", "U0DIA", "U0EVE")), "finance": UserGroup("S0FINANCE")},
        "digest_channel": "#digest",
        "digest_every_s": 3600.0,
        "tiers": TIERS,
        "actions": {each.name: each for each in kinds},
        **changes,
    }
    return Policy(**made)


def ruling(
    of: Kind, args: dict[str, Any] | None = None, *, hint: Risk | None = None, **changes: Any
) -> Ruling:
    """Return the ruling of a one-kind policy on an action of that kind."""
    return policy(of, **changes).rule(Action.of(of.name, args or {}, agent="bot", hint=hint))


def names(steps: Iterable[Any]) -> list[str]:
    """Return the names of the trace's steps that held."""
    return [step.name for step in steps if step.matched]
