"""A real workspace says who people are."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.domain.action import Action
from bot.domain.escalation import Rotation
from bot.domain.notices import Notice
from bot.domain.people import OnCall, PeopleSource, UserGroup, Users
from bot.domain.policy import Policy
from bot.domain.record import Standing
from bot.errors import MembraneError
from bot.localslack import LocalSlack
from bot.localslack.faults import HELD
from bot.membrane import Membrane, Resolved
from bot.slack.identity import identify, web_client
from bot.slack.people import SlackPeople
from bot.slack.web_api import Calls
from bot.store.database import open_database
from tests.fakes import ADA, BEN, CLEO, PEOPLE, SECRET, policy
from tests.integration.slack.conftest import Clock
from tests.waiting import PATIENCE_S, until


def with_people(**sources: PeopleSource) -> Policy:
    base = policy()
    people = {**{name: Users(users) for name, users in PEOPLE.items()}, **sources}
    return Policy(
        people=people,
        digest_channel=base.digest_channel,
        digest_every_s=base.digest_every_s,
        tiers=base.tiers,
        actions=base.actions,
    )


@pytest.fixture
def people(slack: LocalSlack, clock: Clock) -> SlackPeople:
    weekly = OnCall(Rotation((ADA, BEN), 100.0, clock()))
    in_force = with_people(money=UserGroup("S0FIN"), off=UserGroup("S0OFF"), duty=weekly)
    web = web_client(slack.bot_token, slack.api_url, timeout_s=int(PATIENCE_S))
    return SlackPeople(Calls(web, clock), lambda: in_force, lambda: identify(web), clock)


async def test_users_groups_and_rotations_are_resolved(people: SlackPeople, clock: Clock) -> None:
    assert await people.resolve(["leads", "money"]) == Resolved(frozenset({CLEO, "U0DIA", BEN}))
    assert (await people.resolve(["duty"])).users == {ADA}
    clock.ahead += 100
    assert (await people.resolve(["duty"])).users == {BEN}


async def test_unknown_people_and_inactive_groups_are_unresolved(people: SlackPeople) -> None:
    assert await people.resolve(["leads", "off", "nobody"]) == Resolved(
        frozenset({CLEO, "U0DIA"}), ("off", "nobody")
    )
    assert people.troubles == {
        "S0OFF": "Who off is cannot be looked up, so nobody can vote as one of them: there is no active user "
        "group S0OFF. Correct the policy, or restore the group."
    }


async def test_many_who_ask_at_once_ask_slack_once(people: SlackPeople, slack: LocalSlack) -> None:
    await asyncio.gather(*(people.resolve(["money"]) for _ in range(20)))
    await asyncio.gather(*(people.full_member(ADA) for _ in range(20)))
    assert len(slack.calls.of("usergroups.users.list")) == 1
    assert len(slack.calls.of("users.info")) == 1


async def test_an_answer_is_believed_for_half_a_minute(
    people: SlackPeople, slack: LocalSlack, clock: Clock
) -> None:
    await people.resolve(["money"])
    slack.state.change_usergroup("S0FIN", members=(CLEO,))
    slack.state.change_user(BEN, deleted=True)
    assert (await people.resolve(["money"])).users == {BEN}
    clock.ahead += 31
    assert (await people.resolve(["money"])).users == {CLEO}
    assert not await people.full_member(BEN)


@pytest.mark.parametrize("leaves", ["the workspace", "the group"])
async def test_invariant_14_slack_is_asked_afresh_about_earlier_voters_when_a_quorum_fills(
    people: SlackPeople, slack: LocalSlack, clock: Clock, tmp_path: Path, leaves: str
) -> None:
    in_force = with_people(leads=UserGroup("S0FIN"))
    slack.state.change_usergroup("S0FIN", members=(BEN, CLEO, ADA))
    db = open_database(tmp_path / "membrane.db")
    people = SlackPeople(people._calls, lambda: in_force, people._identity, clock)
    membrane = Membrane(db, lambda: in_force, people, secret=SECRET, clock=clock)
    standing = await membrane.proposals.propose(Action.of("money.wire", {"id": 1}, agent="mailer"))
    review = standing.review
    assert review is not None

    async def approve(voter: str) -> Standing:
        return await membrane.votes.cast(review.id, voter, approve=True, args_digest=review.args_digest)

    await approve(BEN)
    if leaves == "the workspace":
        slack.state.change_user(BEN, deleted=True)
    else:
        slack.state.change_usergroup("S0FIN", members=(CLEO, ADA))
    assert (await approve(CLEO)).action.state == "waiting", "within the half minute"
    assert (await approve(ADA)).action.state == "approved"
    await db.close()


async def test_an_expired_answer_is_not_used_when_slack_is_silent(
    people: SlackPeople, slack: LocalSlack, clock: Clock
) -> None:
    await people.resolve(["money"])
    await people.full_member(BEN)
    clock.ahead += 31
    slack.faults.arm(method="*", kind="http", times=2)
    assert await people.resolve(["money"]) == Resolved(frozenset(), ("money",))
    with pytest.raises(MembraneError, match="try again in a minute"):
        await people.full_member(BEN)
    assert len(slack.calls.of("usergroups.users.list")) == 2
    await people.resolve(["money"])
    assert len(slack.calls.of("usergroups.users.list")) == 2, "a failed request is not repeated at once"
    clock.ahead += 4
    assert (await people.resolve(["money"])).users == {BEN}
    assert people.troubles == {}


async def test_a_free_plan_is_said_clearly_and_to_the_admins_once(
    people: SlackPeople, slack: LocalSlack
) -> None:
    told: list[str] = []

    async def tell(notice: Notice) -> None:
        told.append(str(notice))

    people.tell = tell
    slack.state.paid = False
    assert (await people.resolve(["money"])).unresolved == ("money",)
    await people.resolve(["money"])
    assert len(told) == 1
    assert "user groups need a paid plan of Slack" in told[0]


@pytest.mark.parametrize(
    ("user", "full"),
    [(ADA, True), ("U0GST", False), ("U0OLD", False), ("U0STR", False), ("U0BOT", False), ("U0NONE", False)],
)
async def test_only_full_human_members_of_this_workspace_count(
    people: SlackPeople, user: str, full: bool
) -> None:
    assert await people.full_member(user) is full


async def test_a_click_from_another_workspace_does_not_count(people: SlackPeople, slack: LocalSlack) -> None:
    assert await people.full_member(ADA, slack.team_id)
    assert not await people.full_member(ADA, "T0OTHER")


async def test_a_cancelled_lookup_does_not_cancel_the_others(people: SlackPeople, slack: LocalSlack) -> None:
    slack.faults.arm(method="users.info", kind="delay", seconds=HELD)
    hasty = asyncio.create_task(people.full_member(ADA))
    await until(lambda: slack.calls.of("users.info"))
    patient = asyncio.create_task(people.full_member(ADA))
    await asyncio.sleep(0)  # let it start to wait
    hasty.cancel()
    await asyncio.gather(hasty, return_exceptions=True)
    slack.faults.release()
    assert await patient
    assert len(slack.calls.of("users.info")) == 1
