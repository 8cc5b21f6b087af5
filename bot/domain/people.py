"""The people behind the policy's names: Slack users, a Slack user group, or the person on call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.domain.escalation import Instant, Rotation

USER_ID = re.compile(r"[UW][A-Z0-9]{2,20}")
"""The shape of a Slack user's id. W is what Enterprise Grid gives."""
USERGROUP_ID = re.compile(r"S[A-Z0-9]{2,20}")
"""The shape of a Slack user group's id."""


AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""The shape of an agent's name."""


@dataclass(frozen=True, slots=True)
class Users:
    """People named one by one."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserGroup:
    """The current members of a Slack user group."""

    id: str


@dataclass(frozen=True, slots=True)
class OnCall:
    """The person on call: one at a time, in turns."""

    rotation: Rotation


PeopleSource = Users | UserGroup | OnCall


def known_users(source: PeopleSource) -> frozenset[str] | None:
    """Return everybody whom a source can ever name; None if only Slack can tell."""
    match source:
        case Users(ids):
            return frozenset(ids)
        case OnCall(rotation):
            return frozenset(rotation.users)
        case UserGroup():
            return None


def present_users(source: PeopleSource, now: Instant) -> frozenset[str] | None:
    """Return the people whom a source names at this moment; None if only Slack can tell."""
    match source:
        case Users(ids):
            return frozenset(ids)
        case OnCall(rotation):
            return frozenset((rotation.on_call(now),))
        case UserGroup():
            return None


def votes_possible(names: Iterable[str], people: Mapping[str, PeopleSource]) -> int | None:
    """Return how many distinct people can vote at one moment; None if only Slack can tell.

    A rotation counts as one person.
    """
    fixed: set[str] = set()
    turns: list[frozenset[str]] = []
    for source in (people[name] for name in names):
        match source:
            case Users(ids):
                fixed.update(ids)
            case OnCall(rotation):
                turns.append(frozenset(rotation.users))
            case UserGroup():
                return None
    return len(fixed) + sum(1 for users in set(turns) if users - fixed)


def may_meet(left: Iterable[str], right: Iterable[str], people: Mapping[str, PeopleSource]) -> bool:
    """Whether somebody can be in both `left` and `right`. Yes if only Slack can tell."""
    ours, theirs = _known(left, people), _known(right, people)
    return ours is None or theirs is None or not ours.isdisjoint(theirs)


def _known(names: Iterable[str], people: Mapping[str, PeopleSource]) -> frozenset[str] | None:
    users: set[str] = set()
    for name in names:
        known = known_users(people[name])
        if known is None:
            return None
        users |= known
    return frozenset(users)
