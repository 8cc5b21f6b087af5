"""Notes on a policy: what is allowed, and still deserves a second look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.domain.change import delay_text
from bot.domain.idle_rules import idle_rules
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.policy import Policy
from bot.domain.policy_model import GatedTier, Kind, OwnSettings
from bot.domain.risk import Tier

_LIST_NOTE = (
    "lists texts that {arg} must not be, and another spelling is not listed; "
    "declare it {{type: identifier}}, or list what is fine: not_in"
)
_DOMAIN_NOTE = (
    "asks for the domain of {arg}, a plain text, and doubts what could be both an address and a URL; "
    "declare it {{type: email}}, url or hostname"
)
_PIECE_NOTE = (
    "looks at a piece of {arg}, a plain text, and one path has many spellings; for a path declare it "
    "{{type: path}} and ask under or not_under"
)
_NOTES_ON_PLAIN_TEXT: Mapping[Op, str] = {
    Op.IN: _LIST_NOTE,
    Op.DOMAIN_IN: _DOMAIN_NOTE,
    Op.DOMAIN_NOT_IN: _DOMAIN_NOTE,
    Op.PREFIX: _PIECE_NOTE,
    Op.SUFFIX: _PIECE_NOTE,
    Op.CONTAINS: _PIECE_NOTE,
}


def notes_of(policy: Policy) -> tuple[str, ...]:
    """Return the notes on a policy that loads."""
    notes: list[str] = []
    for tier in (Tier.ASYNC_APPROVAL, Tier.SYNC_APPROVAL):
        notes += _gated(f"tier {int(tier)}", policy.tiers[tier], mandated=False)
    for name in policy.kinds:
        tier = policy.own_tier(name)
        if tier.waits and (gated := policy.gated(name, tier)) != policy.tiers[tier]:
            notes += _gated(name, gated, mandated=policy.actions[name].mandated)
    notes += idle_notes(policy)
    for name in policy.kinds:
        notes += _plain_texts(policy.actions[name])
    notes += [f"graph {name}: no agent may start it" for name, agents in policy.graphs.items() if not agents]
    for name in sorted({*policy.external_channels} - policy.channels):
        notes.append(f"channel {name}: nothing is posted there, so allow_external changes nothing")
    return (*notes, *_unused(policy))


def idle_notes(policy: Policy) -> tuple[str, ...]:
    """Return which raise rules never raise anything, and why."""
    return tuple(
        f"{name}: rule {rule.id} never raises anything: {rule.why}"
        for name in policy.kinds
        for rule in idle_rules(policy.actions[name], policy.cost_threshold_usd)
    )


def _gated(what: str, gated: GatedTier, *, mandated: bool) -> Iterator[str]:
    late = [step for step in gated.chain.steps if step.after.of(gated.window_s) >= gated.window_s]
    if late and not mandated:
        at = " and ".join(delay_text(step.after) for step in late)
        yield f"{what}: the window ends before the step of {gated.chain.name} at {at}, which never happens"


def _plain_texts(kind: Kind) -> Iterator[str]:
    """Name the rules that depend on texts with more than one spelling."""
    for rule in kind.rules:
        for name, conditions in sorted(rule.when.items()):
            if _is_plain_text((kind.args or {}).get(name)):
                for note in dict.fromkeys(_notes_on(conditions)):
                    yield f"{kind.name}: rule {rule.id} {note.format(arg=name)}"


def _is_plain_text(arg: Arg | None) -> bool:
    return arg is None or ArgType.STRING in (arg.type, arg.of)


def _notes_on(conditions: tuple[Condition, ...]) -> Iterator[str]:
    for condition in conditions:
        yield from _notes_on(condition.inner)
        if condition.op in _NOTES_ON_PLAIN_TEXT and (condition.texts or condition.op is not Op.IN):
            yield _NOTES_ON_PLAIN_TEXT[condition.op]


def _unused(policy: Policy) -> Iterator[str]:
    gated: list[GatedTier | OwnSettings] = [*policy.tiers.values()]
    gated += [kind.settings for kind in policy.actions.values()]
    used = {*policy.admins, *(name for each in gated for name in each.approvers or ())}
    used |= {name for each in gated if each.chain for step in each.chain.steps for name in step.page}
    for name in sorted(policy.people.keys() - used):
        yield f"people {name}: nothing asks, pages or names them"
