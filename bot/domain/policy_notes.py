"""What is allowed in a policy and still worth a second look, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.change import delay_text
from bot.domain.policy import Policy
from bot.domain.policy_model import GatedTier, OwnSettings
from bot.domain.risk import Tier


def notes_of(policy: Policy) -> tuple[str, ...]:
    """Return what an admin may want to know about a policy that loads."""
    notes: list[str] = []
    for tier in (Tier.ASYNC_APPROVAL, Tier.SYNC_APPROVAL):
        notes += _gated(f"tier {int(tier)}", policy.tiers[tier], mandated=False)
    for name in policy.kinds:
        tier = policy.own_tier(name)
        if tier.waits and (gated := policy.gated(name, tier)) != policy.tiers[tier]:
            notes += _gated(name, gated, mandated=policy.actions[name].mandated)
    return (*notes, *_unused(policy))


def _gated(what: str, gated: GatedTier, *, mandated: bool) -> Iterator[str]:
    late = [step for step in gated.chain.steps if step.after.of(gated.window_s) >= gated.window_s]
    if late and not mandated:
        at = " and ".join(delay_text(step.after) for step in late)
        yield f"{what}: the window ends before the step of {gated.chain.name} at {at}, which never happens"


def _unused(policy: Policy) -> Iterator[str]:
    gated: list[GatedTier | OwnSettings] = [*policy.tiers.values()]
    gated += [kind.settings for kind in policy.actions.values()]
    used = {*policy.admins, *(name for each in gated for name in each.approvers or ())}
    used |= {name for each in gated if each.chain for step in each.chain.steps for name in step.page}
    for name in sorted(policy.people.keys() - used):
        yield f"people {name}: nothing asks, pages or names them"
