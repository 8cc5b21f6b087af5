"""The day under the demo's policy: every tier, and something that the policy does not name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bot.demo import day
from bot.demo.company import PEOPLE
from bot.demo.effects import EFFECTS
from bot.domain.action import Action
from bot.domain.people import known_users
from bot.domain.policy import Policy
from bot.localslack import northwind
from bot.package_files import DEMO_POLICY, package_file
from bot.policyfile import load


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(package_file(DEMO_POLICY))


def _proposed(policy: Policy) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for script in [*day.SUPPORT_TICKETS.values(), *day.CRM_TICKETS.values()]:
        yield from ((policy.kind_of_tool(use.name), use.args) for turn in script for use in turn.uses)
    for steps in [*day.RUNBOOKS.values(), *(job.steps for job in day.PROPOSING)]:
        yield from ((step.kind, step.args) for step in steps)


def test_the_day_has_every_tier_and_more_than_thirty_actions(policy: Policy) -> None:
    rulings = [policy.rule(Action.of(kind, args, agent="a")) for kind, args in _proposed(policy)]
    tiers = Counter(int(ruling.tier) for ruling in rulings)
    assert sum(tiers.values()) >= 36
    assert min(tiers[tier] for tier in range(4)) >= 5
    assert [ruling.kind for ruling in rulings if ruling.rule == "unknown-kind"] == ["dns.update"]
    assert {ruling.rule for ruling in rulings if ruling.rule in ("missing-argument", "wrong-type")} == set()


def test_people_are_asked_about_what_the_policy_does_not_name(policy: Policy) -> None:
    actions = [Action.of(kind, args, agent="a") for kind, args in _proposed(policy)]
    assert {action.kind for action in actions if policy.misfits(action)} == {"dns.update"}
    assert not policy.strict, "a strict policy refuses it at the door, and nobody is asked"


def test_one_interrupt_has_calls_of_four_tiers(policy: Policy) -> None:
    calls = day.CRM_TICKETS["T-2001"][0].uses
    kinds = [(policy.kind_of_tool(use.name), use.args) for use in calls]
    tiers = [int(policy.rule(Action.of(kind, args, agent="a")).tier) for kind, args in kinds]
    assert tiers == [0, 1, 2, 3]


def test_everything_the_agents_do_can_be_carried_out(policy: Policy) -> None:
    assert {kind for kind, _ in _proposed(policy)} <= EFFECTS.keys()


def test_the_workspace_is_the_one_that_the_policy_names(policy: Policy) -> None:
    company = northwind()
    assert {f"#{channel.name}" for channel in company.channels} == set(policy.channels)
    assert policy.usergroups == {group.id for group in company.usergroups}
    named = [known_users(source) or frozenset() for source in policy.people.values()]
    assert frozenset().union(*named) <= {person.id for person in PEOPLE}
