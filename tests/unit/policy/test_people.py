"""Names resolve to people; the number of possible votes; shared members; rotations and chains."""

from __future__ import annotations

import pytest

from bot.domain.escalation import Chain, Delay, Repeat, Rotation, Step, page_at, quiet_until
from bot.domain.people import (
    OnCall,
    PeopleSource,
    UserGroup,
    Users,
    known_users,
    may_meet,
    present_users,
    votes_possible,
)

WEEK = 604800.0
PEOPLE: dict[str, PeopleSource] = {
    "ada": Users(("U0ADA",)),
    "leads": Users(("U0CLEO", "U0DIA")),
    "oncall": OnCall(Rotation(("U0ADA", "U0BEN"), WEEK, 1000.0)),
    "others": OnCall(Rotation(("U0BEN", "U0ADA"), WEEK, 1000.0)),
    "finance": UserGroup("S0FINANCE"),
}


@pytest.mark.parametrize(
    ("names", "votes"),
    [
        (["leads"], 2),
        (["leads", "ada"], 3),
        (["oncall"], 1),
        (["oncall", "ada"], 2),
        (["oncall", "others"], 1),
        (["leads", "oncall"], 3),
        (["leads", "finance"], None),
        ([], 0),
    ],
)
def test_how_many_can_vote_at_one_moment(names: list[str], votes: int | None) -> None:
    assert votes_possible(names, PEOPLE) == votes


def test_two_lists_meet_when_they_can_share_a_person() -> None:
    assert may_meet(["ada"], ["oncall"], PEOPLE)
    assert not may_meet(["leads"], ["oncall", "ada"], PEOPLE)
    assert may_meet(["leads"], ["finance"], PEOPLE)
    assert not may_meet([], ["ada"], PEOPLE)


def test_known_and_present_people() -> None:
    assert known_users(PEOPLE["oncall"]) == frozenset({"U0ADA", "U0BEN"})
    assert present_users(PEOPLE["oncall"], 1000.0) == frozenset({"U0ADA"})
    assert present_users(PEOPLE["leads"], 0.0) == frozenset({"U0CLEO", "U0DIA"})
    assert known_users(PEOPLE["finance"]) is None
    assert present_users(PEOPLE["finance"], 0.0) is None


@pytest.mark.parametrize(
    ("now", "user"),
    [(0.0, "U0A"), (1000.0, "U0A"), (1099.9, "U0A"), (1100.0, "U0B"), (1200.0, "U0C"), (1300.0, "U0A")],
)
def test_a_rotation_names_the_person_on_call(now: float, user: str) -> None:
    assert Rotation(("U0A", "U0B", "U0C"), 100.0, 1000.0).on_call(now) == user


CHAIN = Chain(
    "platform",
    (Step(Delay(share=0.5), page=("leads",)), Step(Delay(seconds=10.0), page=("oncall",), post="#incidents")),
    Repeat(60.0, 2),
    ack_for_s=30.0,
)


def test_a_chain_goes_by_when_its_steps_are_due_and_then_repeats() -> None:
    due = [page_at(CHAIN, position, 1000.0, 100.0) for position in range(5)]
    assert [(each.due_at, each.page, each.post) for each in due if each] == [
        (1010.0, ("oncall",), ("#incidents",)),
        (1050.0, ("leads",), ()),
        (1110.0, ("oncall", "leads"), ()),
        (1170.0, ("oncall", "leads"), ()),
    ]
    assert due[4] is None


def test_a_chain_without_end_goes_on() -> None:
    endless = CHAIN.without_end()
    far = page_at(endless, 1002, 1000.0, 100.0)
    assert far
    assert far.due_at == 1050.0 + 1001 * 60.0
    once = Chain("once", CHAIN.steps).without_end()
    assert once.repeat == Repeat(3600.0, None)


def test_an_acknowledgement_is_quiet_for_its_time_and_never_past_80_percent() -> None:
    assert quiet_until(CHAIN, 1005.0, 1000.0, 100.0) == 1035.0
    assert quiet_until(CHAIN, 1070.0, 1000.0, 100.0) == 1080.0
