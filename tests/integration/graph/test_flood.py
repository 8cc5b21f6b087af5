"""Many calls of one agent: how many people are asked about at once, and what becomes of the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from bot.domain.policy_model import DeclaredRisk, Kind
from bot.domain.risk import BlastRadius
from bot.membrane.capping import TAKEN_BACK_S
from tests.fakes import CLEO, DIA, policy
from tests.integration.graph import agents
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say

CAP = 20


def delete(number: int) -> dict[str, Any]:
    """Return the input of a thread of the graph `one`."""
    return {"kind": "data.delete", "args": {"id": number}}


async def pending(house: House, thread: str) -> list[Any]:
    """Return the reviews that a thread waits for."""
    standings = [await house.membrane.standing(each.id) for each in await house.actions(thread)]
    return [each.review for each in standings if each.review is not None and each.review.pending]


async def decide(house: House, *threads: str, approve: bool = True, most: int | None = None) -> int:
    """Vote on the reviews that threads wait for, as the last of a quorum; return on how many."""
    found = [review for thread in threads for review in await pending(house, thread)][:most]
    for review in found:
        for voter in (DIA, CLEO)[2 - review.ruling.quorum :]:
            await house.membrane.vote(review.id, voter, approve=approve, args_digest=review.args_digest)
    return len(found)


async def counted(house: House, *threads: str) -> Counter[str]:
    return Counter([state for thread in threads for state in await house.states(thread)])


async def test_a_message_with_500_calls_opens_no_more_reviews_than_the_cap(house: House) -> None:
    """A batch is answered together, once, with one answer for each call: also for those beyond the cap."""
    await house.open("batched")
    thread = await house.run("batched", say("flood"))
    assert await house.membrane.open_reviews() == CAP
    assert await house.states(thread) == ["waiting"] * CAP
    assert await decide(house, thread, most=CAP - 1) == CAP - 1
    await house.settle()
    assert (await house.thread(thread)).state == "parked"
    assert await decide(house, thread) == 1
    await house.settle()
    assert (await house.thread(thread)).state == "finished"
    assert [each.state for each in await house.interrupts(thread)] == ["delivered"]
    assert sorted(ran) == [("delete", number) for number in range(CAP)]
    said = await house.said(thread)
    assert len(said) == 500
    over = [text for _, text in said if "this was not put before a person" in text]
    assert len(over) == 500 - CAP
    assert "makes 500 that people have to approve, where the policy lets 20 of ops-agent wait" in over[0]


async def test_calls_that_wait_each_for_itself_take_their_turn_and_none_is_lost(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=7))
    await house.open("gated")
    thread = await house.run("gated", say("thirty"))
    assert await counted(house, thread) == {"waiting": 7, "queued": 23}
    while await decide(house, thread, most=3):
        assert await house.membrane.open_reviews() <= 7
        await house.settle()
        assert await house.membrane.open_reviews() <= 7
    assert sorted(ran) == [("delete", number) for number in range(30)]
    assert len(await house.said(thread)) == 30
    assert (await house.thread(thread)).state == "finished"


async def test_threads_wait_their_turn_after_a_restart_too(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=1))
    await house.open("one", "batched")
    first, second = await house.run("one", delete(1)), await house.run("one", delete(2))
    third = await house.run("batched", say("delete"))
    assert [await house.states(each) for each in (first, second, third)] == [
        ["waiting"],
        ["queued"],
        ["queued"],
    ]
    (waiting,) = await house.actions(second)
    assert "ops-agent has 1 reviews open, as many as the policy lets wait at once" in (waiting.detail or "")
    await house.host.stop()
    await house.open("one", "batched")
    await house.settle()
    assert await house.states(second) == ["queued"]
    await decide(house, first)
    await house.settle()
    assert await house.states(second) == ["waiting"], "the first that came is the first that is asked"
    assert await house.states(third) == ["queued"]
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=4))
    await house.settle()
    assert await house.states(third) == ["waiting"]
    await decide(house, second, third)
    await house.settle()
    assert {(await house.thread(each)).state for each in (first, second, third)} == {"finished"}
    assert len(ran) == 3


async def test_an_agent_at_its_cap_delays_no_other(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=2))
    await house.open("one")
    flood = [await house.run("one", delete(number)) for number in range(6)]
    quiet = await house.host.start_thread("one", delete(100), agent="quiet-agent")
    await house.settle()
    assert await house.states(quiet.id) == ["waiting"]
    assert await counted(house, *flood) == {"waiting": 2, "queued": 4}


async def test_a_queued_call_is_withdrawn_with_its_thread_and_never_asked(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=3))
    host = await house.open("gated")
    thread = await house.run("gated", say("thirty"))
    await host.end_thread(thread, "the ticket was closed")
    await house.settle()
    assert await counted(house, thread) == {"withdrawn": 30}
    standings = [await house.membrane.standing(each.id) for each in await house.actions(thread)]
    assert sum(bool(each.reviews) for each in standings) == 3


async def test_ending_threads_and_starting_them_again_does_not_reset_the_cap(house: House) -> None:
    """Reviewers have seen what was withdrawn a moment ago."""
    host = await house.open("batched")
    opened = 0
    for _ in range(4):
        thread = await house.run("batched", say("thirty"))
        opened += len(await pending(house, thread))
        await host.end_thread(thread, "tried again")
    assert opened == CAP
    last = await house.run("batched", say("thirty"))
    assert await counted(house, last) == {"queued": CAP}
    (first, *_) = await house.actions(last)
    assert "20 were withdrawn within the last 10 minutes" in (first.detail or "")
    house.clock.forward(TAKEN_BACK_S + 1)
    await house.settle()
    assert await counted(house, last) == {"waiting": CAP}


async def test_what_was_rejected_while_the_same_waited_is_not_asked_again(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=1))
    await house.open("one")
    threads = [await house.run("one", delete(1)) for _ in range(8)]
    await decide(house, *threads, approve=False)
    await house.settle()
    assert await counted(house, *threads) == {"rejected": 8}
    assert {(await house.thread(each)).state for each in threads} == {"finished"}
    remembered = [each.remembers for thread in threads for each in await house.actions(thread)]
    assert remembered.count(None) == 1
    assert ran == []


async def test_a_policy_that_asks_more_of_a_batch_keeps_to_the_cap(house: House) -> None:
    """Thirty calls had passed and waited for one; by then the policy asks about all of them."""
    looser = policy(tools=agents.KINDS, open_per_agent=4)
    house.in_force.append(looser)
    await house.open("batched")
    thread = await house.run("batched", say("mostly passing"))
    assert await counted(house, thread) == {"passed": 30, "waiting": 1}
    read = Kind("db.read", DeclaredRisk(reversible=False, blast_radius=BlastRadius.HIGH), more_args=True)
    house.in_force.append(replace(looser, actions={**looser.actions, "db.read": read}))
    rounds = 0
    while await decide(house, thread):
        await house.settle()
        assert await house.membrane.open_reviews() <= 4
        rounds += 1
    assert rounds > 7
    assert (await house.thread(thread)).state == "finished"
    assert len(ran) == 31
