"""Enterprise Grid: people belong to an organisation of many workspaces, and the bot to one of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.states import ActionState
from bot.localslack import LocalSlack, Person, User
from bot.slack.identity import identify
from tests.fakes import CLEO, DIA, policy
from tests.integration.slack.conftest import SEED, Room, asks_slack
from tests.integration.slack.test_listeners import CARD, now, shown, whisper

ORG, OTHER = "E0NORTH", "T0SALES"
HOME = SEED.team_id


async def on_grid(room: Room, *, org_wide: bool = False, **of_cleo: object) -> None:
    """Put the workspace into an organisation, and set where Cleo is a member and clicks."""
    slack = room.slack
    slack.state.seed = replace(SEED, enterprise_id=ORG, is_enterprise_install=org_wide)
    slack.state.change_user(CLEO, **of_cleo)
    room.identity = await identify(room.web)
    asks_slack(room, policy())


@pytest.fixture
async def room(room: Room, request: pytest.FixtureRequest) -> Room:
    """The room in an organisation, before anybody listens."""
    await on_grid(room, **getattr(request, "param", {}))
    return room


async def click(room: Room, cleo: Person) -> ActionState:
    standing = await room.propose()
    assert (await cleo.click(CARD, await shown(cleo), "approve")).acked
    await whisper(cleo)
    return (await now(room, standing)).action.state


@pytest.mark.parametrize(
    "room",
    [
        {"teams": (HOME,), "clicks_as": ORG},
        {"teams": (HOME, OTHER), "clicks_as": OTHER},
        {"teams": (OTHER, HOME), "clicks_as": HOME},
        {"teams": (OTHER, HOME), "clicks_as": ORG},
        {"teams": (OTHER, HOME)},
        {"org_wide": True, "teams": (HOME,), "clicks_as": ORG},
        {"org_wide": True, "teams": (OTHER,), "clicks_as": OTHER},
    ],
    indirect=True,
)
async def test_members_of_the_workspace_decide_whichever_workspace_a_click_names(
    live: Room, cleo: Person
) -> None:
    assert await click(live, cleo) is ActionState.APPROVED


@pytest.mark.parametrize(
    "room",
    [
        {"teams": (OTHER,), "clicks_as": OTHER},
        {"teams": (OTHER,), "clicks_as": ORG},
        {"teams": (OTHER,), "clicks_as": HOME},
        {"teams": (HOME,), "clicks_as": "T0ELSE"},
        {"teams": (HOME,), "clicks_as": "E0ELSE"},
        {"is_stranger": True, "teams": (), "enterprise_id": "E0ELSE", "clicks_as": "E0ELSE"},
        {"is_stranger": True, "teams": (), "enterprise_id": ORG, "clicks_as": ORG},
        {"teams": (HOME,), "clicks_as": ORG, "is_restricted": True},
        {"teams": ("T0ELSE",), "enterprise_id": "E0ELSE", "clicks_as": "E0ELSE"},
        {"org_wide": True, "is_stranger": True, "teams": (), "enterprise_id": "E0ELSE", "clicks_as": ORG},
        {"org_wide": True, "teams": ("T0ELSE",), "enterprise_id": "E0ELSE", "clicks_as": ORG},
        {"org_wide": True, "teams": (HOME,), "clicks_as": ORG, "is_restricted": True},
    ],
    indirect=True,
)
async def test_strangers_guests_and_other_workspaces_decide_nothing(live: Room, cleo: Person) -> None:
    assert await click(live, cleo) is ActionState.WAITING


@pytest.mark.parametrize("room", [{"org_wide": True, "teams": (HOME,), "clicks_as": ORG}], indirect=True)
async def test_a_note_from_a_window_counts_without_a_workspace_in_the_payload(
    live: Room, cleo: Person
) -> None:
    standing = await live.propose()
    assert (await cleo.click(CARD, await shown(cleo), "reject_with_note")).acked
    modal = await cleo.wait_for_view("Why not?")
    assert (await cleo.submit(modal, {"note": "no"})).acked
    await shown(cleo, "wrote:")
    assert (await now(live, standing)).action.state is ActionState.REJECTED


async def test_without_grid_a_click_that_claims_an_organisation_is_refused(
    slack: LocalSlack, room: Room
) -> None:
    slack.state.seed = SEED
    room.identity = await identify(room.web)
    asks_slack(room, policy())
    assert await room.membrane.people.full_member(CLEO, HOME)
    assert not await room.membrane.people.full_member(CLEO, ORG)
    assert not await room.membrane.people.full_member(CLEO, "None")


async def test_a_person_in_two_workspaces_is_looked_up_once(room: Room) -> None:
    room.slack.state.users[DIA] = User(id=DIA, name="dia", teams=(OTHER, HOME))
    for team in (OTHER, HOME, ORG, None):
        assert await room.membrane.people.full_member(DIA, team)
    assert len(room.slack.calls.of("users.info")) == 1
