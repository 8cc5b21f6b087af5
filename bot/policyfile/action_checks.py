"""Checks of one action in a policy file: its tier, its cost, and whether its rules can fire."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.contradictions import why_never
from bot.domain.kind_ruling import RESERVED_IDS
from bot.domain.operators import ArgType
from bot.domain.patterns import MAX_EFFORT, Patterns
from bot.domain.risk import Tier
from bot.domain.samples import never_met
from bot.policyfile.action_model import ActionModel, RaiseModel
from bot.policyfile.condition_checks import Subject, condition_is_sound
from bot.policyfile.conversion import build_arg, build_conditions, build_risk
from bot.policyfile.document import Path
from bot.policyfile.hints import did_you_mean
from bot.policyfile.redact_checks import check_redact
from bot.policyfile.valid_parts import Parts


def check_action(parts: Parts, name: str, action: ActionModel) -> None:
    """Report every problem of one action, by itself and with the lists."""
    path: Path = ("actions", name)
    own_tier = _check_tier(parts, path, name, action)
    _check_cost(parts, path, name, action)
    check_redact(parts, path, name, action)
    first_of: dict[str, int] = {}
    for index, rule in parts.rules[name]:
        place: Path = (*path, "raise", index)
        if rule.id in RESERVED_IDS:
            parts.say(
                (*place, "id"), f"`{rule.id}` is the name of one of the membrane's own reasons", "rename it"
            )
        if rule.id in first_of:
            line = parts.document.problem((*path, "raise", first_of[rule.id], "id"), "").line
            parts.say((*place, "id"), f"`{rule.id}` is also the id of the rule in line {line}", "rename one")
        first_of.setdefault(rule.id, index)
        if rule.to <= own_tier:
            what = f"rule `{rule.id}` never changes anything: {name} is tier {int(own_tier)} without it"
            parts.say((*place, "to"), what, "raise to a higher tier, or delete the rule")
        _check_rule(parts, place, name, action, rule)
    _check_effort(parts, path, name)


def _check_tier(parts: Parts, path: Path, name: str, action: ActionModel) -> Tier:
    risk = build_risk(action.risk)
    by_risk = risk.key(risk.cost_usd, parts.threshold_usd)
    declared = Tier(action.tier or 0)
    if action.tier is not None and declared < by_risk:
        what = (
            f"tier {int(declared)} is lower than tier {int(by_risk)}, which follows from the risk of {name}"
        )
        parts.say((*path, "tier"), what, "delete it; a declared tier can only raise")
    own = max(by_risk, declared)
    if own < Tier.SYNC_APPROVAL and (*path, "reviewed") not in parts.document.keys:
        what = f"{name} is declared tier {int(own)}, below Tier 3, and has no `reviewed`"
        hint = "add reviewed: {by: U0123456789, on: 2026-06-01, why: …}, by the person who answers for it"
        parts.say(path, what, hint, at_key=True)
    if own < Tier.SYNC_APPROVAL and action.sign_off is not None:
        what = f"only a Tier 3 action has a mandated sign-off, and {name} is tier {int(own)}"
        parts.say((*path, "sign_off"), what, "add tier: 3")
    return own


def _check_cost(parts: Parts, path: Path, name: str, action: ActionModel) -> None:
    cost_arg = build_risk(action.risk).cost_arg
    if cost_arg is None:
        return
    place = (*path, "risk", "cost_usd")
    arg = (action.args or {}).get(cost_arg)
    if arg is None:
        hint = (
            did_you_mean(cost_arg, action.args or {})
            or f"declare it: args: {{{cost_arg}: {{type: number, unit: USD}}}}"
        )
        parts.say(place, f"`{cost_arg}` is not an argument of {name}", hint)
    elif arg.type not in (ArgType.NUMBER, ArgType.INTEGER):
        parts.say(
            place,
            f"`{cost_arg}` is a {arg.type}, and a cost is a number",
            "declare it {type: number, unit: USD}",
        )
    elif arg.unit not in (None, "USD"):
        parts.say(place, f"`{cost_arg}` is in {arg.unit}, and costs are in USD", "let the agent send USD")
    elif not arg.required:
        parts.say(place, f"`{cost_arg}` is optional, and without it the cost is unknown", "make it required")


def _check_rule(parts: Parts, path: Path, kind: str, action: ActionModel, rule: RaiseModel) -> None:
    for name, condition in rule.when.items():
        place = (*path, "when", name)
        arg = (action.args or {}).get(name)
        if arg is None and not action.more_args:
            known = action.args or {}
            hint = did_you_mean(name, known) or f"declare it, as args: {{{name}: {{type: string}}}}"
            parts.say(place, f"`{name}` is not an argument of {kind}", hint, at_key=True)
            continue
        declared = build_arg(arg) if arg else None
        if condition_is_sound(parts, Subject(place, name, declared), condition):
            conditions = build_conditions(condition, parts.lists)
            if why := why_never(name, conditions, declared):
                when = "can never fire" if never_met(conditions, declared) else "fires only in doubt"
                what = f"rule `{rule.id}` {when}: {why}"
                parts.say(place, what, "correct the condition, or delete the rule")


def _check_effort(parts: Parts, path: Path, kind: str) -> None:
    """Check that matching all patterns of a kind takes only milliseconds on the longest text."""
    effort = 0
    for index, rule in parts.rules[kind]:
        for place, patterns in _patterns((*path, "raise", index, "when"), rule):
            effort += Patterns(patterns).effort
            if effort > MAX_EFFORT:
                what = f"the patterns of {kind} make {effort} passes over a text; the limit is {MAX_EFFORT}"
                hint = (
                    "a pattern takes one pass, and a part with ? or [a-z] between two stars takes as many "
                    "more as it has characters; write fewer or shorter ones"
                )
                parts.say(place, what, hint)
                return


def _patterns(path: Path, rule: RaiseModel) -> Iterator[tuple[Path, list[str]]]:
    for name, condition in rule.when.items():
        place = (*path, name)
        inner = [(place, condition), ((*place, "any"), condition.any_), ((*place, "all"), condition.all_)]
        for where, each in inner:
            if each is not None and each.matches is not None:
                patterns = each.matches
                yield (*where, "matches"), [patterns] if isinstance(patterns, str) else patterns
