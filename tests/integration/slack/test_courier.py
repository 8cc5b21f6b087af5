"""The courier makes Slack show what the store wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.errors import VoteRefused
from bot.localslack.faults import HELD
from bot.membrane import Membrane
from bot.slack.outbound.courier import Courier
from bot.slack.outbound.pace import Rates
from tests.fakes import ADA, BEN, CLEO, DIA, GUS, policy
from tests.integration.slack.conftest import Room
from tests.unit.slack.reading import read
from tests.waiting import until


async def approve(membrane: Membrane, review_id: str, digest: str, voter: str = CLEO) -> None:
    await membrane.votes.cast(review_id, voter, approve=True, args_digest=digest)


@asynccontextmanager
async def running(courier: Courier) -> AsyncIterator[None]:
    task = asyncio.create_task(courier.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_gated_action_gets_one_card_in_its_channel(room: Room) -> None:
    standing = await room.propose()
    assert await room.courier.sweep() == 1
    assert await room.courier.sweep() == 0
    assert room.said("C0APPR") == ["Approval wanted, Tier 3: `data.delete · id 1`"]
    card = await room.card(standing)
    assert (card.channel_id, card.shown, card.wanted, card.due_at) == ("C0APPR", 1, 1, None)
    message = next(room.slack.state.conversations["C0APPR"].newest_first())
    assert message.metadata == {
        "event_type": "membrane_message",
        "event_payload": {"message_id": card.id},
    }


async def test_a_vote_redraws_the_card_without_its_buttons(room: Room) -> None:
    standing = await room.propose()
    await room.courier.sweep()
    assert standing.review
    await approve(room.membrane, standing.review.id, standing.action.args_digest)
    await room.courier.sweep()
    text = read(room.blocks("C0APPR"))
    assert f"✅ Approved by @{CLEO}" in text
    assert "[Approve]" not in text
    assert len(room.said("C0APPR")) == 1


async def test_ten_changes_while_slack_was_slow_become_one_update(room: Room) -> None:
    standing = await room.propose("release.sign")
    await room.courier.sweep()
    assert standing.review
    for _ in range(10):  # a vote on other arguments has its card drawn again
        with pytest.raises(VoteRefused):
            await room.membrane.votes.cast(standing.review.id, CLEO, approve=True, args_digest="another")
    await room.courier.sweep()
    assert len(room.slack.calls.of("chat.update")) == 1
    card = await room.card(standing)
    assert card.shown == card.wanted == 11


async def test_a_change_during_a_send_is_sent_too(room: Room) -> None:
    standing = await room.propose()
    assert standing.review
    room.slack.faults.arm(method="chat.postMessage", kind="delay", seconds=HELD)
    sweep = asyncio.create_task(room.courier.sweep())
    await until(lambda: room.slack.calls.of("chat.postMessage"))
    await approve(room.membrane, standing.review.id, standing.action.args_digest)
    room.slack.faults.release()
    await sweep
    assert "✅ Approved" in read(room.blocks("C0APPR"))
    assert len(room.said("C0APPR")) == 1


async def test_pages_go_to_people_with_a_link_to_the_card(room: Room) -> None:
    standing = await room.propose()
    await room.courier.sweep()
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    await room.courier.sweep()
    card = await room.card(standing)
    for user in (ADA, BEN):
        text = read(room.blocks(room.dm(user)))
        assert "You are paged because nobody has answered yet: step 1 of 3" in text
        link = f"https://local.slack.com/archives/C0APPR/p{str(card.ts).replace('.', '')}"
        assert f"[Open the card]({link})" in text
        assert "[I’m on it]" in text


async def test_no_page_is_sent_after_the_outcome(room: Room) -> None:
    standing = await room.propose()
    await room.courier.sweep()
    assert standing.review
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    await approve(room.membrane, standing.review.id, standing.action.args_digest)
    await room.courier.sweep()
    assert room.dm(ADA) == ""


async def test_a_page_that_was_sent_loses_its_buttons_with_the_outcome(room: Room) -> None:
    standing = await room.propose()
    assert standing.review
    room.clock.ahead += 300
    await room.membrane.deadlines.page_due()
    await room.courier.sweep()
    await approve(room.membrane, standing.review.id, standing.action.args_digest)
    await room.courier.sweep()
    text = read(room.blocks(room.dm(ADA)))
    assert "it needs nobody any more" in text
    assert "[Approve]" not in text


async def test_the_chain_posts_to_its_channel(room: Room) -> None:
    await room.propose()
    room.clock.ahead += 950
    await room.membrane.deadlines.page_due()
    await room.courier.sweep()
    assert "Told here because nobody has answered yet: step 3 of 3" in read(room.blocks("C0INC"))


async def test_a_halted_card_and_its_successor_point_to_each_other(room: Room) -> None:
    standing = await room.propose("mail.send")
    await room.courier.sweep()
    room.clock.ahead += 1001
    await room.membrane.deadlines.expire_due()
    await room.courier.sweep()
    room.clock.ahead += 1
    await room.courier.sweep()
    old, new = list(room.slack.state.conversations["C0APPR"].messages.values())
    assert f"[its new card](https://local.slack.com/archives/C0APPR/p{new.ts.replace('.', '')})" in read(
        old.blocks or []
    )
    assert f"[an earlier card](https://local.slack.com/archives/C0APPR/p{old.ts.replace('.', '')})" in read(
        new.blocks or []
    )
    card = await room.card(standing)
    assert (card.shown, card.due_at) == (card.wanted, None)


async def test_the_requester_is_told_and_a_made_up_one_reaches_no_channel(room: Room) -> None:
    for requester in (ADA, "C0APPR", f"{ADA},{BEN}", "#agent-approvals"):
        standing = await room.propose(on_behalf_of=requester, args={"id": requester})
        assert standing.review
        await room.courier.sweep()
        await approve(room.membrane, standing.review.id, standing.action.args_digest)
    await room.courier.sweep()
    assert len(room.said(room.dm(ADA))) == 1
    assert room.said(room.dm(ADA))[0].startswith("What you asked for through an agent: Approved")
    assert len(room.said("C0APPR")) == 4
    assert room.dm(ADA, BEN) == ""


async def test_a_named_requester_is_told_only_if_the_agent_may_write_to_them(room: Room) -> None:
    """The agent may write to its owner, a live token's people and the policy's people: ADA, but not GUS."""
    taken, _ = await room.membrane.tokens.create("named", DIA, acts_for=[GUS])
    for agent, requester in (("ops-agent", GUS), ("ops-agent", ADA), ("named", GUS)):
        args = {"id": f"{agent} {requester}"}
        standing = await room.propose(agent=agent, on_behalf_of=requester, args=args)
        await room.courier.sweep()
        await room.membrane.proposals.withdraw(standing.action.id, why="BUY NOW at evil.example", agent=agent)
        await room.courier.sweep()
        if agent == "ops-agent" and requester == GUS:
            assert room.dm(GUS) == "", "the bot does not even open a conversation"
            assert (await room.rows(standing))[-1].due_at is None, "the message is not retried"
    for user in (ADA, GUS):
        (words,) = room.said(room.dm(user))
        assert words.startswith("What you asked for through an agent: Withdrawn")
        text = read(room.blocks(room.dm(user)))
        assert text.startswith("In your name, the agent `")
        assert "evil.example" not in words + text, "the agent's reason is not shown"
    await room.membrane.tokens.revoke(taken.id)
    standing = await room.propose(agent="named", on_behalf_of=GUS, args={"id": "later"})
    await room.courier.sweep()
    await room.membrane.proposals.withdraw(standing.action.id, why="x", agent="named")
    await room.courier.sweep()
    assert len(room.said(room.dm(GUS))) == 1


async def test_the_owner_of_an_agent_is_told(room: Room) -> None:
    await room.membrane.tokens.create("ops-agent", GUS)
    standing = await room.propose(owner=GUS, on_behalf_of=GUS)
    assert standing.review
    await approve(room.membrane, standing.review.id, standing.action.args_digest)
    await room.courier.sweep()
    assert len(room.said(room.dm(GUS))) == 1


async def test_a_digest_is_one_message(room: Room) -> None:
    for number in range(30):
        await room.propose("report.make", args={"number": number})
    halted = await room.propose("mail.send")
    await room.courier.sweep()
    room.clock.ahead += 1001
    await room.membrane.deadlines.expire_due()
    await room.courier.sweep()
    successor = await room.card(await room.membrane.proposals.standing(halted.action.id))
    assert successor.ts
    assert await room.membrane.digests.make_due() == 1
    await room.courier.sweep()
    assert room.said("C0DIG") == ["Digest: 30 actions passed; 1 halted and waiting for an answer"]
    text = read(room.blocks("C0DIG"))
    assert "report.make by `ops-agent`: 30 × · 150.00 USD" in text
    assert "1 halted: nobody answered, and each can still be answered." in text
    assert f"archives/C0APPR/p{successor.ts.replace('.', '')}|open its card>" in str(room.blocks("C0DIG"))


async def test_the_most_urgent_message_goes_first(room: Room) -> None:
    courier = room.new_courier(rates=Rates(channel_s=0.2, workspace_s=0.0))
    await room.propose("mail.send", args={"id": "two"})
    await room.propose("data.delete", args={"id": "three"})
    await courier.sweep()
    room.clock.ahead += 0.3
    await courier.sweep()
    tiers = [call.args["text"][:24] for call in room.slack.calls.of("chat.postMessage")]
    assert tiers == ["Approval wanted, Tier 3:", "Approval wanted, Tier 2:"]


async def test_a_channel_gets_no_more_than_its_pace(room: Room) -> None:
    courier = room.new_courier(rates=Rates(channel_s=200.0, workspace_s=0.0))
    for number in range(3):
        await room.propose(args={"number": number})
    for count in (1, 2, 3):
        await courier.sweep()
        assert len(room.said("C0APPR")) == count
        room.clock.ahead += 100
        assert await courier.sweep() == 0, "the other cards wait in the store"
        assert len(room.said("C0APPR")) == count
        room.clock.ahead += 101


async def test_a_running_courier_answers_a_click_at_once(room: Room) -> None:
    room.clock.run()
    async with running(room.courier):
        standing = await room.propose()
        assert standing.review
        await until(lambda: room.said("C0APPR"))
        await approve(room.membrane, standing.review.id, standing.action.args_digest)
        await until(lambda: "✅ Approved" in read(room.blocks("C0APPR")))


async def test_the_courier_says_how_far_it_is_behind(room: Room) -> None:
    assert await room.courier.behind_s() == 0
    room.slack.faults.arm(method="*", kind="error", error="token_revoked", times=100)
    await room.propose()
    await room.courier.sweep()
    room.clock.ahead += 200
    assert await room.courier.behind_s() >= 199
    room.slack.faults.clear()
    await room.courier.sweep()
    assert await room.courier.behind_s() == 0


async def test_a_policy_change_moves_nothing_that_was_posted(room: Room) -> None:
    standing = await room.propose()
    await room.courier.sweep()
    room.in_force.append(policy(window_s=10.0))
    assert standing.review
    await approve(room.membrane, standing.review.id, standing.action.args_digest)
    await room.courier.sweep()
    assert len(room.said("C0APPR")) == 1
