"""A channel that another company is in, or is invited to, shows no arguments unless the policy allows it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.localslack import Person
from bot.slack.outbound.shared_channels import LOOK_S
from tests.fakes import CLEO, DIA, policy
from tests.integration.slack.conftest import Room
from tests.integration.slack.test_courier_faults import until_quiet, vote
from tests.unit.slack.reading import read

APPROVALS, ADMIN, DIGEST = "C0APPR", "C0ADMIN", "C0DIG"
SECRET_WORDS = "the account of Ms Vance"

SIGNS: list[dict[str, Any]] = [
    {"is_ext_shared": True},
    {"is_pending_ext_shared": True},
    {"pending_shared": ("T0GLOBEX",)},
    {"pending_connected_team_ids": ("T0GLOBEX",)},
]


def share(room: Room, channel_id: str = APPROVALS, **signs: Any) -> None:
    room.slack.state.change_channel(channel_id, **(signs or {"is_ext_shared": True}))


def everything_in(room: Room, channel_id: str) -> str:
    messages = room.slack.state.conversations[channel_id].messages.values()
    return "\n".join(f"{each.text} {each.blocks}" for each in messages)


@pytest.mark.parametrize("signs", SIGNS)
async def test_no_arguments_are_posted_and_the_admins_are_told_what_to_do(
    room: Room, signs: dict[str, Any]
) -> None:
    share(room, **signs)
    await room.propose(args={"who": SECRET_WORDS})
    await until_quiet(room)
    assert room.said(APPROVALS) == [], "the channel gets no message"
    told = everything_in(room, ADMIN)
    assert SECRET_WORDS in told, "the admins get the card"
    assert "#agent-approvals is shared with another company" in told
    assert "allow_external: true" in told


async def test_the_admins_are_told_before_anything_is_posted(room: Room) -> None:
    share(room)
    await room.courier.look_at_channels()
    await until_quiet(room)
    assert "#agent-approvals is shared with another company" in everything_in(room, ADMIN)
    assert "Approval wanted" not in everything_in(room, ADMIN)
    await room.courier.look_at_channels()
    await until_quiet(room)
    assert len(room.said(ADMIN)) == 1, "once"


async def test_where_the_admins_are_shared_too_those_who_decide_get_a_message(room: Room) -> None:
    share(room)
    share(room, ADMIN)
    await room.propose(args={"who": SECRET_WORDS})
    await until_quiet(room)
    assert SECRET_WORDS not in everything_in(room, APPROVALS) + everything_in(room, ADMIN)
    assert SECRET_WORDS in everything_in(room, room.dm(CLEO, DIA))
    assert "is shared with another company" in everything_in(room, ADMIN), "a notice has no arguments"


@pytest.mark.parametrize("named", ["#agent-approvals", "C0APPR"])
async def test_the_policy_can_allow_it_by_name_or_id(room: Room, named: str) -> None:
    share(room)
    room.in_force[:] = [policy(external_channels=(named,))]
    await room.propose(args={"who": SECRET_WORDS})
    await until_quiet(room)
    assert SECRET_WORDS in everything_in(room, APPROVALS)
    assert room.said(ADMIN) == []
    await room.courier.look_at_channels()
    assert room.said(ADMIN) == []


async def test_a_channel_shared_within_the_organisation_is_no_other_company(room: Room) -> None:
    share(room, is_org_shared=True)
    await room.propose(args={"who": SECRET_WORDS})
    await until_quiet(room)
    assert SECRET_WORDS in everything_in(room, APPROVALS)


async def test_pending_cards_leave_a_channel_that_becomes_shared(room: Room) -> None:
    standing = await room.propose(args={"who": SECRET_WORDS})
    closed = await room.propose("job.run", args={"id": 7})
    await until_quiet(room)
    await vote(room, closed)
    await until_quiet(room)
    await room.courier.look_at_channels()
    assert SECRET_WORDS in everything_in(room, APPROVALS)
    share(room)
    room.clock.ahead += LOOK_S
    await room.courier.look_at_channels()
    await until_quiet(room)
    assert SECRET_WORDS in everything_in(room, ADMIN)
    assert "is shared with another company" in everything_in(room, ADMIN)
    room.clock.ahead += 400
    await room.courier.sweep()
    assert SECRET_WORDS not in everything_in(room, APPROVALS), "the old card is deleted"
    await vote(room, standing)
    await until_quiet(room)
    assert "Approved" in read(room.blocks(ADMIN))
    assert len(room.said(APPROVALS)) == 1, "the decided card stays"


async def test_new_cards_come_back_when_the_sharing_ends(room: Room) -> None:
    share(room)
    await room.propose(args={"id": 1})
    await until_quiet(room)
    share(room, is_ext_shared=False)
    room.clock.ahead += LOOK_S
    await room.propose(args={"id": 2})
    await until_quiet(room)
    assert len(room.said(APPROVALS)) == 1


async def test_digests_show_what_was_done_and_go_elsewhere_too(room: Room) -> None:
    share(room, DIGEST)
    await room.propose("report.make", args={"who": SECRET_WORDS})
    room.clock.ahead += 120
    await room.membrane.digests.make_due()
    await until_quiet(room)
    assert room.said(DIGEST) == []
    assert SECRET_WORDS in everything_in(room, ADMIN)


async def test_posts_of_a_chain_go_elsewhere_too(room: Room) -> None:
    share(room, "C0INC")
    await room.propose(args={"who": SECRET_WORDS})
    room.clock.ahead += 950
    for _ in range(4):
        await room.membrane.deadlines.page_due()
    await until_quiet(room)
    assert SECRET_WORDS not in everything_in(room, "C0INC")


async def test_while_slack_does_not_say_nothing_is_posted(room: Room) -> None:
    room.slack.faults.arm(method="conversations.info", kind="http", status=503, times=2)
    await room.propose(args={"who": SECRET_WORDS})
    await room.courier.sweep()
    assert room.said(APPROVALS) == []
    room.clock.ahead += 10
    await until_quiet(room)
    assert len(room.said(APPROVALS)) == 1


async def test_slack_is_asked_once_for_many_cards(room: Room) -> None:
    for number in range(10):
        await room.propose(args={"id": number})
    await until_quiet(room)
    assert len(room.slack.calls.of("conversations.info")) == 1


async def test_strangers_of_the_shared_channel_decide_nothing(live: Room, cleo: Person) -> None:
    """The policy allows arguments there, and still only members vote. `test_people` covers the rest."""
    live.in_force[:] = [policy(external_channels=("#agent-approvals",))]
    share(live)
    live.people.outsiders.add(CLEO)
    standing = await live.propose()
    card = await cleo.wait_for_message("agent-approvals", "Approval wanted")
    assert (await cleo.click("agent-approvals", card, "approve")).acked
    assert (await live.membrane.proposals.standing(standing.action.id)).action.state == "waiting"
