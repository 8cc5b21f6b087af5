"""Rules an action again when it is claimed, in case the policy was tightened after it passed or was approved.

This costs nothing while the policy's terms for the action's kind are unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.action import Action
from bot.domain.record import ActionRecord, Standing
from bot.domain.redaction import without
from bot.domain.reruling import says_more, strictest
from bot.domain.ruling import Ruling
from bot.domain.states import ActionState
from bot.errors import BadAction, ClaimRefused, Refusal
from bot.membrane.core import Core

_APPROVED = {ActionState.APPROVED, ActionState.RUNNING, ActionState.UNKNOWN}
"""States of an action whose review, if there is one, was approved."""


@dataclass(frozen=True, slots=True)
class Tightened:
    """The ruling under which people have to be asked now, and why, in words."""

    ruling: Ruling
    why: str


def ruling_to_start_under(standing: Standing) -> Ruling:
    """Return the ruling under which an action may start: that of its approval, or of its passing."""
    if standing.action.state in _APPROVED and standing.review is not None:
        return standing.review.ruling
    return standing.action.ruling


def rule_now(core: Core, action: ActionRecord, then: Ruling, args: Mapping[str, Any] | None) -> Ruling | None:
    """Return the ruling of the policy in force; None if it cannot differ from `then`.

    `args` are the action's real arguments. Without them, the stored ones are ruled; redacted values are
    missing there and count as doubt. Raises ClaimRefused if `args` are not the arguments that were ruled.
    """
    policy = core.policy()
    if policy.version == then.policy_version or policy.terms(action.kind) == then.terms:
        return None
    if args is not None and not core.digest_fits(action.args_digest, _as_proposed(action, args)):
        raise ClaimRefused(Refusal.ARGS_CHANGED, "these are not the arguments that were ruled")
    return policy.rule(_as_proposed(action, without(action.args, then.redact) if args is None else args))


def tightened(core: Core, standing: Standing, args: Mapping[str, Any] | None = None) -> Tightened | None:
    """Return the stricter ruling of the policy in force; None if it demands nothing more.

    Raises ClaimRefused if `args` are not the arguments that were ruled.
    """
    then = ruling_to_start_under(standing)
    now = rule_now(core, standing.action, then, args)
    if now is None:
        return None
    decided = standing.review.closed_at if standing.review is not None else None
    age_s = core.clock() - (decided or standing.action.passed_at)
    why = says_more(then, now, age_s)
    return Tightened(strictest(then, now), why) if why is not None else None


def _as_proposed(action: ActionRecord, args: Mapping[str, Any]) -> Action:
    try:
        return Action.of(action.kind, args, agent=action.agent, hint=action.hint)
    except BadAction:  # an earlier version of the bot accepted it; all of it counts as doubt
        return Action.of(action.kind, {}, agent=action.agent, hint=action.hint)
