"""Reviews wait for a name that the policy no longer has, and another group decides in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.people import Users
from bot.domain.policy import Policy
from bot.domain.record import Standing, Verdict
from bot.domain.states import ActionState
from bot.errors import NotFound, Refusal, VoteRefused
from bot.membrane import Pointers
from bot.slack.outbound.rendering import draw
from tests.fakes import ADA, CLEO, PEOPLE, policy
from tests.integration.membrane.conftest import Room
from tests.unit.slack.reading import read


def without(name: str, **more: tuple[str, ...]) -> Policy:
    """Return the policy with `name` renamed or removed."""
    base, (other, *_) = policy(), [*more, "oncall"]
    people = {each: Users(users) for each, users in {**PEOPLE, **more}.items() if each != name}
    tiers = {
        tier: replace(gated, approvers=tuple(other if each == name else each for each in gated.approvers))
        for tier, gated in base.tiers.items()
    }
    return Policy(
        people=people,
        digest_channel=base.digest_channel,
        digest_every_s=base.digest_every_s,
        tiers=tiers,
        actions=base.actions,
        admins=("oncall",),
        admin_channel=base.admin_channel,
    )


def rename(room: Room, *, back: bool = False) -> None:
    """Rename `leads` to `captains` in the policy."""
    room.in_force.append(policy() if back else without("leads", captains=PEOPLE["leads"]))
    room.people.people = dict(PEOPLE) if back else {"captains": PEOPLE["leads"], "oncall": PEOPLE["oncall"]}


async def approve(room: Room, standing: Standing, voter: str = CLEO) -> ActionState:
    review = standing.review
    assert review
    voted = await room.membrane.votes.cast(review.id, voter, approve=True, args_digest=review.args_digest)
    return voted.action.state


async def notices(room: Room) -> list[str]:
    found = await room.db.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT body FROM messages WHERE kind = 'notice' ORDER BY id"
        ).all()
    )
    return [row.body for row in found]


async def card(room: Room, standing: Standing) -> str:
    assert standing.review
    message = next(each for each in await room.messages(standing.review.id) if each.kind == "card")
    return read(draw(await room.membrane.outbox.facts(message), {}).blocks)


async def test_a_click_on_a_review_whose_group_is_gone_explains_the_remedy(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("data.delete"))
    rename(room)
    with pytest.raises(VoteRefused, match="membrane reviews point leads GROUP") as refused:
        await approve(room, standing)
    assert refused.value.reason is Refusal.UNRESOLVED
    assert "Try again in a minute" not in str(refused.value)


async def test_the_admins_are_told_which_reviews_wait_and_how_to_point_them(room: Room) -> None:
    alone = await room.membrane.proposals.propose(room.action("data.delete"))
    among = await room.membrane.proposals.propose(room.action("mail.send"))
    assert alone.review
    assert among.review
    rename(room)
    await room.membrane.stranded_reviews.follow_policy()
    told = await notices(room)
    assert len(told) == 2
    nobody = next(words for words in told if alone.review.id in words)
    assert "1 open review waits for leads" in nobody
    assert "Now nobody can decide it." in nobody
    others = next(words for words in told if among.review.id in words)
    assert "Now oncall can decide it." in others
    await room.membrane.stranded_reviews.follow_policy()
    assert len(await notices(room)) == 2, "one notice for each name"


async def test_the_replacing_group_is_shown_the_card_paged_and_decides(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("data.delete"))
    rename(room)
    assert "The policy no longer names `leads`: nobody can decide as one of them" in await card(
        room, standing
    )
    await Pointers(room.db, room.clock).point("leads", "captains", by="a test")
    assert "The policy no longer names `leads`: `captains` decides in its place." in await card(
        room, standing
    )
    room.clock.forward(500.0)
    await room.membrane.deadlines.page_due()
    assert (CLEO, 1) in await room.pages(), "the chain reaches them, too"
    assert await approve(room, standing) is ActionState.APPROVED
    assert "people.pointed" in await room.events()


async def test_people_outside_the_replacing_group_cannot_decide(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("data.delete"))
    rename(room)
    await Pointers(room.db, room.clock).point("leads", "captains", by="a test")
    with pytest.raises(VoteRefused) as refused:
        await approve(room, standing, ADA)
    assert refused.value.reason is Refusal.NOT_APPROVER


async def test_a_pointer_ends_when_the_name_returns(room: Room) -> None:
    standing = await room.membrane.proposals.propose(room.action("data.delete"))
    rename(room)
    await Pointers(room.db, room.clock).point("leads", "oncall", by="a test")
    rename(room, back=True)
    await room.membrane.stranded_reviews.follow_policy()
    with pytest.raises(VoteRefused, match="not one of the approvers"):
        await approve(room, standing, ADA)
    rename(room)
    await room.membrane.stranded_reviews.follow_policy()
    with pytest.raises(VoteRefused, match="no longer names leads"):
        await approve(room, standing, ADA)


async def test_a_name_that_no_review_waits_for_cannot_be_pointed(room: Room) -> None:
    with pytest.raises(NotFound, match="no open review waits for 'leads'"):
        await Pointers(room.db, room.clock).point("leads", "oncall", by="a test")


async def test_an_unknown_receipt_waits_for_a_missing_name_too(room: Room) -> None:
    """Its card asks the approvers by the name that the policy had then."""
    standing = await room.membrane.proposals.propose(room.action("data.delete"))
    assert await approve(room, standing) is ActionState.APPROVED
    await room.membrane.claims.start(standing.action.id, standing.action.args_digest)
    room.clock.forward(601.0)
    await room.membrane.deadlines.unknown_due()
    rename(room)
    await room.membrane.stranded_reviews.follow_policy()
    assert any("1 open review waits for leads" in words for words in await notices(room))

    async def say() -> Standing:
        return await room.membrane.unknowns.resolve(
            standing.action.id,
            CLEO,
            Verdict.HAPPENED,
            number=1,
            args_digest=standing.action.args_digest,
        )

    with pytest.raises(VoteRefused, match="membrane reviews point leads GROUP"):
        await say()
    await Pointers(room.db, room.clock).point("leads", "captains", by="a test")
    assert (await say()).action.state is ActionState.EXECUTED


async def test_the_admins_hear_of_reviews_that_start_to_wait_later(room: Room) -> None:
    """A review opens just as the policy is reloaded, or is asked again afterwards."""
    rename(room)
    await room.membrane.stranded_reviews.follow_policy()
    room.in_force.append(policy())
    await room.membrane.proposals.propose(room.action("data.delete"))
    rename(room)
    await room.membrane.stranded_reviews.remind()
    assert any("1 open review waits for leads" in words for words in await notices(room))
