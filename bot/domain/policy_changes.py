"""The changes between two policies, in sentences, with a mark on everything that loosens.

A change is looser if an action can cross with less: a lower tier, a rule gone or narrowed, fewer approvals,
more people who may approve, an approval that is valid longer. A change that cannot be decided is marked as
possibly looser, so nothing loosens in silence. The law behind this: a change that can rule some action to a
lower tier is never marked stricter or merely different.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.change import Change, Direction, by, name_changes, tier_changes
from bot.domain.durations import as_written
from bot.domain.kind_changes import kind_changes
from bot.domain.numbers import in_words
from bot.domain.people import PeopleSource, Users
from bot.domain.policy import Policy
from bot.domain.policy_model import Limits
from bot.domain.risk import Tier

_ORDER = list(Direction)


def changes_between(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Return every difference between two policies, the loosening ones first."""
    found = [
        *_general(old, new),
        *_people(old, new),
        *_tiers(old, new),
        *_tools(old, new),
        *_graphs(old, new),
        *_channels(old, new),
    ]
    for name in sorted({*old.actions, *new.actions}):
        found += kind_changes(name, old, new)
    return tuple(sorted(dict.fromkeys(found), key=lambda each: (_ORDER.index(each.direction), each.subject)))


def _limits(before: Limits, after: Limits) -> Iterator[Change]:
    """Compare the limits. More at once is looser, and so is a shorter memory."""
    for name in ("open_per_agent", "threads_per_agent"):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Change("limits", by(now > was), f"{name} {was} is now {now}")
    for name in ("remember_rejection", "remember_expiry"):
        was, now = getattr(before, f"{name}_s"), getattr(after, f"{name}_s")
        if was != now:
            what = f"{name}_for {as_written(was)} is now {as_written(now)}"
            yield Change("limits", by(now < was), what)


def _general(old: Policy, new: Policy) -> Iterator[Change]:
    if new.cost_threshold_usd != old.cost_threshold_usd:
        what = f"{in_words(old.cost_threshold_usd)} USD is now {in_words(new.cost_threshold_usd)}"
        yield Change("cost_threshold_usd", by(new.cost_threshold_usd > old.cost_threshold_usd), what)
    yield from _limits(old.limits, new.limits)
    if old.strict != new.strict:
        what = (
            "what does not fit the schema is refused at the door"
            if new.strict
            else "what does not fit the schema is asked about at tier 3, no longer refused at the door"
        )
        yield Change("strict", by(old.strict), what)
    yield from name_changes("admins", "admin", old.admins, new.admins)
    if old.admin_channel != new.admin_channel:
        yield Change("admin_channel", Direction.DIFFERENT, f"{old.admin_channel} is now {new.admin_channel}")


def _people(old: Policy, new: Policy) -> Iterator[Change]:
    for name in sorted({*old.people, *new.people}):
        before, after = old.people.get(name), new.people.get(name)
        if before == after:
            continue
        if before is None:
            yield Change(f"people {name}", Direction.DIFFERENT, "is new")
        elif after is None:
            yield Change(f"people {name}", Direction.STRICTER, _gone(name, before, old, new))
        else:
            yield from _source(name, before, after)


def _gone(name: str, before: PeopleSource, old: Policy, new: Policy) -> str:
    """Describe a removed name, and the reviews that wait for it."""
    words = "is gone; they can no longer vote by it, on reviews that are open neither"
    alike = [each for each, source in new.people.items() if source == before and each not in old.people]
    if not alike:
        return words
    point = f"membrane reviews point {name} {alike[0]}"
    return (
        f"{words}. {alike[0]} leads to the same people: to let them decide what waits for {name}, run {point}"
    )


def _source(name: str, before: PeopleSource, after: PeopleSource) -> Iterator[Change]:
    subject = f"people {name}"
    if not (isinstance(before, Users) and isinstance(after, Users)):
        yield Change(subject, Direction.MAYBE_LOOSER, "leads to others than before")
        return
    added, removed = {*after.ids} - {*before.ids}, {*before.ids} - {*after.ids}
    if added:
        yield Change(subject, Direction.LOOSER, f"{', '.join(sorted(added))} joined")
    if removed:
        yield Change(subject, Direction.STRICTER, f"{', '.join(sorted(removed))} left")
    if not added and not removed:
        yield Change(subject, Direction.DIFFERENT, "the same people in another order")


def _tiers(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = (old.digest_channel, old.digest_every_s), (new.digest_channel, new.digest_every_s)
    if before != after:
        was, now = (f"{channel} every {as_written(every)}" for channel, every in (before, after))
        what = f"the digest goes to {now}; it was {was}"
        yield Change(
            "tier 1", by(after[1] > before[1]) if after[1] != before[1] else Direction.DIFFERENT, what
        )
    for tier in (Tier.ASYNC_APPROVAL, Tier.SYNC_APPROVAL):
        yield from tier_changes(f"tier {int(tier)}", old.tiers[tier], new.tiers[tier])


def _tools(old: Policy, new: Policy) -> Iterator[Change]:
    for tool in sorted({*old.tools, *new.tools}):
        before, after = old.kind_of_tool(tool), new.kind_of_tool(tool)
        if before != after:
            yield Change(
                f"tool {tool}", Direction.MAYBE_LOOSER, f"was ruled as {before}, and now is as {after}"
            )


def _channels(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = {*old.external_channels}, {*new.external_channels}
    for name in sorted(after - before):
        what = "may show arguments to another company that it is shared with"
        yield Change(f"channel {name}", Direction.LOOSER, what)
    for name in sorted(before - after):
        what = "shows no arguments any more where it is shared with another company"
        yield Change(f"channel {name}", Direction.STRICTER, what)


def _graphs(old: Policy, new: Policy) -> Iterator[Change]:
    for name in sorted({*old.graphs, *new.graphs}):
        before, after = old.graphs.get(name, ()), new.graphs.get(name, ())
        for agent in sorted({*after} - {*before}):
            yield Change(f"graph {name}", Direction.LOOSER, f"{agent} may start it now")
        for agent in sorted({*before} - {*after}):
            yield Change(f"graph {name}", Direction.STRICTER, f"{agent} may not start it any more")
