"""What a new policy changes of one action kind."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.change import (
    Change,
    Direction,
    by,
    gated_changes,
    keeping_changes,
    tier_changes,
)
from bot.domain.durations import as_written
from bot.domain.numbers import in_words
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.policy import Policy
from bot.domain.policy_model import Kind, RaiseRule, When
from bot.domain.readings import READERS
from bot.domain.risk import Tier
from bot.domain.wording import describe


def kind_changes(name: str, old: Policy, new: Policy) -> Iterator[Change]:
    """Return what is different for one kind, which one of the two policies may not know."""
    before, after = old.actions.get(name), new.actions.get(name)
    if before is None and after is not None:
        tier = new.own_tier(name)
        direction = Direction.LOOSER if tier < Tier.SYNC_APPROVAL else Direction.DIFFERENT
        yield Change(name, direction, f"unknown until now, and so tier 3; now it is tier {int(tier)}")
        if tier is Tier.SYNC_APPROVAL:
            yield from gated_changes(name, new.tiers[tier], new.gated(name, tier))
            yield from keeping_changes(name, new.tiers[tier].window_s, new.valid_for_s(name, tier))
    elif after is None and before is not None:
        yield Change(name, Direction.STRICTER, "not in the policy any more, and so tier 3")
        yield from _gone(name, before, old, new)
    elif before is not None and after is not None and before != after:
        yield from _declaration(name, before, after)
        yield from _arguments(name, before, after)
        yield from _rules(name, before, after)
    if before is not None and after is not None:
        yield from _settings(name, old, new)


def _gone(name: str, before: Kind, old: Policy, new: Policy) -> Iterator[Change]:
    """Return what a kind had that an unknown one at tier 3 has not."""
    tier = Tier.SYNC_APPROVAL
    yield from gated_changes(name, old.gated(name, tier), new.tiers[tier])
    yield from keeping_changes(name, old.valid_for_s(name, tier), new.tiers[tier].window_s)
    if before.mandated:
        yield Change(name, Direction.LOOSER, "its sign-off is no longer mandated")
    if before.redact:
        yield Change(name, Direction.LOOSER, f"no longer redacts {', '.join(sorted(before.redact))}")


def _declaration(name: str, before: Kind, after: Kind) -> Iterator[Change]:
    yield from _tier(name, before, after)
    if before.mandated != after.mandated:
        what = "its sign-off is mandated now" if after.mandated else "its sign-off is no longer mandated"
        yield Change(name, by(before.mandated), what)
    if before.idempotent != after.idempotent:
        what = "may be run again unasked" if after.idempotent else "is no longer run again unasked"
        yield Change(name, by(after.idempotent), what)
    if before.valid_for_s != after.valid_for_s:
        was, now = _time_or_default(before), _time_or_default(after)
        yield Change(name, Direction.DIFFERENT, f"valid_for {was} is now {now}")
    if before.report_within_s != after.report_within_s:
        was, now = as_written(before.report_within_s), as_written(after.report_within_s)
        yield Change(name, Direction.DIFFERENT, f"report_within {was} is now {now}")
    if shown := set(before.redact) - set(after.redact):
        yield Change(name, Direction.LOOSER, f"no longer redacts {', '.join(sorted(shown))}")
    if hidden := set(after.redact) - set(before.redact):
        what = f"redacts {', '.join(sorted(hidden))}, so reviewers do not see it any more"
        yield Change(name, Direction.MAYBE_LOOSER, what)
    if before.reviewed != after.reviewed:
        who = f"{after.reviewed.by} on {after.reviewed.on}" if after.reviewed else "nobody"
        yield Change(name, Direction.DIFFERENT, f"reviewed by {who} now")


def _tier(name: str, before: Kind, after: Kind) -> Iterator[Change]:
    """Compare the tiers that risk and declaration give at no cost, and how a cost raises them."""
    low, low_now = before.own_tier(float("inf")), after.own_tier(float("inf"))
    if low != low_now:
        yield Change(name, by(low_now < low), f"tier {int(low)} is now {int(low_now)}")
    cost, cost_now = before.risk.cost_usd, after.risk.cost_usd
    arg, arg_now = before.risk.cost_arg, after.risk.cost_arg
    if (cost, arg) == (cost_now, arg_now):
        return
    if arg == arg_now:
        lower = (cost_now or 0.0) < (cost or 0.0)
        yield Change(
            name, by(lower), f"its cost is {in_words(cost_now or 0)} USD; it was {in_words(cost or 0)}"
        )
    else:
        was, now = _cost_text(arg, cost), _cost_text(arg_now, cost_now)
        yield Change(name, Direction.MAYBE_LOOSER, f"its cost is {now}; it was {was}")


def _cost_text(arg: str | None, cost_usd: float | None) -> str:
    return f"in {arg}" if arg else f"{in_words(cost_usd or 0)} USD"


def _arguments(name: str, before: Kind, after: Kind) -> Iterator[Change]:
    if before.args is not None and after.args is None:
        yield Change(name, Direction.LOOSER, "declares no arguments any more, so any pass")
        return
    if before.args is None and after.args is not None:
        yield Change(
            name, Direction.STRICTER, "declares its arguments now; what is not as declared is tier 3"
        )
        return
    if before.more_args != after.more_args:
        what = "takes arguments that are not declared" if after.more_args else "takes declared arguments only"
        yield Change(name, by(after.more_args), what)
    olds, news = before.args or {}, after.args or {}
    for arg in sorted({*olds, *news}):
        if olds.get(arg) != news.get(arg):
            yield _argument(name, arg, olds.get(arg), news.get(arg), excused=_excuses(after, arg))


def _argument(name: str, arg: str, before: Arg | None, after: Arg | None, *, excused: bool) -> Change:
    if before is None or after is None:
        what = f"argument {arg} is {'declared now' if before is None else 'no longer declared'}"
        return Change(name, Direction.MAYBE_LOOSER, what)
    if (before.type, before.of) != (after.type, after.of):
        what = f"argument {arg} is of type {_type_text(after)} now; it was {_type_text(before)}"
        return Change(name, _type_direction(before, after, excused=excused), what)
    if before.required != after.required:
        what = f"argument {arg} is {'required now' if after.required else 'no longer required'}"
        return Change(name, by(before.required), what)
    return Change(name, Direction.DIFFERENT, f"argument {arg} has another unit")


def _type_text(arg: Arg) -> str:
    return f"list of {arg.of}" if arg.of else str(arg.type)


def _type_direction(before: Arg, after: Arg, *, excused: bool) -> Direction:
    """A text that has to be of one form is stricter, unless a rule excuses what is on a list.

    A list of identifiers excuses more spellings than a list of texts does.
    """
    if (before.of is None) == (after.of is None):
        was, now = before.of or before.type, after.of or after.type
        if was in READERS and now is ArgType.STRING:
            return Direction.LOOSER
        if was is ArgType.STRING and now in READERS and not excused:
            return Direction.STRICTER
    return Direction.MAYBE_LOOSER


def _excuses(kind: Kind, arg: str) -> bool:
    """Whether a rule leaves out what equals an operand."""
    conditions = [each for rule in kind.rules for each in rule.when.get(arg, ())]
    return any(each.op in (Op.NE, Op.NOT_IN) for one in conditions for each in (one, *one.inner))


def _rules(name: str, before: Kind, after: Kind) -> Iterator[Change]:
    olds = {rule.id: rule for rule in before.rules}
    news = {rule.id: rule for rule in after.rules}
    for rule_id in sorted({*olds, *news}):
        old, new = olds.get(rule_id), news.get(rule_id)
        if old is None and new is not None:
            what = f"rule {rule_id} is new: to tier {int(new.to)} when {_when(new)}"
            yield Change(name, Direction.STRICTER, what)
        elif new is None and old is not None:
            what = f"rule {rule_id} is gone: it was to tier {int(old.to)} when {_when(old)}"
            yield Change(name, Direction.LOOSER, what)
        elif old is not None and new is not None and old != new:
            yield from _rule(name, old, new)


def _rule(name: str, old: RaiseRule, new: RaiseRule) -> Iterator[Change]:
    if old.to != new.to:
        what = f"rule {new.id} raises to tier {int(new.to)}; it was {int(old.to)}"
        yield Change(name, by(new.to < old.to), what)
    if old.when != new.when:
        what = f"rule {new.id} fires when {_when(new)}; it was when {_when(old)}"
        yield Change(name, _when_direction(old.when, new.when), what)
    if old.because != new.because:
        yield Change(name, Direction.DIFFERENT, f"rule {new.id} gives another reason")


def _when(rule: RaiseRule) -> str:
    return " and ".join(describe(name, conditions) for name, conditions in sorted(rule.when.items()))


def _when_direction(old: When, new: When) -> Direction:
    """Return which way a rule's conditions went: one that fires in fewer cases is looser."""
    were = {(arg, condition.op): condition for arg, conditions in old.items() for condition in conditions}
    are = {(arg, condition.op): condition for arg, conditions in new.items() for condition in conditions}
    directions = {_condition_direction(were[key], are[key]) for key in were.keys() & are.keys()}
    directions.discard(Direction.DIFFERENT)
    if are.keys() - were.keys():
        directions.add(Direction.LOOSER)
    if were.keys() - are.keys():
        directions.add(Direction.STRICTER)
    if not directions:
        return Direction.DIFFERENT
    return directions.pop() if len(directions) == 1 else Direction.MAYBE_LOOSER


