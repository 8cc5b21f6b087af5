"""Slack says who may decide, and a clicker reads why their click does not count."""

from __future__ import annotations

import pytest

from bot.domain.people import UserGroup
from bot.domain.states import ActionState
from bot.localslack import Person
from tests.fakes import CLEO
from tests.integration.slack.conftest import Room, asks_slack
from tests.integration.slack.test_listeners import CARD, now, shown, whisper
from tests.integration.slack.test_people import with_people


@pytest.fixture
async def room(room: Room) -> Room:
    """The room, with `leads` as a user group of the workspace."""
    room.slack.state.change_usergroup("S0FIN", members=(CLEO,))
    asks_slack(room, with_people(leads=UserGroup("S0FIN")))
    return room


async def test_a_clicker_on_a_free_plan_reads_that_user_groups_need_a_paid_plan(
    live: Room, cleo: Person
) -> None:
    live.slack.state.paid = False
    standing = await live.propose()
    assert (await cleo.click(CARD, await shown(cleo), "approve")).acked
    words = await whisper(cleo)
    assert "user groups need a paid plan of Slack, and this workspace has none" in words
    assert "minute" not in words
    assert (await now(live, standing)).action.state is ActionState.WAITING


@pytest.mark.parametrize(
    ("error", "says"),
    [("missing_scope", "lacks the scope usergroups:read"), ("no_such_subteam", "no active user group S0FIN")],
)
async def test_a_clicker_reads_an_error_that_waiting_does_not_fix(
    live: Room, cleo: Person, error: str, says: str
) -> None:
    live.slack.faults.arm(method="usergroups.users.list", kind="error", error=error, times=99)
    await live.propose()
    assert (await cleo.click(CARD, await shown(cleo), "reject")).acked
    assert says in await whisper(cleo)


async def test_a_clicker_is_asked_to_retry_after_a_temporary_error(live: Room, cleo: Person) -> None:
    live.slack.faults.arm(method="usergroups.users.list", kind="http", status=503, times=99)
    await live.propose()
    assert (await cleo.click(CARD, await shown(cleo), "approve")).acked
    assert "Try again in a minute" in await whisper(cleo)


async def test_a_clicker_is_told_that_the_policy_lost_a_group(live: Room, cleo: Person) -> None:
    await live.propose()
    card = await shown(cleo)
    live.in_force.append(with_people(captains=UserGroup("S0FIN")))
    live.in_force[-1].people.pop("leads")  # type: ignore[attr-defined]  # a policy's people are read only
    assert (await cleo.click(CARD, card, "approve")).acked
    assert "membrane reviews point leads GROUP" in await whisper(cleo)