def _condition_direction(old: Condition, new: Condition) -> Direction:
    before, after = old.operand, new.operand
    if before == after:
        return Direction.DIFFERENT
    if isinstance(before, tuple) and isinstance(after, tuple) and old.op not in (Op.ANY, Op.ALL):
        return _list_direction(old.op, frozenset(before), frozenset(after))
    if isinstance(before, int | float) and isinstance(after, int | float):
        if old.op in (Op.GT, Op.GTE):
            return by(after > before)
        if old.op in (Op.LT, Op.LTE):
            return by(after < before)
    return Direction.MAYBE_LOOSER


def _list_direction(op: Op, before: frozenset[object], after: frozenset[object]) -> Direction:
    if not (before < after or after < before):
        return Direction.MAYBE_LOOSER
    excuses = op in (Op.NOT_IN, Op.DOMAIN_NOT_IN, Op.NOT_UNDER)
    return by((before < after) is excuses)


def _settings(name: str, old: Policy, new: Policy) -> Iterator[Change]:
    """Compare the settings of a kind, without the changes that its tier already reports."""
    for tier in (Tier.ASYNC_APPROVAL, Tier.SYNC_APPROVAL):
        if tier < max(old.own_tier(name), new.own_tier(name)):
            continue
        said = {(each.direction, each.what) for each in tier_changes("", old.tiers[tier], new.tiers[tier])}
        at = name if tier is new.own_tier(name) else f"{name} at tier {int(tier)}"
        changes = [
            *gated_changes(at, old.gated(name, tier), new.gated(name, tier)),
            *keeping_changes(at, old.valid_for_s(name, tier), new.valid_for_s(name, tier)),
        ]
        yield from (each for each in changes if (each.direction, each.what) not in said)


def _time_or_default(kind: Kind) -> str:
    return "left out" if kind.valid_for_s is None else as_written(kind.valid_for_s)
